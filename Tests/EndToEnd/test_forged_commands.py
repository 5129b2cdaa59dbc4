"""Texts that look like commands: made by whoever knows the contract and libraries that took them for good, without a key."""

import base64
import hashlib
import hmac
import json
import time

import pytest
from cryptography.hazmat.primitives import serialization
from support.authority import Authority, encode, moment
from test_commands import commanded, drill, running  # noqa: F401 (fixtures)

ORDER = 2**252 + 27742317777372353535851937790883648493
KIND = {"alg": "EdDSA", "typ": "mimamori-command", "kid": "city-2026"}


def signed_as(running, header, payload=None):
    """Signed by the right key, under any header."""
    text = encode(header if isinstance(header, bytes) else json.dumps(header, ensure_ascii=False).encode())
    text += b"." + encode(json.dumps(payload or running.payload).encode())
    return text + b"." + encode(running.city.key.sign(text))


def raw_public(authority):
    return authority.key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def forgeries(running):
    running.payload = running.city.payload("exercise", running.site.name, boot=running.boot, **{"with": drill()})
    good = running.city.sign(running.payload)
    head, body, signature = good.split(b".")
    stranger, ward = Authority("city-2026"), running.ward
    text = head + b"." + body
    pem = running.city.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    number = base64.urlsafe_b64decode(signature + b"==")
    scalar = int.from_bytes(number[32:], "little") + ORDER
    shared = [encode(json.dumps({**KIND, "alg": "HS256"}).encode()) + b"." + body]

    def keyed(key):
        return shared[0] + b"." + encode(hmac.new(key, shared[0], hashlib.sha256).digest())

    yield "the ward's signature in the city's name", text + b"." + encode(ward.key.sign(text))
    yield "a key that it brings along", signed_as_by(stranger, {**KIND, "jwk": {
        "kty": "OKP", "crv": "Ed25519", "x": encode(raw_public(stranger)).decode()}}, body)
    yield "a place to fetch a key from", signed_as_by(stranger, {**KIND, "jku": "http://127.0.0.1:9/keys"}, body)
    yield "the public key as a shared one (PEM)", keyed(pem)
    yield "the public key as a shared one (raw)", keyed(raw_public(running.city))
    for alg in ("none", "None", "NONE", "", "eddsa", "EDDSA", "Ed25519", "ES256", "EdDSA ", "EdDSA\u0000", "ＥdDSA"):
        yield f"alg {alg!r}", signed_as(running, {**KIND, "alg": alg})
    for alg in (None, 0, True, ["EdDSA"], {"alg": "EdDSA"}):
        yield f"alg {alg!r}", signed_as(running, {**KIND, "alg": alg})
    for kid in ("City-2026", "city-2026 ", " city-2026", "city\u20102026", "с" + "ity-2026", "city-2026\u0000",
                "city-2026\u200b", "ｃity-2026", "../city-2026", "city-2026.pub", "", "x" * 65, 2026, None, ["city-2026"]):
        yield f"kid {kid!r}", signed_as(running, {**KIND, "kid": kid})
    for name in ("alg", "kid", "typ"):
        yield f"no {name}", signed_as(running, {key: value for key, value in KIND.items() if key != name})
    yield "an extension that must be understood", signed_as(running, {**KIND, "crit": ["exp"], "exp": 1})
    yield "a payload that is not encoded", signed_as(running, {**KIND, "b64": False, "crit": ["b64"]})
    yield "alg twice", signed_as(running, json.dumps(KIND).encode()[:-1] + b', "alg": "EdDSA"}')
    yield "kid twice, once escaped", signed_as(running, json.dumps(KIND).encode()[:-1] + b', "\\u006bid": "ward-2026"}')
    yield "a deep header", signed_as(running, json.dumps(KIND).encode()[:-1] + b', "x": ' + b"[" * 150 + b"]" * 150 + b"}")
    yield "a kid without end", signed_as(running, json.dumps({**KIND, "kid": 0}).encode()[:-2] + b"9" * 250 + b"}")
    yield "something behind the header", signed_as(running, json.dumps(KIND).encode() + b"{}")
    yield "a byte order mark", signed_as(running, b"\xef\xbb\xbf" + json.dumps(KIND).encode())
    yield "UTF-16", signed_as(running, json.dumps(KIND).encode("utf-16"))
    yield "a header that is a list", signed_as(running, [KIND])
    yield "too many members", signed_as(running, {**KIND, **{f"m{n}": n for n in range(20)}})
    for name, changed in {
            "padded": good + b"=", "padded everywhere": b".".join(p + b"=" * (-len(p) % 4) for p in good.split(b".")),
            "the other alphabet": good.replace(b"-", b"+").replace(b"_", b"/") + b"+", "a space before": b" " + good,
            "a space behind": good + b" ", "two line feeds": good + b"\n\n", "a line of Windows": good + b"\r\n",
            "a tab within": good[:40] + b"\t" + good[40:], "a NUL behind": good + b"\0", "in quotes": b'"' + good + b'"',
            "a fourth part": good + b"." + body, "without a signature": text + b".", "two parts": text,
            "half a signature": good[:-43], "one character less": good[:-1], "the payload cut": text[:-4] + b"." + signature,
            "the signature of another": text + b"." + encode(running.city.key.sign(b"another")),
            "a signature of zeros": text + b"." + encode(bytes(64)),
            "its scalar made larger": text + b"." + encode(number[:32] + scalar.to_bytes(32, "little")),
            "parts changed about": b".".join((body, head, signature)), "dots": b"." * 4000,
            "as JSON": json.dumps({"payload": body.decode(), "protected": head.decode(),
                                   "signature": signature.decode()}).encode(),
            "in the agent's wrap": json.dumps({"mimamori": good.decode()}).encode()}.items():
        yield name, changed


def signed_as_by(authority, header, body):
    text = encode(json.dumps(header).encode()) + b"." + body
    return text + b"." + encode(authority.key.sign(text))


def test_no_forgery_is_answered_or_done_and_each_is_counted(running):  # noqa: F811
    before = running.counters()
    forged = dict(forgeries(running))
    for text in forged.values():
        running.requester.send(running.topic, text)
        # No faster than each is looked at.
        time.sleep(0.11)
    answered = {m.json()["id"] for m in running.replies()}
    counters = running.counters()
    assert not running.drills() and running.payload["id"] not in answered, answered
    assert counters["ignored_too_many"] == before["ignored_too_many"], "each was looked at"
    assert counters["ignored_unsigned"] - before["ignored_unsigned"] == len(forged), counters
    assert counters["refused"] == before["refused"] and counters["done"] == before["done"] + 1
    said = running.gateway.errors()
    assert said.count("Passed over") == 1 and len(said.splitlines()) < 12, said
    # What all of them were made from is good: so it is for their faults that nothing was done.
    running.requester.send(running.topic, running.city.sign(running.payload))
    assert running.answer(running.payload["id"])["result"] == "done"


def odd(running):
    """Well signed, and odd in what they say: the answer names it, in a word of the list."""
    drilled = drill()
    now = moment(0)
    yield {"with": {**drilled, "value": 1e308}}, "bad_readings"
    yield {"with": {**drilled, "value": -1e308}}, "bad_readings"
    yield {"with": {**drilled, "value": "3.5"}}, "malformed"
    yield {"with": {**drilled, "sensor": "../river-1"}}, "malformed"
    yield {"with": {**drilled, "sensor": "river-2"}}, "unknown_sensor"
    yield {"with": {**drilled, "value": None, "readings": [{"after_s": 10**18, "value": 1}]}}, "malformed"
    yield {"with": [drilled]}, "malformed"
    yield {"with": {**drilled, "end": "9999-12-31T23:59:59Z"}}, "too_long"
    yield {"with": {**drilled, "end": "2026-02-30T00:00:00Z"}}, "malformed"
    yield {"with": {**drilled, "\u001b[2Jx": 1}}, "malformed"
    yield {"issued": "0001-01-01T00:00:00Z", "expires": "9999-12-31T23:59:59Z"}, "too_long"
    yield {"issued": now, "expires": now}, "malformed"
    yield {"expires": 10**30}, "malformed"
    yield {"to": []}, "malformed"
    yield {"to": ["x"] * 65}, "malformed"
    yield {"to": "test-001"}, "malformed"
    yield {"do": "Exercise"}, "malformed"
    yield {"do": "format_disk"}, "malformed"
    yield {"root": "mimamori/282103/"}, "wrong_root"
    yield {"boot": ""}, "malformed"


def test_what_is_signed_and_odd_is_refused_by_its_name_and_changes_nothing(running):  # noqa: F811
    for changes, reason in odd(running):
        answer = running.ask(**{"do": "exercise", "with": drill(), **changes})
        assert (answer["result"], answer["reason"]) == ("refused", reason), (changes, answer)
        assert answer["explanation"].isprintable() and ": " in answer["explanation"]
    assert not running.drills()
    for text in (b'{"id":"deep","with":' + b"[" * 900 + b"]" * 900 + b"}", b'{"id":"huge","to":1e999}',
                 b'{"id":"twice","id":"twice"}', b'{"id":"\xff"}', b"[]", b"null", b'{"id":' + b"1" * 900 + b"}"):
        running.requester.send(running.topic, running.city.sign(text))
    assert running.ask("report")["result"] == "done"
    assert running.gateway.is_running and not running.drills()
