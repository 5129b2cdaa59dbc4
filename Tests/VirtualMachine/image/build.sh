#!/usr/bin/env bash
# Builds what the virtual machine boots, from Debian's packages alone, into .build/virtual-machine/ of this checkout:
#
#   vmlinuz     Debian 12's kernel, as it is
#   initramfs   busybox and the modules that find the disk
#   root.img    Debian 12 with systemd, the gateway's libraries, the modules that the tests want, and gpio-sim
#
# What is there already and was made by the same scripts is kept. `packaging/require.sh virtual-machine` brings the tools.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
export work="$top/.build/virtual-machine"
mkdir -p "$work"

# One builder at a time in a checkout.
exec 9>"$work/lock"
flock 9

made_by=$(cd "$here" && find . -type f | sort | xargs sha256sum | sha256sum)
if [ -f "$work/made-by" ] && [ "$(cat "$work/made-by")" = "$made_by" ]; then exit 0; fi
rm -f "$work/made-by"

echo "Building the virtual machine from Debian's packages (log: $work/build.log)"
began=$SECONDS
: >"$work/build.log"

# Runs one step with its words in a log of its own; a step that fails shows the end of it.
step() {
  local log="$work/$1.log"
  if "$here/$1.sh" >"$log" 2>&1; then
    cat "$log" >>"$work/build.log"
  else
    echo "Failed to build the virtual machine ($1):" >&2
    tail -n 30 "$log" >&2
    return 1
  fi
}

# The kernel and the root come over the network and are compiled and unpacked beside each other.
step kernel &
kernel=$!
trap 'kill "$kernel" 2>/dev/null || true' EXIT
step root
wait "$kernel"
trap - EXIT
step disk

printf '%s\n' "$made_by" >"$work/made-by"
echo "The virtual machine is built ($((SECONDS - began)) s)"
