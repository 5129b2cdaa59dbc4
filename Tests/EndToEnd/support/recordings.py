"""What live running raised and what its recording replays to, made comparable."""

import json
import subprocess

from .ledger import Ledger

# What the contract lets differ: ids, boot, epoch, sequence and delivery.
NAMES_OF_THE_RUN = ("id", "boot", "epoch", "sequence", "delayed")


def call(program, *arguments, folder):
    result = subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    return result.stdout


def comparable(message):
    """Without what names the run."""
    return {name: value for name, value in message.items() if name not in NAMES_OF_THE_RUN}


def numbered(folder):
    """All that a ledger raised."""
    return [entry.json() for entry in Ledger(folder).entries() if entry.sequence is not None]


def replayed(program, folder, recording, *arguments):
    """What a recording replays to."""
    output = call(program, "replay", "--config", "gateway.toml", "--input", recording, *arguments, folder=folder)
    return [json.loads(line) for line in output.splitlines()]


def all_comparable(messages):
    return [comparable(message) for message in messages]
