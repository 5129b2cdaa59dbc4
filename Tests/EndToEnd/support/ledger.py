"""Reads a gateway's ledger as another program would: SQLite, read-only, while the gateway writes or lies dead."""

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Entry:
    row: int
    stream: str
    sequence: int | None
    id: str
    revision: int
    topic: str
    is_delivered: bool
    is_handed_over: bool
    payload: bytes

    def json(self):
        return json.loads(self.payload)


class Ledger:
    def __init__(self, state):
        self.path = Path(state) / "ledger.sqlite"

    def entries(self, after=0, undelivered=False):
        """What was raised since row `after`, in order; none before there is a ledger."""
        if not self.path.exists():
            return []
        condition = "acknowledged IS NULL AND" if undelivered else ""
        try:
            connection = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=5)
            try:
                rows = connection.execute(
                    "SELECT row, stream, sequence, id, revision, topic, acknowledged, frozen, bytes FROM messages"
                    f" WHERE {condition} row > ? ORDER BY row", (after,)).fetchall()
            finally:
                connection.close()
        except sqlite3.OperationalError as error:
            # The gateway is making it at this very moment.
            if "no such table" in str(error) or "unable to open" in str(error):
                return []
            raise
        return [
            Entry(row, stream, sequence, id, revision, topic, acknowledged is not None, bool(frozen), bytes(payload))
            for row, stream, sequence, id, revision, topic, acknowledged, frozen, payload in rows]

    def undelivered(self):
        return self.entries(undelivered=True)
