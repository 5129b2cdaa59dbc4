"""Somebody sits on the line between the board and its broker: changes octets, plays them again, cuts them out. TLS lets nothing of it
through; the gateway connects again and all arrives."""

import pytest
from support.authority import Authority
from support.guarded import Guarded
from support.relay import Relay
from support.site import ROOT
from support.waiting import assert_holds, wait_until
from ultrasonic import Ultrasonic

CALM, CAUTION = 4000, 3000


class Meddler(Relay):
    """Forwards until it is told to meddle: then each piece goes on as `deed` makes it."""

    deed = None

    def _pump(self, source, sink):
        try:
            while piece := source.recv(65536):
                sink.sendall(self.deed(piece) if self.deed else piece)
            sink.shutdown(1)
        except OSError:
            pass


DEEDS = {
    "an octet changed": lambda piece: piece[:-1] + bytes([piece[-1] ^ 1]),
    "each piece twice": lambda piece: piece * 2,
    # Its end: what comes before a cut is whole, if several records lie in a piece, and may well arrive.
    "half of each piece": lambda piece: piece[(len(piece) + 1) // 2:],
    "text instead": lambda piece: b"\x30\x10" + b"\0\5hello" * 9,
}


@pytest.mark.parametrize("deed", DEEDS)
def test_what_is_meddled_with_on_the_line_reaches_nobody(top, make_broker, site, peers, tmp_path, deed):
    gauge = peers(Ultrasonic(tmp_path / "gauge", distance=CALM, interval=0.05))
    site.add_ultrasonic("river-1", gauge.terminal.path, levels={"caution": 1.2})
    city = Authority().allow(site)
    guarded = Guarded(top, tmp_path, make_broker)
    guarded.admit(site)
    line = peers(Meddler(guarded.broker.port))
    site.mqtt_table["port"] = line.port
    desk = peers(guarded.requester("desk"))
    desk.listen(f"{ROOT}/#")
    gateway = site.start().wait_ready()
    desk.wait_answer(lambda answer: answer[0] == site.topic("status") and b"online" in answer[1], 20)
    line.deed = DEEDS[deed]
    desk.send(site.topic("command"), city.command("maintenance", site.name)[1])
    gauge.distance = CAUTION
    gateway.wait_said("Lost the broker", seconds=100)
    assert_holds(lambda: gateway.is_running, 2, lambda: gateway.errors())
    assert not [answer for answer in desk.answers if answer[0] in (site.topic("alert"), site.topic("reply"))]
    line.deed = None
    line.cut()
    alert = desk.wait_answer(lambda answer: answer[0] == site.topic("alert"), 70)
    assert b'"message":"raise"' in alert[1]
    wait_until(lambda: not site.ledger().undelivered(), 20, "all that is stored is delivered")
    assert gateway.errors().count("\n") < 25, gateway.errors()
