"""`replay --report`: what a recording led to and what other thresholds would have done, as the program prints it."""

import json
import math
import re
from datetime import datetime, timedelta, timezone

import pytest
from support.messages import Schemas
from test_replay import GAUGES, gauge_series, recording, replay, replay_site

JST = timezone(timedelta(hours=9))
LEVELS = {"standby": "2.00", "caution": "3.00", "danger": "4.00"}


def report(site, text, *arguments, status=0):
    result = site.call("replay", "--config", site.configuration, "--report", *arguments, input=text)
    assert result.returncode == status, result.stderr
    return result.stdout if status == 0 else result.stderr


def document(site, top, text, *arguments):
    content = json.loads(report(site, text, "--json", *arguments))
    problems = [f"{list(p.absolute_path)}: {p.message}" for p in Schemas(top).validator("backtest").iter_errors(content)]
    assert not problems, problems
    return content


def rises(values, start=datetime(2026, 9, 1, 12, 0, tzinfo=JST)):
    """A level a minute."""
    return [((start + timedelta(minutes=index)).isoformat(), "river-1", f"{value:.3f}")
            for index, value in enumerate(values)]


FLOOD = rises([1 + 0.025 * minute for minute in range(140)] + [4.5 - 0.025 * minute for minute in range(140)])


@pytest.fixture
def river(make_site):
    return replay_site(make_site, [("river-1", LEVELS)], stale_after="15m")


def test_it_counts_what_replay_tells(river, top):
    text = recording(FLOOD)
    alerts = [json.loads(line) for line in replay(river, text).splitlines()]
    content = document(river, top, text)
    trial, = content["trials"]
    assert trial["messages"] == len(alerts)
    raised = [a for a in alerts if a["message"] == "raise"]
    assert [(a["kind"], a["raised"]) for a in trial["alerts"]] == [(a["kind"], a["detected"]) for a in raised]
    visits = trial["rivers"][0]["visits"]
    assert [visit["step"] for visit in visits] == ["standby", "caution", "danger"]
    told = [a["detected"] for a in alerts if a["message"] == "raise" or a["reason"] == "step"]
    assert [visit["told"] for visit in visits] == told[:3]
    assert trial["rivers"][0]["highest"] == {"value": 4.5, "at": FLOOD[140][0]}


def test_other_thresholds_stand_beside_the_configured_ones(river, top):
    text = recording(FLOOD)
    content = document(river, top, text, "--try", "danger=3.8", "--try", "danger=4.6", "--try", "margin=0.5,hold=20m")
    assert [trial.get("trial") for trial in content["trials"]] == [None, "danger=3.8", "danger=4.6", "margin=0.5,hold=20m"]
    first = [next((v["told"] for v in trial["rivers"][0]["visits"] if v["step"] == "danger"), None)
             for trial in content["trials"]]
    usual, earlier, never, same = first
    assert datetime.fromisoformat(usual) - datetime.fromisoformat(earlier) == timedelta(minutes=8)
    assert never is None and same == usual
    # What is tried is what a changed configuration replays to.
    changed = re.sub(r"danger = 4\.0", "danger = 3.8", river.configuration.read_text())
    assert changed != river.configuration.read_text()
    (river.folder / "changed.toml").write_text(changed)
    result = river.call("replay", "--config", river.folder / "changed.toml", input=text)
    assert content["trials"][1]["messages"] == len(result.stdout.splitlines())
    printed = report(river, text, "--try", "danger=3.8")
    assert "別の基準なら" in printed and re.search(r"設定のままとの差 +8 分 早い", printed)


@pytest.mark.parametrize("gauge", GAUGES)
def test_the_real_floods_can_be_judged(gauge, make_site, shared_data, top):
    levels, samples, _ = gauge_series(shared_data, gauge)
    site = replay_site(make_site, [(samples[0][1], levels)], stale_after="24h")
    text = recording(samples)
    assert report(site, text) == report(site, text)
    content = document(site, top, text)
    river = content["trials"][0]["rivers"][0]
    values = [float(value) for _, _, value in samples]
    assert river["highest"]["value"] == max(values) and river["lowest"]["value"] == min(values)
    assert content["trials"][0]["sensors"][0]["signs"] == len(samples)
    assert content["recording"]["lines"] == len(samples)
    assert {visit["step"] for visit in river["visits"]} == {
        step for step, level in levels.items() if max(values) >= float(level)}


def test_what_cannot_be_tried_is_refused_with_what_to_write(river):
    for arguments, word in [
            (["--try", "dangr=3.8"], "did you mean danger"), (["--try", "danger=2.5"], "is not above caution"),
            (["--try", "lake.danger=3"], "write one of river-1"), (["--try", "hold=10"], "hold=10m"),
            (["--try", "danger=3.8"] * 9, "at most 8"), (["--state", "folder"], "leave --state out")]:
        assert word in report(river, "", *arguments, status=64)
    for arguments, word in [(["--try", "danger=3.8"], "add --report"), (["--json"], "add --report")]:
        result = river.call("replay", "--config", river.configuration, *arguments, input="")
        assert result.returncode == 64 and word in result.stderr
    assert "standard input:2:" in report(river, recording(FLOOD[:1]) + "no line\n", status=65)
    missing = river.call("replay", "--config", river.configuration, "--report", "--input", "nowhere.jsonl")
    assert missing.returncode == 66


def two_waves():
    """The evening of the page's example: a reading a minute, two waves of a flood, 25 minutes of silence."""
    start = datetime(2026, 9, 1, 12, 0, tzinfo=JST)
    samples = []
    for minute in range(900):
        if 400 <= minute < 425:
            continue
        level = 1.2 + 3.1 * math.exp(-(((minute - 330) / 130) ** 2)) + 0.9 * math.exp(-(((minute - 620) / 60) ** 2))
        samples.append(
            ((start + timedelta(minutes=minute)).isoformat(), "river-1", f"{level + 0.01 * math.sin(2.1 * minute):.3f}"))
    return samples


@pytest.mark.parametrize("language, page", [("en", "backtest.md"), ("ja", "backtest.ja.md")])
def test_the_pages_example_is_what_the_program_prints(language, page, make_site, top):
    site = make_site()
    site.gateway_table.update(languages=[language], name="国包 水位局")
    site.add("serial.rs485", device="/dev/ttyS99", baud=9600, frame="8E1")
    site.add(
        "[sensor]", id="river-1", name="加古川 国包橋", driver="modbus", serial="rs485", unit=1,
        register={"table": "input", "address": 0, "type": "int32"}, scale=0.001, quantity="water_level",
        stale_after="10m")
    site.add(
        "[output]", id="siren", driver="gpio", chip="/dev/gpiochip9", line=6,
        sound_at={"severity": "severe", "all_of": ["river-1"]})
    site.add(
        "[flood]", sensor="river-1",
        levels={"standby": 2.0, "caution": 2.8, "evacuation_judgment": 3.4, "danger": 4.0}, confirm=3,
        release={"margin": 0.1, "hold": "10m"}, rise={"by": 0.5, "within": "20m", "severity": "severe"}, forecast="1h")
    (site.folder / "flood.jsonl").write_text(recording(two_waves()))
    site.write()
    result = site.call(
        "replay", "--config", site.configuration, "--input", "flood.jsonl", "--report", "--try", "danger=3.8", "--try",
        "confirm=1,hold=1h")
    assert result.returncode == 0, result.stderr
    examples = re.findall(r"```text\n(.*?)```", (top / "docs" / page).read_text(), re.S)
    assert examples == [result.stdout]
