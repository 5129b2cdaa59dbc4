#!/usr/bin/env bash
# A small Debian 12 with systemd, as an archive. Nothing of the project is in it: that is installed when it runs.
set -euo pipefail
cd "$work"

# The machine's own sources where it is a Debian 12 (it may have a mirror near by), otherwise Debian's.
. /etc/os-release
sources=()
if [ "${VERSION_CODENAME:-}" = bookworm ]; then
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list; do
    if [ -f "$file" ] && grep -q bookworm "$file" && grep -qE 'debian(-security)?/? ?' "$file"; then sources+=("$file"); fi
  done
fi
if [ "${#sources[@]}" -eq 0 ]; then sources=(http://deb.debian.org/debian); fi

# What the gateway links, and the tests' tools: python3 for what is measured inside, gpiod to compare with.
packages=systemd,systemd-sysv,udev,kmod,dbus,iproute2,procps,qemu-guest-agent,python3
packages+=,libgpiod2,libmosquitto1,libsqlite3-0,libssl3,libtomlplusplus3,libstdc++6,tzdata,gpiod,bluez
mmdebstrap --variant=essential --include="$packages" \
  --dpkgopt='force-unsafe-io' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
  --aptopt='APT::Install-Recommends "false"' \
  bookworm root.tar "${sources[@]}"
