#!/usr/bin/env bash
# The demo: a real broker, a simulated site on real ports, and what people receive. Leaves nothing running.
#
# usage: examples/demo/demo.sh GATEWAY [speed]
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
gateway=$(realpath "$1")
speed=${2:-1}
here="$top/.demo"

# Asks the shell what it has started: a list of our own would miss a child that an interrupt leaves unlisted. Told again
# until it ends, because one that has not become its program yet may miss the first word.
clean_up() {
  trap - EXIT INT TERM
  local child tick
  for child in $(jobs -p); do
    for ((tick = 0; ; tick++)); do
      kill -0 "$child" 2>/dev/null || break
      if ((tick % 30 == 0)); then kill "$child" 2>/dev/null || true; fi
      sleep 0.1
    done
  done
}
trap clean_up EXIT
trap 'clean_up; exit 130' INT
trap 'clean_up; exit 143' TERM

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

rm -rf "$here"
mkdir -p "$here/ports" "$here/state"
cd "$here"
port=$(free_port)

echo "1. Keys and a signed watch list: the city's side. Tags are hashed here; the gateway never sees a name."
"$gateway" sign keypair --kid demo-2026 --output . >/dev/null
"$gateway" sign tagkey --output tag-key-2026-11 >/dev/null
"$gateway" sign watchlist --key demo-2026.key --kid demo-2026 --tag-key tag-key-2026-11 --tag-kid 2026-11 \
  --root mimamori/282103 --group east --revision 1 --valid-until "$(date -d '+1 year' +%Y-%m-%dT%H:%M:%S%:z)" \
  --input "$top/examples/demo/persons.json" --output watchlist.jws >/dev/null
sed -e "s/^port = 1883.*/port = $port/" -e "s|/tmp/mimamori-demo|$here|" "$top/examples/demo/gateway.toml" >gateway.toml

echo "2. A real broker: mosquitto on 127.0.0.1:$port"
printf 'listener %s 127.0.0.1\nallow_anonymous true\npersistence false\n' "$port" >mosquitto.conf
broker=$(command -v mosquitto || echo /usr/sbin/mosquitto)
"$broker" -c mosquitto.conf >mosquitto.log 2>&1 &
for _ in $(seq 50); do
  if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi
  sleep 0.1
done

echo "3. What people receive: a subscriber of its own, in the order in which messages reach the broker."
python3 "$top/examples/demo/receiver.py" "$port" &

echo "4. The gateway on its simulated site. Serial devices answer real bytes on pseudo-terminals (.demo/ports);"
echo "   the GPIO lines are simulated, because this machine need not have any: 'run' only ever uses the kernel's."
echo
"$gateway" simulate --config gateway.toml --scenario "$top/examples/demo/scenario.toml" --speed "$speed" 2>gateway.log &
simulation=$!
status=0
wait "$simulation" || status=$?
sleep 0.5
echo
if [ "$status" -ne 0 ]; then
  echo "The gateway ended with status $status; its last words:" >&2
  tail -n 5 gateway.log >&2
  exit "$status"
fi
echo "What was raised is in the ledger; its sequence is whole:"
"$gateway" ledger verify --config gateway.toml
echo "Try: (cd .demo && $gateway ledger show --config gateway.toml)"
