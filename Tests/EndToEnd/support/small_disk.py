"""File systems of their own, for a disk that is full or hangs."""

import contextlib
import subprocess

import pytest


def _mounted(folder, *arguments):
    folder.mkdir()
    result = subprocess.run(["mount", *arguments, folder], capture_output=True, text=True)
    if result.returncode != 0:
        pytest.skip(f"a small file system cannot be mounted here: {result.stderr.strip()}")
    return folder


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 512 KiB."""
    folder = _mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=512k,mode=0755", "tmpfs")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder):
    """Leaves no byte free."""
    with open(folder / "ballast", "wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(4096))
        except OSError:
            pass


@pytest.fixture
def slow_disk(tmp_path):
    """A file system that `hanging` can stop."""
    image = tmp_path / "disk.image"
    image.write_bytes(bytes(16 * 1024 * 1024))
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    folder = _mounted(tmp_path / "disk", "-o", "loop", image)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@contextlib.contextmanager
def hanging(folder):
    """Whoever writes there meanwhile waits, as for a card that does not answer; nothing can end that wait."""
    result = subprocess.run(["fsfreeze", "--freeze", folder], capture_output=True, text=True)
    if result.returncode != 0:
        pytest.skip(f"a file system cannot be stopped here: {result.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["fsfreeze", "--unfreeze", folder], check=True)
