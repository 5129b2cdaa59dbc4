"""A gateway that cannot prove that it is one, and one that is robbed of its name: nothing passes, and it is said."""

import json
import signal

import paho.mqtt.client as paho
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from support.authority import Authority, Requester
from support.certificates import CertificateAuthority
from support.guarded import Guarded
from support.site import ROOT
from support.waiting import assert_holds, wait_until
from ultrasonic import Ultrasonic

CALM, CAUTION, DANGER = 4000, 3000, 1000
OTHER = "kakogawa-042"
# As docs/broker.md has it for a listener that gateways alone use.
BOUND = "use_username_as_clientid true\n"


@pytest.fixture
def gauge(peers, tmp_path):
    return peers(Ultrasonic(tmp_path / "gauge", distance=CALM, interval=0.05))


@pytest.fixture
def river(site, gauge):
    site.add_ultrasonic("river-1", gauge.terminal.path, levels={"caution": 1.2, "danger": 2.0})
    return site


@pytest.fixture
def guarded(top, make_broker, tmp_path):
    return Guarded(top, tmp_path, make_broker)


def listening(guarded, peers, name="desk"):
    desk = peers(guarded.requester(name))
    desk.listen(f"{ROOT}/#")
    return desk


FOREIGN = {
    "a stranger's": "the broker does not accept this gateway's certificate",
    "by somebody of the authority's name": "the broker does not accept this gateway's certificate",
    "none": "the broker wants another proof of this gateway",
    "expired": "this gateway's certificate has expired",
    "another gateway's": "[lane=state problem=not_authorized]",
}


@pytest.mark.parametrize("certificate", FOREIGN)
def test_a_certificate_that_is_not_its_own_lets_nothing_through_until_it_is(
        guarded, river, gauge, peers, tmp_path, certificate):
    desk = listening(guarded, peers)
    files = {"ca": guarded.city.path}
    match certificate:
        case "a stranger's":
            files["certificate"], files["key"] = CertificateAuthority(
                tmp_path / "strangers", name="strangers").issue(river.name)
        case "by somebody of the authority's name":
            files["certificate"], files["key"] = CertificateAuthority(tmp_path / "forgers").issue(river.name)
        case "expired":
            files["certificate"], files["key"] = guarded.city.issue(river.name, days=-1)
        case "another gateway's":
            files["certificate"], files["key"] = guarded.city.issue(OTHER)
    river.mqtt_table["port"] = guarded.broker.port
    river.add("mqtt.tls", **files)
    gateway = river.start().wait_ready()
    gateway.wait_said(FOREIGN[certificate], seconds=20)
    gauge.distance = CAUTION
    wait_until(lambda: any(e.stream == "alert" for e in river.ledger().undelivered()), 10, "the alert waits in the ledger")
    assert_holds(
        lambda: not [answer for answer in desk.answers if answer[0].startswith(river.topic(""))], 3,
        lambda: f"nobody hears anything of it; heard {desk.answers}")
    if certificate == "another gateway's":
        # A line for each topic that is refused, and no flood of them.
        assert gateway.errors().count(FOREIGN[certificate]) <= 6, gateway.errors()
    else:
        assert f"as {river.name}" not in guarded.broker.log_text(), "it never gets as far as to log in"
        # Now and then the connection's end overtakes the reason, which is then said again with the next attempt.
        assert gateway.errors().count(FOREIGN[certificate]) <= 5, gateway.errors()
    assert "PRIVATE KEY" not in gateway.errors()
    # Its own certificate, and everything arrives, the steps of the alert in their order.
    files["certificate"], files["key"] = guarded.city.issue(river.name)
    river.tables[-1] = ("mqtt.tls", files)
    river.write()
    gateway.process.send_signal(signal.SIGHUP)
    gauge.distance = DANGER

    def heard():
        return dict.fromkeys(
            answer[1] for answer in desk.answers if answer[0] == river.topic("alert") and b'"kind":"water_level"' in answer[1])

    wait_until(lambda: len(heard()) == 2, 100, lambda: f"both steps; heard {[*heard()]}; said {gateway.errors()}")
    assert [b'"message":"raise"' in payload for payload in heard()] == [True, False]


class Thief:
    """Logs in with its own certificate and another's client id, goes on with that one's session, and comes back whenever it is
    thrown out."""

    def __init__(self, guarded, id):
        self.heard = []
        self.logins = 0
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, id, protocol=paho.MQTTv5)
        self._client.tls_set(*map(str, guarded.files(OTHER)))
        self._client.reconnect_delay_set(0.2, 0.4)
        self._client.on_connect = self._connected
        self._client.on_message = lambda client, userdata, message: self.heard.append((message.topic, message.payload))
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 3600
        self._client.connect("127.0.0.1", guarded.broker.port, clean_start=False, properties=properties)
        self._client.loop_start()

    def _connected(self, client, userdata, flags, reason, properties):
        self.logins += not reason.is_failure
        client.subscribe("#", 1)

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


@pytest.mark.parametrize("names", ["free", "bound"])
def test_who_steals_the_name_hears_and_says_nothing_and_nothing_is_lost(
        top, make_broker, river, gauge, peers, tmp_path, names):
    assert f"```\n{BOUND}```" in (top / "docs/broker.md").read_text()
    guarded = Guarded(top, tmp_path, make_broker, more=BOUND if names == "bound" else "")
    guarded.admit(river)
    city = Authority().allow(river)
    desk = listening(guarded, peers)
    gateway = river.start().wait_ready()
    gateway.wait_said("Connected to the broker")
    status = desk.wait_answer(lambda answer: answer[0] == river.topic("status") and b"online" in answer[1], 20)
    thief = Thief(guarded, river.name)
    try:
        wait_until(lambda: thief.logins, 10, "the thief is let in: its certificate is good")
        command, text = city.command("report", river.name, boot=json.loads(status[1])["boot"])
        desk.send(river.topic("command"), text)
        gauge.distance = CAUTION
        if names == "free":
            gateway.wait_said("Connected to the broker", seconds=30, times=2)
        else:
            desk.wait_answer(lambda answer: answer[0] == river.topic("alert"), 10)
        assert_holds(lambda: {topic for topic, _ in thief.heard} <= {f"{ROOT}/{OTHER}/command"}, 3, lambda: (
            f"the thief hears nothing that is the other's: {thief.heard}"))
    finally:
        thief.close()
    # Whoever gets no answer sends the same again, which is done once.
    def answered():
        desk.send(river.topic("command"), text)
        return next((a for a in desk.answers if a[0] == river.topic("reply") and command.encode() in a[1]), None)

    answer = wait_until(answered, 70, lambda: f"the command is answered; said {gateway.errors()}", every=1)
    assert json.loads(answer[1])["result"] == "done"
    wait_until(lambda: not river.ledger().undelivered(), 70, "once it is alone, everything is delivered")
    assert [a for a in desk.answers if a[0] == river.topic("alert") and b'"message":"raise"' in a[1]]
    connections = gateway.errors().count("Connected to the broker")
    assert connections == 1 if names == "bound" else connections >= 2, connections


def test_a_stolen_certificate_does_not_make_a_broker(guarded, river, gauge, make_broker, tmp_path):
    """The city's authority signed it; but for a gateway, and not for the broker's name."""
    certificate, key = guarded.city.issue(OTHER)
    forged = make_broker("forged", settings=(
        f"allow_anonymous true\ncafile {guarded.city.path}\ncertfile {certificate}\nkeyfile {key}\n")).start()
    guarded.admit(river)
    river.mqtt_table["port"] = forged.port
    gateway = river.start().wait_ready()
    gateway.wait_said("does not name 127.0.0.1, so nothing was sent there", seconds=20)
    gauge.distance = CAUTION
    wait_until(lambda: river.ledger().undelivered(), 10, "the alert waits in the ledger")
    assert_holds(lambda: " as " not in forged.log_text().replace("as mosquitto", ""), 3, "nobody logs in there")
    assert gateway.errors().count("does not name") == 1


def test_the_rules_for_fiware_let_its_measures_and_commands_through_and_nobody_elses(guarded, river, gauge, peers):
    """Those of the document for all gateways, and what `acl` prints for this one."""
    key = "k3y-of-the-agent"
    (river.folder / "agent-key").write_text(key + "\n")
    river.add("fiware", api_key_file=str(river.folder / "agent-key"))
    city = Authority().allow(river)
    guarded.admit(river)
    river.write()
    printed = river.call("acl", "--config", river.configuration).stdout.splitlines()
    measures = [line for line in printed if line.endswith("/attrs")]
    assert measures == [f"topic write /json/+/{river.name}_river-1/attrs"]
    agent = f"\nuser agent\ntopic read /json/#\ntopic write /{key}/+/cmd\n"
    guarded.allow(guarded.rules + f"\nuser {river.name}\n" + "\n".join(measures) + agent)
    hub = peers(guarded.requester("agent"))
    hub.listen("/json/#")
    desk = listening(guarded, peers)
    gateway = river.start().wait_ready()
    status = desk.wait_answer(lambda answer: answer[0] == river.topic("status") and b"online" in answer[1], 20)
    gauge.distance = CAUTION
    hub.wait_answer(lambda answer: answer[0] == f"/json/{key}/{river.name}_river-1/attrs", 70)
    id, text = city.command("report", river.name, boot=json.loads(status[1])["boot"])
    hub.send(f"/{key}/{river.name}/cmd", json.dumps({"mimamori": text.decode()}))
    result = hub.wait_answer(lambda answer: answer[0] == f"/json/{key}/{river.name}/cmdexe")
    assert f"done {id}" in result[1].decode()
    assert gateway.errors().count("Connected to the broker") == 1 and "not_authorized" not in gateway.errors()
    forger = peers(Requester(guarded.broker.port, "forger", tls=guarded.files(OTHER)))
    forger.send(f"/json/{key}/{river.name}_river-1/attrs", b"{}", qos=0)
    wait_until(lambda: "Denied PUBLISH from forger" in guarded.broker.log_text(), 10, "the broker denies")
