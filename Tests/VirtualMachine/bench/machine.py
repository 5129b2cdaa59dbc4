"""One virtual machine: booted, ordered about, and ended without leaving anything behind."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from support.waiting import wait_until

from .control import QMP, Agent, ControlError

TOP = Path(__file__).resolve().parents[3]
IMAGE = TOP / ".build/virtual-machine"

# Software emulation beside other work is slow: what a test waits for is awaited, these are only the ends of patience.
BOOT_SECONDS = 300
COMMAND_SECONDS = 120

USB_PLUGS = ("usb-a", "usb-b")
BREAKAGE = re.compile(r"general protection fault|BUG: .*|Oops: .*|Kernel panic.*|REMOVING GPIOCHIP WITH GPIOS STILL REQUESTED")


@dataclass(frozen=True)
class Result:
    """What a command in the machine left behind."""

    status: int
    output: str
    error: str


class Command:
    """A command that runs in the machine while the test goes on."""

    def __init__(self, machine, text, number):
        self._machine = machine
        self._number = number
        self.text = text
        self.result = None

    @property
    def is_running(self):
        if self.result is None:
            answer = self._machine.ask(lambda agent: agent.result(self._number))
            if answer is not None:
                status, output, error = answer
                self.result = Result(status, output.decode(errors="replace"), error.decode(errors="replace"))
        return self.result is None

    def wait(self, seconds=COMMAND_SECONDS):
        wait_until(lambda: not self.is_running, seconds, f"the command ends: {self.text}", every=0.05)
        return self.result


class Machine:
    """Debian 12 on a disk that forgets, with a serial console in a file and three lines to the outside.

    `serial_line` is ttyS1, `radio_line` ttyS2, and each of the two USB plugs has a line of its own: Unix sockets on
    which QEMU listens. `share` is a folder of the host that the machine sees as /host. `state`, if given, is a second disk
    that does not forget (bench/disk.py).
    """

    def __init__(self, folder=None, *, memory=640, state=None):
        for name in ("vmlinuz", "initramfs", "root.img"):
            assert (IMAGE / name).exists(), f"{IMAGE / name} is missing: run `make virtual-machine`"
        # Paths of Unix sockets must be short.
        self._folder = Path(folder or tempfile.mkdtemp(prefix="mimamori-vm-"))
        self.share = self._folder / "share"
        self.share.mkdir()
        self.console_log = self._folder / "console.log"
        self.trace_log = self._folder / "trace.log"
        self.serial_line = self._folder / "serial"
        self.radio_line = self._folder / "radio"
        self.state = state
        self._memory = memory
        self._lock = threading.Lock()
        self._process = self._qmp = self._agent = None

    def usb_line(self, plug):
        """The socket of what is plugged into `plug`, one of `USB_PLUGS`."""
        assert plug in USB_PLUGS
        return self._folder / plug

    # Power

    def boot(self, seconds=BOOT_SECONDS):
        """Switches it on and waits until systemd has started everything."""
        assert self._process is None
        began = time.monotonic()
        # If the tests die, however they die, the kernel ends the machine too.
        with open(self._folder / "qemu.log", "wb") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", *self._arguments()],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        try:
            self._qmp = QMP(self._folder / "qmp")
            self._agent = Agent(self._folder / "agent", 10)
            self._agent.wait(seconds, lambda: self.is_running)
            left = max(1.0, seconds - (time.monotonic() - began))
            state = self.run("systemctl is-system-running --wait", check=False, seconds=left).output.strip()
            assert state == "running", f"{state}: {self.run('systemctl --failed --no-legend', check=False).output}"
        except BaseException:
            print(f"The console said:\n{self.console()}")
            self.power_off()
            raise
        self.boot_seconds = time.monotonic() - began
        return self

    def _arguments(self):
        def socket_line(name, path):
            return ["-chardev", f"socket,id={name},path={path},server=on,wait=off"]

        arguments = [
            "-M", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", str(self._memory),
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-msg", "timestamp=on",
            "-kernel", str(IMAGE / "vmlinuz"), "-initrd", str(IMAGE / "initramfs"),
            # Without no_timer_check the kernel panics where the host leaves it no time for some ticks at its start.
            "-append", "console=ttyS0 quiet loglevel=4 panic=-1 random.trust_cpu=on systemd.show_status=0 net.ifnames=1 "
            "no_timer_check",
            "-drive", f"file={IMAGE / 'root.img'},if=none,id=disk,format=raw,snapshot=on",
            "-device", "virtio-blk-pci,drive=disk", "-device", "virtio-rng-pci", "-device", "i6300esb",
            "-virtfs", f"local,path={self.share},mount_tag=host,security_model=none,multidevs=remap",
            "-netdev", "user,id=network", "-device", "virtio-net-pci,netdev=network,id=cable,romfile=",
            *socket_line("agent", self._folder / "agent"), "-device", "virtio-serial-pci",
            "-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0",
            "-serial", f"file:{self.console_log}",
            *socket_line("serial", self.serial_line), "-serial", "chardev:serial",
            *socket_line("radio", self.radio_line), "-serial", "chardev:radio",
            "-device", "qemu-xhci,id=usb", "-qmp", f"unix:{self._folder / 'qmp'},server=on,wait=off",
            "-D", str(self.trace_log)]
        for plug in USB_PLUGS:
            arguments += socket_line(plug, self.usb_line(plug))
        if self.state:
            arguments += self.state.arguments()
        return arguments

    @property
    def is_running(self):
        return self._process is not None and self._process.poll() is None

    def power_off(self):
        """Cuts the power: nothing in the machine gets a chance to do anything."""
        for conversation in (self._agent, self._qmp):
            if conversation:
                conversation.close()
        self._agent = self._qmp = None
        if self._process is not None:
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(20)

    def close(self):
        """Cuts the power and keeps nothing but the console's and QEMU's words, in .build/virtual-machine/last-run/."""
        self.power_off()
        last = IMAGE / "last-run"
        last.mkdir(exist_ok=True)
        for log in (self.console_log, self._folder / "qemu.log"):
            if log.exists():
                shutil.copy(log, last)
        shutil.rmtree(self._folder, ignore_errors=True)

    # Commands

    def ask(self, question):
        """Talks to the agent, one thread at a time."""
        with self._lock:
            assert self.is_running, f"the machine has stopped; the console said:\n{self.console()}"
            return question(self._agent)

    def start(self, text, input=None):
        """Starts a shell command as root. `/host` is the shared folder."""
        number = self.ask(lambda agent: agent.start("/bin/sh", ["-c", text], input))
        return Command(self, text, number)

    def run(self, text, *, check=True, seconds=COMMAND_SECONDS, input=None):
        """Runs a shell command as root to its end, which must be a success unless `check` is false."""
        result = self.start(text, input).wait(seconds)
        assert not check or result.status == 0, (
            f"{text!r} ended with {result.status} in the machine:\n{result.output}{result.error}")
        return result

    def says(self, text, **options):
        """The standard output of a command, without the spaces around it."""
        return self.run(text, **options).output.strip()

    def wait_until(self, text, seconds, what=None, every=0.1):
        """Waits until a command in the machine succeeds."""
        wait_until(
            lambda: self.run(text, check=False).status == 0, seconds,
            lambda: f"{what or text}; journal:\n{self.journal()}", every)

    def uptime(self):
        """Seconds since the boot, by the machine's own clock."""
        return float(self.says("cat /proc/uptime").split()[0])

    def journal(self, unit=None, lines=40):
        which = f"-u {unit}" if unit else ""
        return self.run(f"journalctl --no-pager -o short-monotonic -n {lines} {which}", check=False).output

    def console(self, lines=30):
        text = self.console_log.read_text(errors="replace") if self.console_log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def breakages(self):
        """What the kernel said of itself on the console that a healthy one never says."""
        text = self.console_log.read_text(errors="replace") if self.console_log.exists() else ""
        return BREAKAGE.findall(text)

    def put(self, source, target, mode="0644"):
        """Copies a file, or what is in a folder, to an absolute path in the machine; it belongs to root there."""
        source = Path(source)
        passage = Path(tempfile.mkdtemp(dir=self.share))
        try:
            if source.is_dir():
                shutil.copytree(source, passage / "it", symlinks=True)
                # Folders that are there already keep their rights.
                self.run(
                    f"mkdir -p '{target}' && tar -C /host/{passage.name}/it -cf - . | "
                    f"tar -C '{target}' -xf - --no-same-owner --no-overwrite-dir")
            else:
                shutil.copy(source, passage / "it")
                self.run(f"install -D -o root -g root -m {mode} /host/{passage.name}/it '{target}'")
        finally:
            shutil.rmtree(passage)

    def write(self, target, content, mode="0644"):
        """Writes a small file in the machine."""
        data = content.encode() if isinstance(content, str) else content
        self.run(
            f"mkdir -p \"$(dirname '{target}')\" && cat > '{target}' && chmod {mode} '{target}'", input=data)

    # Hardware

    def qmp(self, command, **arguments):
        """An order to QEMU itself."""
        with self._lock:
            return self._qmp.execute(command, **arguments)

    def plug_usb_serial(self, name, plug, serial, seconds=10):
        """Plugs an FTDI serial adapter with the serial number `serial` in; it becomes the next ttyUSB.

        Its line is `usb_line(plug)`. `name` is for `unplug`.
        """
        def plugged():
            try:
                # Without `always_plugged` it would be there only while a peer is connected to its line.
                self.qmp(
                    "device_add", driver="usb-serial", id=name, chardev=plug, serial=serial, bus="usb.0",
                    always_plugged=True)
                return True
            except ControlError as refusal:
                # What was pulled out lets go of its line a moment later.
                if "in use" not in str(refusal) and "Duplicate" not in str(refusal):
                    raise
                return False

        wait_until(plugged, seconds, f"{name} can be plugged in")

    def unplug(self, name):
        """Pulls a device out."""
        self.qmp("device_del", id=name)

    def send_break(self, line="serial"):
        """Holds a line at break, as seen by the machine. Only the 16550s know it."""
        self.qmp("chardev-send-break", id=line)

    def set_cable(self, is_connected):
        """Connects the network cable or pulls it out."""
        self.qmp("set_link", name="cable", up=is_connected)
