#!/bin/sh
# Installs the Debian packages that a purpose needs and that are not there: as root or with sudo. Without the right to
# install it names them and ends with 69 (a needed service is unavailable). It calls no registry when all is there.
#
# usage: packaging/require.sh build|demo|test|virtual-machine
set -eu

build="libgpiod-dev libmosquitto-dev libsqlite3-dev libssl-dev libtomlplusplus-dev"
demo="mosquitto mosquitto-clients python3"
test="libxml2-utils python3-venv systemd"
# To emulate a board, to make its disk, and to compile the kernel module that Debian does not.
virtual_machine="qemu-system-x86 mmdebstrap fakeroot uidmap e2fsprogs busybox-static cpio kmod gcc-12 make libelf1 xz-utils"

case "${1:-}" in
  build) wanted="$build" ;;
  demo) wanted="$build $demo" ;;
  test) wanted="$build $demo $test" ;;
  virtual-machine) wanted="$build $demo $test $virtual_machine" ;;
  *) echo "usage: $0 build|demo|test|virtual-machine" >&2; exit 64 ;;
esac

if ! command -v swift >/dev/null 2>&1; then
  echo "Swift 6.3 or later is not on PATH. Install it from https://www.swift.org/install/linux/ and try again." >&2
  exit 69
fi

missing=""
for package in $wanted; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
  as_root=""
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
  as_root="sudo"
elif command -v sudo >/dev/null 2>&1 && [ -t 0 ]; then
  as_root="sudo"
else
  echo "These Debian packages are missing:$missing" >&2
  echo "Install them as root (apt-get install$missing) and try again." >&2
  exit 69
fi

echo "Installing Debian packages:$missing"
# RUNLEVEL=1 keeps Debian from starting a broker of its own: the demo and the tests start theirs.
$as_root env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get update -q >/dev/null
# shellcheck disable=SC2086
$as_root env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >/dev/null || {
  echo "Failed to install:$missing: see above for apt-get's words." >&2
  exit 69
}
