"""`replay` on real flood series and made-up ones: the state after each sample, derived from the printed lines alone."""

import csv
import json
import random
import re
from datetime import datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal

import pytest

GAUGES = ["1000000107", "2100000399", "8600000037", "8600000238"]
SAMPLES = 1017
JST = timezone(timedelta(hours=9))
STEPS = ("standby", "caution", "evacuation_judgment", "danger", "flooding")


def stamp(moment):
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")


def replay_site(make_site, sensors, stale_after="60s"):
    """A site with a Modbus gauge and a rule without confirmation, margin and hold for each `(id, levels)`."""
    site = make_site()
    site.add("serial.rs485", device="/dev/ttyS99", baud=9600, frame="8E1")
    for unit, (name, levels) in enumerate(sensors, start=1):
        site.add(
            "[sensor]", id=name, name=f"水位計 {name}", driver="modbus", serial="rs485", unit=unit,
            register={"table": "input", "address": 0, "type": "int32"}, scale=0.001, offset=0.0,
            quantity="water_level", range=[-1000.0, 1000.0], every="10s", stale_after=stale_after)
        site.add(
            "[flood]", sensor=name, levels={step: float(level) for step, level in levels.items()}, confirm=1,
            release={"margin": 0.0, "hold": "0s"}, unstable_after=0, realert_after="0s")
    site.write()
    return site


def recording(samples):
    """Lines of a recording from `(time, sensor, value)`; values as they were published, digit for digit."""
    return "".join(f'{{"time":"{time}","sensor":"{sensor}","value":{value}}}\n' for time, sensor, value in samples)


def replay(site, text, *arguments):
    result = site.call("replay", "--config", site.configuration, *arguments, input=text)
    assert result.returncode == 0, result.stderr
    return result.stdout


def states(output, samples):
    """The step after each sample, from the printed lines alone: None below every level."""
    lines = [json.loads(line) for line in output.splitlines()]
    alerts = [line for line in lines if line["schema"] == "mimamori.alert/1" and line["kind"] == "water_level"]
    current, position, derived = {}, 0, []
    for time, sensor, _ in samples:
        now = datetime.fromisoformat(time)
        while position < len(alerts) and datetime.fromisoformat(alerts[position]["detected"]) <= now:
            alert = alerts[position]
            current[alert["sensor"]] = None if alert["message"] == "clear" else alert["step"]
            position += 1
        derived.append(current.get(sensor))
    assert position == len(alerts), "a change is dated after the last sample"
    return derived


def gauge_series(folder, gauge):
    """Levels and `(time, sensor, value)` samples of a gauge, and the published state of each sample."""
    with open(folder / "river" / f"gauge_{gauge}.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    first = rows[0]
    columns = {"standby": "startLevel", "caution": "warnLevel", "flooding": "fladLevel"}
    levels = {step: first[column] for step, column in columns.items() if first[column]}
    for row in rows:
        assert [row[column] for column in columns.values()] == [first[column] for column in columns.values()]
    rows.sort(key=lambda row: datetime.fromisoformat(row["obsTime"]))
    samples = [(row["obsTime"], f"gauge-{gauge}", row["level_m"]) for row in rows]
    return levels, samples, [row["over"] for row in rows]


def over(step, levels):
    """The published code of a step: 1 from the start level on, 10 from the warning level, 100 from the flood level."""
    if step == "flooding":
        return "111" if "caution" in levels else "101"
    return {None: "0", "standby": "1", "caution": "11"}[step]


@pytest.mark.parametrize("gauge", GAUGES)
def test_a_real_flood_has_the_published_state_after_each_sample(make_site, shared_data, gauge):
    levels, samples, published = gauge_series(shared_data, gauge)
    site = replay_site(make_site, [(samples[0][1], levels)])
    derived = [over(step, levels) for step in states(replay(site, recording(samples)), samples)]
    differences = [
        f"{sample}: {ours}, published {theirs}"
        for sample, ours, theirs in zip(samples, derived, published, strict=True) if ours != theirs]
    assert not differences, "\n".join(differences)


def test_four_real_floods_at_once_do_not_disturb_each_other(make_site, shared_data):
    series = {gauge: gauge_series(shared_data, gauge) for gauge in GAUGES}
    assert sum(len(samples) for _, samples, _ in series.values()) == SAMPLES
    site = replay_site(make_site, [(samples[0][1], levels) for levels, samples, _ in series.values()])
    merged = sorted(
        ((sample, over_code, levels) for levels, samples, codes in series.values()
         for sample, over_code in zip(samples, codes, strict=True)),
        key=lambda entry: datetime.fromisoformat(entry[0][0]))
    samples = [sample for sample, _, _ in merged]
    derived = states(replay(site, recording(samples)), samples)
    for step, (sample, code, levels) in zip(derived, merged, strict=True):
        assert over(step, levels) == code, sample


def rounded(value):
    """Three decimals, halves away from zero."""
    return Decimal(value).quantize(Decimal("0.001"), ROUND_HALF_UP)


def expected_steps(levels, samples):
    steps = []
    for _, _, value in samples:
        reached = [step for step, level in levels.items() if rounded(value) >= rounded(level)]
        steps.append(reached[-1] if reached else None)
    return steps


def series_at(values, sensor="river-1", start=datetime(2026, 11, 21, 15, 0, tzinfo=JST), every=600):
    return [(stamp(start + timedelta(seconds=every * index)), sensor, value) for index, value in enumerate(values)]


MADE_UP = {
    "rises through every level and falls below all of them": (
        {"standby": "2.00", "caution": "3.00", "evacuation_judgment": "3.50", "danger": "4.00", "flooding": "5.20"},
        ["1.99", "2.00", "2.999", "3.0", "3.499", "3.5", "3.999", "4", "5.199", "5.2", "9.9", "5.199", "3.999", "3.499",
         "2.999", "1.999", "0", "1.999"]),
    "jumps over levels both ways": (
        {"standby": "2.00", "caution": "3.00", "evacuation_judgment": "3.50", "danger": "4.00", "flooding": "5.20"},
        ["1.0", "5.2", "1.0", "4.0", "2.5", "3.75", "1.99", "3.0", "0.0"]),
    "negative stages and thresholds": (
        {"standby": "-2.50", "caution": "-1.00", "flooding": "0.00"},
        ["-3.00", "-2.501", "-2.5", "-1.001", "-1.0", "-0.001", "0", "0.5", "-0.5", "-1.5", "-9.99", "-1.000"]),
    "no middle level": (
        {"standby": "1.0", "flooding": "3.0"}, ["0.9", "1.0", "2.9", "3.0", "2.0", "0.5", "3.1", "0.5"]),
    "one level": ({"danger": "1.5"}, ["1.499", "1.5", "1.499", "1.5", "1.5", "0"]),
    # Values are rounded to millimetres, halves away from zero, before they are compared.
    "halves of a millimetre": (
        {"standby": "-0.001", "caution": "2.000"},
        ["-0.0015", "-0.0014999", "1.9994999", "1.9995", "1.99949", "-0.00149", "-0.0016"]),
    "never reaches anything": ({"standby": "10.0"}, ["1", "9.9994", "-9", "0"]),
}


@pytest.mark.parametrize("name", MADE_UP)
def test_a_made_up_series_has_the_state_of_its_levels_after_each_sample(make_site, name):
    levels, values = MADE_UP[name]
    samples = series_at(values)
    site = replay_site(make_site, [("river-1", levels)])
    derived = states(replay(site, recording(samples)), samples)
    assert list(zip(values, derived)) == list(zip(values, expected_steps(levels, samples)))


@pytest.mark.parametrize("seed", range(5))
def test_random_series_have_the_state_of_their_levels_after_each_sample(make_site, seed):
    chance = random.Random(seed)
    steps = sorted(chance.sample(range(5), chance.randint(1, 5)))
    heights = sorted(chance.sample(range(-4000, 6000, 7), len(steps)))
    levels = {STEPS[step]: Decimal(height) / 1000 for step, height in zip(steps, heights)}
    values = []
    for _ in range(2000):
        near = Decimal(chance.choice(heights)) / 1000
        values.append(str(near + Decimal(chance.choice([-2000, -500, -10, -1, 0, 0, 1, 10, 500, 2000])) / 1000))
    samples = series_at(values, every=chance.choice([1, 10, 90, 7200]))
    site = replay_site(make_site, [("river-1", levels)], stale_after="24h")
    derived = states(replay(site, recording(samples)), samples)
    assert derived == expected_steps(levels, samples)


def test_the_messages_of_an_alert_tell_one_whole_story(make_site):
    levels = {"caution": "3.00", "danger": "4.00"}
    samples = series_at(["2.0", "3.2", "4.5", "3.9", "2.9", "3.0", "2.0"], every=10)
    output = replay(replay_site(make_site, [("river-1", levels)]), recording(samples))
    alerts = [json.loads(line) for line in output.splitlines()]
    assert [(a["message"], a["revision"], a["observed"]["value"]) for a in alerts] == [
        ("raise", 1, 3.2), ("update", 2, 4.5), ("update", 3, 3.9), ("clear", 4, 2.9), ("raise", 1, 3.0),
        ("clear", 2, 2.0)]
    assert [a["observed"]["threshold"] for a in alerts[:3]] == [3.0, 4.0, 3.0]
    assert [(a["step"], a["level"], a["severity"]) for a in alerts[:3]] == [
        ("caution", 2, "minor"), ("danger", 4, "severe"), ("caution", 2, "minor")]
    assert [a["sequence"] for a in alerts] == [1, 2, 3, 4, 5, 6]
    assert [a["detected"] for a in alerts] == [samples[index][0] for index in (1, 2, 3, 4, 5, 6)]
    assert len({a["id"] for a in alerts[:4]}) == 1 and alerts[4]["id"] == alerts[5]["id"] != alerts[0]["id"]
    for alert in alerts:
        assert alert["boot"] == "replay" and alert["delayed"] is False and alert["mode"] == "actual"
        assert alert["id"].startswith("test-001/") and alert["gateway"] == "test-001"


def contact_site(make_site):
    site = make_site()
    site.add(
        "[sensor]", id="underpass-1", name="国包アンダーパス", driver="gpio", chip="/dev/gpiochip0", line=17,
        bias="pull-up", wet="closed", debounce="50ms", quantity="flood_contact")
    site.add("[contact]", sensor="underpass-1", severity="severe", wet_after="20s", dry_after="10m")
    site.write()
    return site


def test_time_that_passes_makes_deadlines_fire_when_they_were_due(make_site):
    text = (
        '{"schema":"mimamori.recording/1","gateway":"test-001","config_sha256":"00"}\n'
        '{"time":"2026-11-21T15:00:00+09:00","sensor":"underpass-1","active":true}\n'
        '{"time":"2026-11-21T15:00:19.999+09:00"}\n'
        '{"time":"2026-11-21T15:00:30+09:00"}\n'
        '{"time":"2026-11-21T15:01:00+09:00","sensor":"underpass-1","active":false}\n'
        '{"time":"2026-11-21T15:11:00+09:00"}\n')
    alerts = [json.loads(line) for line in replay(contact_site(make_site), text).splitlines()]
    assert [(a["kind"], a["message"], a["detected"][:19]) for a in alerts] == [
        ("flood_contact", "raise", "2026-11-21T15:00:20"), ("flood_contact", "clear", "2026-11-21T15:11:00")]
    assert alerts[0]["onset"] == "2026-11-21T15:00:00+09:00"


def test_the_monotonic_clock_orders_where_there_is_one(make_site):
    # The wall clock is set back by an hour in between: what takes 20 s still takes 20 s.
    text = (
        '{"mono":100.0,"time":"2026-11-21T16:00:00+09:00","sensor":"underpass-1","active":true}\n'
        '{"mono":119.9,"time":"2026-11-21T15:00:19+09:00"}\n'
        '{"mono":120.0,"time":"2026-11-21T15:00:20+09:00"}\n')
    lines = replay(contact_site(make_site), text).splitlines()
    assert [json.loads(line)["message"] for line in lines] == ["raise"]
    until_just_before = "".join(text.splitlines(keepends=True)[:2])
    assert replay(contact_site(make_site), until_just_before) == ""


def test_the_same_input_gives_the_same_bytes(make_site, shared_data, tmp_path):
    levels, samples, _ = gauge_series(shared_data, GAUGES[0])
    site = replay_site(make_site, [(samples[0][1], levels)])
    file = tmp_path / "recording.jsonl"
    file.write_text(recording(samples))
    from_file = replay(site, "", "--input", file)
    assert from_file.count("\n") > 10
    assert from_file == replay(site, "", "--input", file) == replay(site, recording(samples))
    assert not site.state.exists(), "a replay leaves no state unless it is asked to"


GOOD = '{"time":"2026-11-21T15:00:00+09:00","sensor":"river-1","value":1.0}\n'
BAD_LINES = {
    "no JSON": "river-1 is high\n",
    "cut off": '{"time":"2026-11-21T15:00:10+09:00","sensor":"river-1","val\n',
    "an array": "[1, 2]\n",
    "no time": '{"sensor":"river-1","value":1.0}\n',
    "no such time": '{"time":"2026-13-41T15:00:10+09:00","sensor":"river-1","value":1.0}\n',
    "a time without offset": '{"time":"2026-11-21T15:00:10","sensor":"river-1","value":1.0}\n',
    "a time before the last": '{"time":"2026-11-21T14:59:59+09:00","sensor":"river-1","value":1.0}\n',
    "a monotonic time that is no number": '{"mono":"soon","sensor":"river-1","value":1.0}\n',
    "no known form": '{"time":"2026-11-21T15:00:10+09:00","sensor":"river-1","colour":"brown"}\n',
    "a value that is text": '{"time":"2026-11-21T15:00:10+09:00","sensor":"river-1","value":"1.0"}\n',
    "a value that is no number": '{"time":"2026-11-21T15:00:10+09:00","sensor":"river-1","value":NaN}\n',
    "a contact's word for a gauge": '{"time":"2026-11-21T15:00:10+09:00","sensor":"river-1","active":true}\n',
    "bytes that are no UTF-8": b'{"time":"2026-11-21T15:00:10+09:00","sensor":"river-1","fault":"\xff\xfe"}\n',
    "another schema": '{"schema":"mimamori.recording/9"}\n',
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_bad_recording_is_refused_with_file_and_line(make_site, tmp_path, name):
    bad = BAD_LINES[name]
    site = replay_site(make_site, [("river-1", {"standby": "2.0"})])
    file = tmp_path / "recording.jsonl"
    file.write_bytes(GOOD.encode() + (bad if isinstance(bad, bytes) else bad.encode()))
    result = site.call("replay", "--config", site.configuration, "--input", file)
    assert result.returncode == 65, (result.returncode, result.stderr)
    assert re.search(rf"^{re.escape(str(file))}:2: \S.{{8,}}", result.stderr, re.MULTILINE), result.stderr


def test_lines_of_a_sensor_that_is_not_configured_are_passed_over_and_said(make_site):
    site = replay_site(make_site, [("river-1", {"standby": "1.0"})])
    text = GOOD + GOOD.replace("river-1", "river-9") * 3
    result = site.call("replay", "--config", site.configuration, input=text)
    assert result.returncode == 0
    assert [json.loads(line)["sensor"] for line in result.stdout.splitlines()] == ["river-1"]
    assert "3 lines" in result.stderr and "river-9" in result.stderr


def test_what_a_bad_recording_raised_before_its_bad_line_is_printed(make_site, tmp_path):
    site = replay_site(make_site, [("river-1", {"standby": "1.0"})])
    result = site.call("replay", "--config", site.configuration, input=GOOD + "nonsense\n")
    assert result.returncode == 65
    assert json.loads(result.stdout)["message"] == "raise"
    assert re.search(r"^[^:\n]+:2: ", result.stderr, re.MULTILINE), result.stderr


def test_a_missing_recording_or_configuration_is_an_input_that_is_missing(make_site, tmp_path):
    site = replay_site(make_site, [("river-1", {"standby": "1.0"})])
    for arguments in (["--config", site.configuration, "--input", tmp_path / "none"], ["--config", tmp_path / "none"]):
        result = site.call("replay", *arguments, input="")
        assert result.returncode == 66, result.stderr
        assert str(tmp_path / "none") in result.stderr


def test_an_empty_recording_raises_nothing(make_site):
    assert replay(replay_site(make_site, [("river-1", {"standby": "1.0"})]), "") == ""
