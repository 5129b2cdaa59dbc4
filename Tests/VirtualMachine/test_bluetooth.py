"""The kernel's hci0 with a controller of software behind it."""

# Takes hci0 for itself (HCI user channel), resets it, scans, and prints what it hears.
LISTEN = """
import ctypes, socket, struct
libc = ctypes.CDLL(None, use_errno=True)
channel = libc.socket(31, socket.SOCK_RAW, 1)
address = struct.pack("<HHH", 31, 0, 1)
assert channel >= 0 and libc.bind(channel, address, len(address)) == 0, ctypes.get_errno()
channel = socket.socket(fileno=channel)
channel.settimeout(20)
for order in ("01030c00", "010b2007006000600000 00", "010c20020100"):
    order = bytes.fromhex(order)
    channel.send(order)
    while True:
        event = channel.recv(300)
        if event[1] == 0x0E and event[4:6] == order[1:3]:
            assert event[6] == 0, event.hex()
            break
heard = set()
while len(heard) < 2:
    event = channel.recv(300)
    if event[:2] == b"\\x04\\x3e" and event[3] == 2 and b"\\x4c\\x00\\x02\\x15" in event:
        heard.add(event[7:13][::-1].hex())
print(*sorted(heard))
"""


def test_the_kernel_has_a_controller_that_hears_beacons(machine, bluetooth):
    heard = machine.says("python3 -", input=LISTEN.encode())
    assert len(set(heard.split()) & {"f0f1f2f30000", "f0f1f2f30001", "f0f1f2f30002"}) == 2
    bluetooth.detach()
    machine.wait_until("! test -e /sys/class/bluetooth/hci0", 20)
