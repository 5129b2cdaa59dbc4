"""A small disk for the state folder, whose every write QEMU logs: from the log comes the disk of any power cut.

The log has the form of the kernel's dm-log-writes: a header, then entries, each padded to a sector and followed by its data.
"""

import os
import shutil
import struct
import subprocess
from pathlib import Path

SECTOR = 512
MAGIC = 0x6A736677736872
FLUSH, FUA, DISCARD = 1, 2, 4
# The machine's name of the disk, by its serial number.
DEVICE = "/dev/disk/by-id/virtio-state"


class StateDisk:
    """An ext4 of its own in a file of the host."""

    def __init__(self, folder, megabytes=64):
        self.image = Path(folder) / "state.img"
        self.log = Path(folder) / "state.log"
        with open(self.image, "wb") as file:
            file.truncate(megabytes << 20)
        subprocess.run(
            ["mke2fs", "-q", "-t", "ext4", "-b", "4096", "-L", "state", "-E", "lazy_itable_init=0,lazy_journal_init=0", self.image],
            check=True, capture_output=True)

    def arguments(self):
        """What QEMU is told. The log begins anew with each boot."""
        self.log.write_bytes(b"")
        return [
            "-blockdev", f"driver=file,node-name=state-image,filename={self.image}",
            "-blockdev", f"driver=file,node-name=state-log,filename={self.log}",
            "-blockdev", f"driver=blklogwrites,node-name=state,file=state-image,log=state-log,log-sector-size={SECTOR}",
            "-device", "virtio-blk-pci,drive=state,serial=state"]

    def logged(self):
        """How many bytes the log has: what is in it now happened before now."""
        return self.log.stat().st_size


class Write:
    """An entry of the log. `end` is where it ends in the log."""

    __slots__ = ("offset", "data", "flags", "end")

    def __init__(self, offset, data, flags, end):
        self.offset, self.data, self.flags, self.end = offset, data, flags, end


def read_log(path, begin=SECTOR, is_cut=False):
    """The entries of a log from byte `begin` on, where an entry begins. If `is_cut`, QEMU was killed: what it had not finished to log
    at the end is left out."""
    data = Path(path).read_bytes()
    magic, version, _, sector = struct.unpack_from("<QQQI", data)
    assert (magic, version, sector) == (MAGIC, 1, SECTOR), "no log of writes"
    entries, place = [], begin
    while place + SECTOR <= len(data):
        first, count, flags, _ = struct.unpack_from("<QQQQ", data, place)
        assert flags < 16 and (first + count) * SECTOR <= 1 << 40, f"no entry at {place}"
        place += SECTOR
        length = 0 if flags & DISCARD else count * SECTOR
        content = data[place:place + length]
        if is_cut and (len(content) < length or not (count or flags)):
            break
        assert len(content) == length, "the log ends in the middle of an entry"
        place += length
        entries.append(Write(first * SECTOR, bytes(count * SECTOR) if flags & DISCARD else content, flags, place))
    return entries


class PowerCut:
    """Makes the disk as a power cut leaves it: what was flushed, and of what was not a random part, torn by sectors."""

    def __init__(self, base, entries):
        self._image = bytearray(Path(base).read_bytes())
        self._entries = entries
        self._durable = 0

    @staticmethod
    def _apply(image, write, count=None):
        data = write.data if count is None else write.data[:count]
        image[write.offset:write.offset + len(data)] = data

    def image(self, count, chance):
        """The disk when the power was cut after `count` entries; each call with no lower count than the one before."""
        flushes = [n for n in range(self._durable, count) if self._entries[n].flags & FLUSH]
        if flushes:
            for write in self._entries[self._durable:flushes[-1] + 1]:
                self._apply(self._image, write)
            self._durable = flushes[-1] + 1
        cut = bytearray(self._image)
        self.torn = self.dropped = 0
        for write in self._entries[self._durable:count]:
            fate = "kept" if write.flags & FUA else chance.choice(["kept", "lost", "torn"])
            if fate == "torn" and len(write.data) > SECTOR:
                self._apply(cut, write, chance.randrange(SECTOR, len(write.data), SECTOR))
                self.torn += 1
            elif fate == "kept":
                self._apply(cut, write)
            else:
                self.dropped += 1
        return bytes(cut)


def lose_unflushed(disk, base, chance):
    """After QEMU was killed: makes of the disk what a disk with a cache of its own keeps, by `PowerCut`, from the log of this boot and
    `base`, the disk before it. Returns how many writes were lost and torn; None where a write was under way that the log does not tell,
    so that the disk stays as QEMU left it."""
    entries = read_log(disk.log, is_cut=True) if disk.logged() else []
    told = bytearray(Path(base).read_bytes())
    for entry in entries:
        told[entry.offset:entry.offset + len(entry.data)] = entry.data
    if told != disk.image.read_bytes():
        return None
    cut = PowerCut(base, entries)
    disk.image.write_bytes(cut.image(len(entries), chance))
    return cut.dropped, cut.torn


def read_folder(image, folder):
    """Mends an ext4 as a board does at its boot, by its journal, and copies all its files into a folder. Nothing is mounted."""
    mended = subprocess.run(["e2fsck", "-fy", image], capture_output=True, text=True)
    assert mended.returncode in (0, 1), mended.stdout + mended.stderr
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    dumped = subprocess.run(["debugfs", "-R", f"rdump / {folder}", image], capture_output=True, text=True)
    assert dumped.returncode == 0, dumped.stderr
    return Path(folder)
