"""What live running raised and what its recording replays to are equal in everything but what names the run."""

import json
import subprocess

from support.ledger import Ledger

# What the contract lets differ: ids, boot, epoch, sequence and delivery.
NAMES_OF_THE_RUN = ("id", "boot", "epoch", "sequence", "delayed")


def call(program, *arguments, folder):
    result = subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    return result.stdout


def comparable(message):
    return {name: value for name, value in message.items() if name not in NAMES_OF_THE_RUN}


def test_a_recording_of_a_simulated_site_replays_to_what_was_raised(top, program, tmp_path):
    demo = top / "examples/demo"
    (tmp_path / "ports").mkdir()
    (tmp_path / "state").mkdir()
    call(program, "sign", "keypair", "--kid", "demo-2026", "--output", ".", folder=tmp_path)
    call(program, "sign", "tagkey", "--output", "tag-key-2026-11", folder=tmp_path)
    call(program, "sign", "watchlist", "--key", "demo-2026.key", "--kid", "demo-2026", "--tag-key", "tag-key-2026-11",
         "--tag-kid", "2026-11", "--root", "mimamori/282103", "--group", "east", "--revision", "1", "--valid-until",
         "2099-01-01T00:00:00+09:00", "--input", demo / "persons.json", "--output", "watchlist.jws", folder=tmp_path)
    text = (demo / "gateway.toml").read_text().replace("/tmp/mimamori-demo", str(tmp_path))
    # No broker listens on the discard port: what is raised stays in the ledger.
    (tmp_path / "gateway.toml").write_text(text.replace("port = 1883", "port = 9"))

    call(program, "simulate", "--config", "gateway.toml", "--scenario", demo / "scenario.toml", "--speed", "2",
         "--record", "site.jsonl", folder=tmp_path)
    live = [entry.json() for entry in Ledger(tmp_path / "state").entries() if entry.sequence is not None]
    replayed = [json.loads(line) for line in call(
        program, "replay", "--config", "gateway.toml", "--input", "site.jsonl", folder=tmp_path).splitlines()]

    assert len(live) >= 10
    assert {message["kind"] for message in live if "kind" in message} >= {"water_level", "flood_contact", "arrival"}
    assert [comparable(message) for message in replayed] == [comparable(message) for message in live]
    assert all(message["boot"] == "replay" and message["delayed"] is False for message in replayed)
    # Nothing of a tag but its hash is in the recording.
    recording = (tmp_path / "site.jsonl").read_text()
    assert "e2c56db5dffb48d2b060d0f5a71096e003e90007" not in recording and "8deefbb9" not in recording
    assert (tmp_path / "site.jsonl").stat().st_mode & 0o777 == 0o600
