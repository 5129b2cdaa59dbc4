"""A peer of Tests/Peers as a process of its own that prints READY and obeys lines on its standard input."""

import json
import subprocess
import sys
import threading

from .waiting import wait_until


class PeerProcess:
    def __init__(self, top, script, *arguments):
        self._lines = []
        self._process = subprocess.Popen(
            [sys.executable, str(top / "Tests" / "Peers" / script), *map(str, arguments)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        wait_until(lambda: any(line.startswith("READY") for line in self._lines), 30, f"{script} is ready")

    def _read(self):
        for line in self._process.stdout:
            self._lines.append(line.rstrip())

    def tell(self, *words):
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()

    def stats(self):
        """What the peer has counted."""
        before = sum(line.startswith("STATS") for line in self._lines)
        self.tell("stats")
        wait_until(lambda: sum(line.startswith("STATS") for line in self._lines) > before, 10, "the peer's statistics")
        return json.loads([line for line in self._lines if line.startswith("STATS")][-1].removeprefix("STATS "))

    def close(self):
        self._process.terminate()
        self._process.wait(10)
        self._process.stdin.close()
        self._thread.join()
        self._process.stdout.close()
