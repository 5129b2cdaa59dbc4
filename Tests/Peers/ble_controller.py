"""A Bluetooth controller made of software, on a pseudo-terminal, and beacons that it hears.

The controller is bumble's: it speaks HCI in H4 packets on the pseudo-terminal, to which LINK becomes a symbolic link.
The beacons are devices of their own on the same simulated air; beacon n sends an iBeacon of major 1 and minor n.
Prints "ready" when all of them are on the air, and ends when its standard input is closed.

What it cannot do: every signal is -50 dBm, each advertisement is followed by a scan response though the scan is passive,
commands that it does not know are never answered, and a reset does not end the scan.
"""

import argparse
import asyncio
import struct
import sys
import uuid

from bumble import hci
from bumble.controller import Controller
from bumble.device import Device
from bumble.host import Host
from bumble.link import LocalLink
from bumble.transport import open_transport
from bumble.transport.common import AsyncPipeSink

PROXIMITY_UUID = uuid.UUID("e2c56db5-dffb-48d2-b060-d0f5a71096e0")


def advertisement(minor):
    """Flags, and the manufacturer data of an iBeacon with -59 dBm at 1 m."""
    beacon = b"\x4c\x00\x02\x15" + PROXIMITY_UUID.bytes + struct.pack(">HHb", 1, minor, -59)
    return bytes([2, 0x01, 0x06, len(beacon) + 1, 0xFF]) + beacon


async def send_beacon(air, minor, interval):
    controller = Controller(f"beacon {minor}", link=air)
    device = Device(name=f"beacon {minor}", address=hci.Address(f"F0:F1:F2:F3:00:{minor:02X}"))
    device.host = Host(controller, AsyncPipeSink(controller))
    await device.power_on()
    await device.start_advertising(
        advertising_data=advertisement(minor),
        auto_restart=True,
        advertising_interval_min=interval,
        advertising_interval_max=interval,
    )
    return device


async def run(options):
    air = LocalLink()
    async with await open_transport(f"pty:{options.link}") as transport:
        controller = Controller(
            "receiver",
            host_source=transport.source,
            host_sink=transport.sink,
            link=air,
            public_address="A0:A1:A2:A3:A4:A5",
        )
        if not options.extended:
            controller.le_features &= ~hci.LeFeatureMask.LE_EXTENDED_ADVERTISING
        beacons = [await send_beacon(air, minor, options.interval) for minor in range(options.beacons)]
        print("ready", len(beacons), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def main():
    parser = argparse.ArgumentParser(description="A software Bluetooth controller with beacons around it.")
    parser.add_argument("--link", required=True, help="where the symbolic link to the pseudo-terminal is made")
    parser.add_argument("--beacons", type=int, default=3, help="how many beacons are on the air (at most 255)")
    parser.add_argument("--interval", type=int, default=100, help="milliseconds between two advertisements")
    parser.add_argument("--extended", action="store_true", help="offer extended advertising")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
