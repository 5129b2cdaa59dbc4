#!/usr/bin/env python3
"""Prints what a disaster team and a family receive, as it arrives: a plain subscriber of the broker, nothing else.

usage: receiver.py PORT [ROOT WATCH_ROOT]

It knows nothing of the gateway: what is printed here came over MQTT.
"""
import json
import os
import signal
import subprocess
import sys

PORT = sys.argv[1] if len(sys.argv) > 1 else "1883"
ROOT = sys.argv[2] if len(sys.argv) > 2 else "mimamori/282103"
WATCH_ROOT = sys.argv[3] if len(sys.argv) > 3 else "mimamori-watch/282103"
COLOUR = "NO_COLOR" not in os.environ and (sys.stdout.isatty() or "FORCE_COLOR" in os.environ)

# The colours of the five alert levels: white, yellow, red, purple, black.
LEVEL = {1: "30;107", 2: "30;103", 3: "97;41", 4: "97;45", 5: "97;40"}
SEVERITY = {"minor": "30;103", "moderate": "97;41", "severe": "97;45", "extreme": "97;40"}
MESSAGE = {"raise": "発表 raise", "update": "更新 update", "clear": "解除 clear"}


def paint(code, text):
    return f"\x1b[{code}m{text}\x1b[0m" if COLOUR else text


def clock(text):
    return text[11:19] if text else "--:--:--"


def texts(message):
    by_language = {entry["language"]: entry for entry in message.get("text", [])}
    return by_language.get("ja", {}), by_language.get("en", {})


def print_alert(message):
    japanese, english = texts(message)
    hazard = message["kind"] in ("water_level", "rate_of_rise", "rain", "flood_contact")
    code = LEVEL.get(message.get("level")) or (SEVERITY.get(message["severity"], "0") if hazard else "30;47")
    if message["message"] == "clear":
        code = "30;102"
    label = f" 防災 {MESSAGE.get(message['message'], message['message'])} "
    print(f"{clock(message['detected'])} {paint(code, label)} {paint('1', japanese.get('headline', message['kind']))}")
    print(f"{'':9}{english.get('headline', '')}")
    if message["message"] == "raise" and japanese.get("instruction"):
        print(f"{'':9}{paint('2', japanese['instruction'])}")


def print_notice(message):
    japanese, english = texts(message)
    print(f"{clock(message['detected'])} {paint('30;106', ' 家族 notice ')} {paint('1', japanese.get('headline', message['kind']))}"
          f"  {paint('2', 'person ' + message['subject'][:6] + '…')}")
    print(f"{'':9}{english.get('headline', '')}")


def print_output(message):
    state = "ON " if message.get("state") == "on" or message.get("on") else "off"
    code = "97;41" if state == "ON " else "30;47"
    print(f"{clock(message.get('time'))} {paint(code, ' サイレン siren ' + state)}"
          f" {message.get('output', '')} ({message.get('cause', '')})")


def print_status(message):
    print(f"{'':9}{paint('2', 'gateway ' + message['state'] + ' / connection ' + str(message.get('connection', '')))}")


def print_message(topic, payload):
    if topic.startswith(WATCH_ROOT + "/"):
        if not topic.endswith("/head"):
            print_notice(json.loads(payload))
        return
    parts = topic[len(ROOT) + 1:].split("/")
    kind = parts[1] if len(parts) > 1 else ""
    if kind == "alert":
        print_alert(json.loads(payload))
    elif kind == "output":
        print_output(json.loads(payload))
    elif kind == "status":
        print_status(json.loads(payload))


def main():
    # Told to end, it ends its subscriber too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    command = ["mosquitto_sub", "-h", "127.0.0.1", "-p", PORT, "-V", "5", "-q", "1",
               "-t", f"{ROOT}/#", "-t", f"{WATCH_ROOT}/#", "-F", "%t\t%j", "--nodelay"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as subscriber:
        try:
            for line in subscriber.stdout:
                topic, _, envelope = line.rstrip("\n").partition("\t")
                payload = json.loads(envelope).get("payload", "")
                if payload:
                    print_message(topic, payload)
                    sys.stdout.flush()
        except KeyboardInterrupt:
            pass
        finally:
            # Not asked but ended: asked at the wrong moment, mosquitto_sub waits for itself for ever.
            subscriber.kill()


if __name__ == "__main__":
    main()
