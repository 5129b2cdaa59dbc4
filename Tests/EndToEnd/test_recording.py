"""What live running raised and what its recording replays to are equal in everything but what names the run."""

from support.recordings import all_comparable, call, numbered, replayed


def test_a_recording_of_a_simulated_site_replays_to_what_was_raised(top, program, demo_site):
    call(program, "simulate", "--config", "gateway.toml", "--scenario", top / "examples/demo/scenario.toml",
         "--speed", "2", "--record", "site.jsonl", folder=demo_site)
    live = numbered(demo_site / "state")
    again = replayed(program, demo_site, "site.jsonl")

    assert len(live) >= 10
    assert {message["kind"] for message in live if "kind" in message} >= {"water_level", "flood_contact", "arrival"}
    assert all_comparable(again) == all_comparable(live)
    assert all(message["boot"] == "replay" and message["delayed"] is False for message in again)
    # Nothing of a tag but its hash is in the recording.
    recording = (demo_site / "site.jsonl").read_text()
    assert "e2c56db5dffb48d2b060d0f5a71096e003e90007" not in recording and "8deefbb9" not in recording
    assert (demo_site / "site.jsonl").stat().st_mode & 0o777 == 0o600
