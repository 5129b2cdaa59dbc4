"""What is wired to the lines of simulated chips: contacts that bounce and buckets that tip, moved inside the machine."""

import json
import os
import shutil
import subprocess
from pathlib import Path

PROGRAM = "/usr/local/bin/wires"


class Wires:
    """Runs `wires.c` in the machine: the machine's clock alone counts."""

    def __init__(self, machine, folder):
        self._machine = machine
        compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("clang")
        program = Path(folder) / "wires"
        source = Path(__file__).with_suffix(".c")
        subprocess.run([compiler, "-std=gnu11", "-O2", "-Wall", "-Wextra", "-o", program, source], check=True)
        machine.put(program, PROGRAM, mode="0755")

    def tips(self, count, paths, period_ms=50, bounce_us=2000):
        """Starts `count` tips on each of the lines."""
        self._note_edges_at_once()
        return self._machine.start(f"{PROGRAM} tips {count} {period_ms} {bounce_us} {' '.join(paths)}")

    @staticmethod
    def told(command, seconds):
        """What `tips` told when it ended."""
        result = command.wait(seconds)
        assert result.status == 0, result.error
        return json.loads(result.output)

    def edges(self, count, path, gap_us=500, seconds=120):
        """Changes one line so often; done when it returns."""
        self._note_edges_at_once()
        self._machine.run(f"{PROGRAM} edges {count} {gap_us} {path}", seconds=seconds)

    def _note_edges_at_once(self):
        """Puts whoever notes the lines' edges on the processor that changes the lines.

        The kernel notes an edge in a thread of the line's own. There, it has noted one before the next can come; on
        another processor, which the host may stop meanwhile, it would see many as one, and without a word.
        """
        self._machine.run("for thread in $(pgrep irq/); do taskset -pc 0 $thread; done", check=False)

    def watch(self, path):
        """Notes each change of an output from now on."""
        return Watch(self._machine, path)


class Watch:
    """The levels of one output and the microseconds at which they came, by the machine's clock."""

    def __init__(self, machine, path):
        self._machine = machine
        self._log = f"/run/wires-{os.path.basename(os.path.dirname(path))}.log"
        self._process = machine.says(f"{PROGRAM} watch {path} >{self._log} 2>&1 & echo $!")
        machine.wait_until(f"test -s {self._log}", 10, "the watch begins")

    def changes(self):
        """All that was seen: (microseconds, level), the first when the watch began."""
        lines = self._machine.says(f"cat {self._log}").splitlines()
        return [(int(time), int(level)) for time, level in map(str.split, lines)]

    def levels(self):
        return [level for _, level in self.changes()]

    def close(self):
        self._machine.run(f"kill {self._process}; rm -f {self._log}", check=False)
