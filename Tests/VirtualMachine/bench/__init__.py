"""The test bench: a Debian 12 in QEMU, its hardware, and the gateway installed in it as on a board."""
