#!/bin/sh
# Fuzzes every codec and driver that is a pure value: each Fuzzing/*Fuzz.swift is one target, named by what stands before
# "Fuzz". Prints one line for each target: name, executions, result.
#
# Usage: Fuzzing/run.sh [seconds a target] [target ...]
#
# First it proves that it can find something: Fuzzing/PlantedTrap.swift must crash. A target fails when it crashes, hangs
# or does fewer than FLOOR executions a second (5000 unless set), which would mean that nothing was tested.
set -eu

seconds=${1:-20}
[ $# -gt 0 ] && shift
case $seconds in
'' | *[!0-9]* | 0)
  echo "Fuzzing/run.sh: the seconds a target must be a whole number above 0, not '$seconds'" >&2
  exit 64
  ;;
esac
floor=${FLOOR:-5000}
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
# A trap would otherwise hang in the backtracer.
export SWIFT_BACKTRACE=enable=no
flags="-parse-as-library -swift-version 6 -O -assert-config Debug -whole-module-optimization -sanitize=address \
  -enable-upcoming-feature MemberImportVisibility -enable-upcoming-feature InternalImportsByDefault"

for module in Observations Locks; do
  # shellcheck disable=SC2086
  swiftc $flags -module-name $module -emit-module -emit-module-path "$work/$module.swiftmodule" \
    -c "$root/Sources/$module"/*.swift -o "$work/$module.o"
done
includes="-I $root/Sources/CGPIOD/include -I $root/Sources/CPoll/include"
find "$root/Sources/SensorDrivers" -name '*.swift' | sort >"$work/sources"
# shellcheck disable=SC2086
swiftc $flags -sanitize=fuzzer -enable-testing -module-name SensorDrivers -I "$work" $includes \
  -emit-module -emit-module-path "$work/SensorDrivers.swiftmodule" \
  -c "@$work/sources" -o "$work/SensorDrivers.o"
for source in "$root"/Sources/CGPIOD/*.c "$root"/Sources/CPoll/*.c; do
  # shellcheck disable=SC2086
  clang -c -fsanitize=address $includes "$source" -o "$work/c-$(basename "$source" .c).o"
done

compile() { # name, source: one target, with all drivers
  # shellcheck disable=SC2086
  swiftc $flags -sanitize=fuzzer -module-name Fuzzed -I "$work" $includes "$2" "$root"/Fuzzing/Support/*.swift \
    "$work/SensorDrivers.o" "$work/Observations.o" "$work/Locks.o" "$work"/c-*.o -lgpiod -o "$work/$1" \
    >"$work/$1.log" 2>&1 || {
    cat "$work/$1.log" >&2
    echo "$1: does not compile" >&2
    exit 70
  }
}

fuzz() { # name, seconds: leaves the fuzzer's words in name.out
  mkdir -p "$work/corpus-$1" "$work/found-$1"
  seeds=$root/Fuzzing/corpus/$1
  [ -d "$seeds" ] || seeds=
  # shellcheck disable=SC2086
  timeout -k 5 $(($2 + 60)) "$work/$1" "$work/corpus-$1" $seeds -max_total_time="$2" -max_len=256 -timeout=10 \
    -rss_limit_mb=1024 -print_final_stats=1 -artifact_prefix="$work/found-$1/" >"$work/$1.out" 2>&1
}

executions() {
  sed -n 's/^stat::number_of_executed_units: *//p' "$work/$1.out" | tail -n 1
}

compile PlantedTrap "$root/Fuzzing/PlantedTrap.swift"
if fuzz PlantedTrap 60; then
  echo "PlantedTrap: not found in 60 s: the fuzzer finds nothing" >&2
  exit 1
fi
if ! grep -q 'deadly signal\|libFuzzer: ' "$work/PlantedTrap.out"; then
  tail -n 5 "$work/PlantedTrap.out" >&2
  echo "PlantedTrap: ended without a finding" >&2
  exit 1
fi
echo "PlantedTrap: $(executions PlantedTrap) executions, found as it should be"

failed=0
for source in "$root"/Fuzzing/*Fuzz.swift; do
  name=$(basename "$source" Fuzz.swift)
  if [ $# -gt 0 ]; then
    case " $* " in *" $name "*) ;; *) continue ;; esac
  fi
  compile "$name" "$source"
  if fuzz "$name" "$seconds"; then result=passed; else result="FAILED"; fi
  count=$(executions "$name")
  if [ "$result" = passed ] && [ "${count:-0}" -lt $((floor * seconds)) ]; then
    result="FAILED: fewer than $((floor * seconds)) executions"
  fi
  echo "$name: ${count:-0} executions, $result"
  if [ "$result" != passed ]; then
    failed=1
    tail -n 40 "$work/$name.out" >&2
    for finding in "$work/found-$name"/*; do
      if [ -f "$finding" ]; then
        kept=$root/.build/fuzz-finding-$name-$(basename "$finding")
        mkdir -p "$root/.build"
        cp "$finding" "$kept"
        echo "$name: the input that failed is $kept" >&2
      fi
    done
  fi
done
exit $failed
