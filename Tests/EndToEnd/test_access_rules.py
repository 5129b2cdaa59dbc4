"""The access rules of docs/broker.md at a real broker: each gateway has its own topics and nobody else's."""

import re
import subprocess

import pytest
from support.authority import Authority, Requester
from support.site import ROOT, WATCH_ROOT
from support.waiting import assert_holds, wait_until
from ultrasonic import Ultrasonic

USERS = ["test-001", "kakogawa-042", "desk", "family-0417"]
FAMILY = "7f3a9c52e1b84d0f9a61c2d3"


@pytest.fixture
def guarded(make_broker, top, tmp_path):
    """A broker with the rules as they stand in the document, in which a user's password is its name."""
    text = (top / "docs/broker.md").read_text()
    rules = re.search(r"```\n(# Every gateway: .*?)```", text, re.DOTALL)[1]
    (tmp_path / "acl").write_text(rules)
    (tmp_path / "passwords").touch(mode=0o600)
    for user in USERS:
        subprocess.run(["mosquitto_passwd", "-b", tmp_path / "passwords", user, user], check=True, capture_output=True)
    return make_broker("guarded", settings=(
        f"allow_anonymous false\npassword_file {tmp_path}/passwords\nacl_file {tmp_path}/acl\n")).start()


def test_a_gateway_has_its_own_topics_and_a_stolen_one_no_others(guarded, site, peers, tmp_path):
    sensor = peers(Ultrasonic(tmp_path / "gauge", distance=3000, interval=0.05))
    site.mqtt_table.update(port=guarded.port, username="test-001", password_file="password")
    (site.folder / "password").write_text("test-001\n")
    site.add_ultrasonic("river-1", sensor.terminal.path, levels={"caution": 1.2})
    city = Authority().allow(site)
    desk = peers(Requester(guarded.port, "desk", "desk"))
    desk.listen(f"{ROOT}/#")
    stolen = peers(Requester(guarded.port, "stolen", "kakogawa-042"))
    stolen.listen("#")
    family = peers(Requester(guarded.port, "family", "family-0417"))
    family.listen("#")
    gateway = site.start().wait_ready()
    desk.wait_answer(lambda answer: answer[0] == site.topic("alert"), 20)
    # Commanded by the desk, with the gateway's rights to hear and to answer. The first day asks for the boot.
    desk.send(site.topic("command"), city.command("report", site.name)[1], response=f"{ROOT}/reply/desk")
    desk.wait_answer(lambda answer: answer[0] == site.topic("reply"))
    desk.wait_answer(lambda answer: answer[0] == f"{ROOT}/reply/desk")
    # What the stolen gateway says in the other's name, or of a person, reaches nobody.
    forbidden = [site.topic("status"), site.topic("alert"), site.topic("command"), f"{WATCH_ROOT}/{FAMILY}/{site.name}"]
    for number, topic in enumerate(forbidden):
        # One connection each: mosquitto 2.0.11 ends it with a message that it denies.
        peers(Requester(guarded.port, f"forger-{number}", "kakogawa-042")).send(topic, b"forged", qos=0)
        wait_until(lambda: f"Denied PUBLISH from forger-{number}" in guarded.log_text(), 10, "the broker denies it")
    stolen.send(f"{ROOT}/kakogawa-042/status", b"its own")
    stolen.send(f"{WATCH_ROOT}/{FAMILY}/kakogawa-042", b"its own notice")
    desk.wait_answer(lambda answer: answer[:2] == (f"{ROOT}/kakogawa-042/status", b"its own"))
    family.wait_answer(lambda answer: answer[1] == b"its own notice")
    assert_holds(lambda: not [a for a in desk.answers + family.answers if a[1] == b"forged"], 1, "nothing forged")
    desk.send(f"{ROOT}/kakogawa-042/command", b"for it alone")
    stolen.wait_answer(lambda answer: answer[1] == b"for it alone")
    assert {topic for topic, *_ in stolen.answers} == {f"{ROOT}/kakogawa-042/command"}, stolen.answers
    assert {topic for topic, *_ in family.answers} == {f"{WATCH_ROOT}/{FAMILY}/kakogawa-042"}
    assert "ignored" not in gateway.errors() and "Passed over" not in gateway.errors()
    # The rules that the program writes for this gateway say the same.
    printed = site.call("acl", "--config", site.configuration).stdout
    for line in (f"topic write {ROOT}/test-001/#", f"topic read {ROOT}/test-001/command", f"topic write {ROOT}/reply/#"):
        assert line in printed
    wait_until(lambda: gateway.is_running, 1, "it runs on")
