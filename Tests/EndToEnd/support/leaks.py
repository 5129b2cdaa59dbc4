"""Looks for identifiers in the clear in anything that leaves a program: as bytes, hexadecimal or base64."""

import base64
import re


def base64_needles(identifier):
    """The characters that every base64 text with these bytes in it has, for each of the three alignments."""
    needles = set()
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + identifier).rstrip(b"=")
        # The first characters mix in bits of the bytes before, the last those of the bytes after.
        first = {0: 0, 1: 2, 2: 3}[before]
        last = (before + len(identifier)) * 8 // 6
        needle = encoded[first:last]
        needles.add(needle)
        needles.add(needle.replace(b"+", b"-").replace(b"/", b"_"))
    return needles


# What people put between the digits of an identifier: 8deefbb9-f738-4297-…, C0:A2:A3:…
_SEPARATORS = re.compile(rb"[-: ]")


def find(identifiers, data):
    """The identifiers that are in `data`, each with the form in which it is there."""
    data = bytes(data)
    lower = data.lower()
    bare = _SEPARATORS.sub(b"", lower)
    found = []
    for identifier in identifiers:
        digits = identifier.hex().encode()
        if identifier in data:
            found.append((identifier, "bytes"))
        if identifier[::-1] in data:
            found.append((identifier, "bytes, last first"))
        if digits in lower or digits in bare:
            found.append((identifier, "hexadecimal"))
        if identifier[::-1].hex().encode() in bare:
            found.append((identifier, "hexadecimal, last first"))
        if any(needle in data for needle in base64_needles(identifier)):
            found.append((identifier, "base64"))
    return found
