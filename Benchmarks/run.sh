#!/bin/sh
# Prints the figures of docs/performance.md, measured on this machine in one run of about three minutes. It judges
# nothing: a machine under other load gives other figures. It leaves nothing running and nothing behind.
#
# usage: Benchmarks/run.sh   (after `make build`; `make bench` does both)
set -eu
cd "$(dirname "$0")/.."

gateway=.build/release/mimamori-gateway
if [ ! -x "$gateway" ]; then
  echo "The gateway is not built: run 'make bench', which builds it." >&2
  exit 66
fi
# With the gateway's flags: its modules are not built again, and what is measured is linked as it is.
# shellcheck disable=SC2046 # the flags are many words
swift build $(packaging/release-flags.sh) --product mimamori-benchmarks >.build/benchmarks.log 2>&1 || {
  cat .build/benchmarks.log >&2
  exit 70
}

# On the checkout's file system, not in memory: the ledger's syncs must reach a disk.
work=$(mktemp -d -p .build)
measuring=
finish() {
  if [ -n "$measuring" ]; then
    kill "$measuring" 2>/dev/null || true
    wait "$measuring" 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

compiler=${CC:-$(command -v cc || command -v clang)}
"$compiler" -std=c11 -O2 -Wall -Wextra -o "$work/latency" Benchmarks/latency.c -lmosquitto -lpthread

.python/bin/python3 Benchmarks/measure.py "$gateway" .build/release/mimamori-benchmarks "$work/latency" "$work" &
measuring=$!
wait "$measuring"
