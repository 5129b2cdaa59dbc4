"""Tags whose identifiers change, computed from the specifications with the `cryptography` package's AES."""

import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


def _encrypt(key, block):
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return encryptor.update(block) + encryptor.finalize()


def ephemeral_identifier(key, exponent, seconds):
    """Eddystone-EID of a tag whose clock shows `seconds`."""
    temporary = _encrypt(key, bytes(11) + b"\xff\x00\x00" + struct.pack(">H", seconds >> 16))
    rounded = seconds >> exponent << exponent
    return _encrypt(temporary, bytes(11) + bytes([exponent]) + struct.pack(">I", rounded))[:8]


def ephemeral_advertisement(identifier):
    return bytes.fromhex("0201060303aafe0d16aafe30ee") + identifier


def resolvable_address(key, random):
    """A resolvable private address of 24 random bits, the first byte the lowest, as HCI has it."""
    random = random & 0x3FFFFF | 0x400000
    prand = struct.pack(">I", random)[1:]
    hashed = _encrypt(key, bytes(13) + prand)[13:]
    return (prand + hashed)[::-1]


def telemetry(millivolts):
    """Eddystone-TLM."""
    return bytes.fromhex("0201060303aafe1116aafe2000") + struct.pack(">HhII", millivolts, 19 << 8, 5223, 10948)
