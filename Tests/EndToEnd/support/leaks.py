"""Looks for identifiers in the clear in anything that leaves a program: as bytes, hexadecimal or base64."""

import base64
import re
import struct


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


_WINDOW = 6


def find_many(identifiers, data):
    """The same as `find` for thousands of identifiers of 6 bytes or more: each place of `data` is looked at once.

    A window of six bytes that begins any of the forms is a suspicion; `find` then judges the surroundings.
    """
    beginnings = {}
    longest = 0
    for identifier in identifiers:
        forms = [identifier, identifier[::-1], identifier.hex().encode(), identifier[::-1].hex().encode()]
        forms += base64_needles(identifier)
        longest = max(longest, *(len(form) for form in forms))
        for form in forms:
            beginnings.setdefault(form[:_WINDOW], set()).add(identifier)
    data = bytes(data)
    found = set()
    for text in (data, _SEPARATORS.sub(b"", data.lower())):
        for window in _windows(text) & beginnings.keys():
            start = text.find(window)
            while start >= 0:
                found.update(find(beginnings[window], text[max(0, start - longest):start + 2 * longest]))
                start = text.find(window, start + 1)
    return sorted(found)


def _windows(text):
    """Every six bytes in a row that are in `text`."""
    windows = set()
    for offset in range(_WINDOW):
        count = max(0, len(text) - offset) // _WINDOW
        body = text[offset:offset + count * _WINDOW]
        windows.update(window for (window,) in struct.iter_unpack(f"{_WINDOW}s", body))
    return windows
