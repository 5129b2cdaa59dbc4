#!/usr/bin/env bash
# Runs the GPIO tests against libgpiod 2 and the other libraries of a Debian 13, its C library among them.
#
#   run.sh          unit and board
#   run.sh unit     the unit tests of GPIO lines and their drivers
#   run.sh board    the release program and the libraries that it loads, in .build/debian-13/board/: the tests in the
#                   virtual machine run it there
#   run.sh whole    builds everything anew in a Debian 13, in release mode, and runs the unit tests of `unit`. It takes as
#                   long as all other tests
#
# Only CGPIOD knows libgpiod: it alone is compiled against Debian 13's headers. Every other object is the one that was
# built for the tests against libgpiod 1.6, so that the two can differ in nothing else. `make debian-13` builds these first,
# the tests with the sanitizer that SANITIZE names, if any.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
work="$top/.build/debian-13"
toolchain=$(cd "$(dirname "$(readlink -f "$(command -v swift)")")/.." && pwd)
architecture=$(uname -m)-linux-gnu
filter='SensorDriversTests.*(GPIO|contact|bucket)'
libraries=libgpiod-dev,libmosquitto-dev,libsqlite3-dev,libssl-dev,libtomlplusplus-dev,libc6-dev,libstdc++-14-dev
mkdir -p "$work"

# One at a time in a checkout.
exec 9>"$work/lock"
flock 9

# The machine's archive of Debian where its sources name one, otherwise Debian's own.
archive() {
  local found
  found=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 2>/dev/null \
    | grep -m 1 -E '^https?://.*/debian/?$' || true)
  echo "${found:-http://deb.debian.org/debian}"
}

# Makes a Debian 13 of packages in .build/debian-13/<name>/ and keeps it until what is asked of it changes.
make_root() { # name, mmdebstrap's variant, packages
  local root="$work/$1" wanted="$2 $3" began=$SECONDS folder
  if [ -f "$root.made-of" ] && [ "$(cat "$root.made-of")" = "$wanted" ]; then return; fi
  echo "Making a Debian 13 of Debian's packages (log: $root.log)"
  rm -rf "$root" "$root.tar" "$root.made-of"
  if ! mmdebstrap --variant="$2" --include="$3" --dpkgopt='force-unsafe-io' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --aptopt='APT::Install-Recommends "false"' \
    trixie "$root.tar" "$(archive)" >"$root.log" 2>&1; then
    echo "Failed to make a Debian 13:" >&2
    tail -n 20 "$root.log" >&2
    exit 1
  fi
  mkdir "$root"
  tar -x --no-same-owner --exclude='./dev/*' -C "$root" -f "$root.tar"
  rm "$root.tar"
  # Made when packages are configured, which those of a variant without programs are not.
  for folder in lib lib64; do [ -e "$root/$folder" ] || ln -s "usr/$folder" "$root/$folder"; done
  printf '%s\n' "$wanted" >"$root.made-of"
  echo "The Debian 13 is made ($((SECONDS - began)) s)"
}

# Links what SwiftPM linked again, with Debian 13's libraries and CGPIOD compiled against its headers.
link_again() { # the build's folder, the product's folder, the program to make, more words for the linker
  local build=$1 product=$2 program=$3 mode source name needed
  shift 3
  mode=$(basename "$build")
  local objects="$build/$product.product/Objects.LinkFileList"
  [ -f "$objects" ] || { echo "Nothing is built in $mode mode: run \`make debian-13\`" >&2; exit 1; }
  grep -v '/CGPIOD\.build/' "$objects" >"$work/$product.objects"
  for source in "$top"/Sources/CGPIOD/*.c; do
    name="$work/$mode-$(basename "$source").o"
    "$toolchain/bin/clang" --sysroot="$work/root" -c -g -O2 -Wall -Wextra -Werror -I "$top/Sources/CGPIOD/include" \
      "$source" -o "$name"
    echo "$name" >>"$work/$product.objects"
  done
  "$toolchain/bin/swiftc" -emit-executable -Xclang-linker --sysroot="$work/root" "@$work/$product.objects" \
    -lgpiod -lmosquitto -lsqlite3 -lssl -lcrypto -lstdc++ "$@" -o "$program"
  needed=$(objdump -p "$program" | awk '$1 == "NEEDED" {print $2}')
  grep -qx 'libgpiod\.so\.3' <<<"$needed" || { echo "$program does not load libgpiod 2, but:" $needed >&2; exit 1; }
}

unit() {
  local root="$work/root" program="$work/unit-tests" began=$SECONDS
  link_again "$top/.build/${SANITIZE:+sanitize-$SANITIZE/}debug" mimamoriPackageTests "$program" \
    ${SANITIZE:+-sanitize="$SANITIZE"}
  echo "Running the GPIO tests against libgpiod 2 of Debian 13 (linked in $((SECONDS - began)) s)"
  # Swift's own libraries are the toolchain's; all others, and the loader, are Debian 13's.
  MIMAMORI_EXPECTED_LIBGPIOD=2 "$root/lib64/$(basename "$root"/lib64/ld-linux*)" \
    --library-path "$root/usr/lib/$architecture:$toolchain/lib/swift/linux" "$program" \
    --testing-library swift-testing --filter "$filter"
}

board() {
  local root="$work/root" program="$work/board/mimamori-gateway" began=$SECONDS library loader
  rm -rf "$work/board"
  mkdir -p "$work/board"
  link_again "$top/.build/release" mimamori-gateway "$program" -static-stdlib -Xlinker --gc-sections \
    -Xlinker --defsym -Xlinker main=mimamori_gateway_main
  strip "$program"
  # The program with every library that it loads and the loader itself: nothing is left to the machine.
  loader=$(echo "$root"/lib64/ld-linux*)
  "$loader" --library-path "$root/usr/lib/$architecture" --list "$program" | grep -oE "$root/[^ ]+" \
    | while read -r library; do cp -L "$library" "$work/board/"; done
  cp -L "$loader" "$work/board/"
  "$loader" --library-path "$work/board" "$program" --version
  echo "The program for Debian 13 is linked ($((SECONDS - began)) s)"
}

# A namespace of its own: its mounts vanish with it. For anybody but root also one of users.
namespace=(unshare --mount --propagation private)
[ "$(id -u)" -eq 0 ] || namespace+=(--map-root-user)

# Runs a shell command in the whole Debian 13: the project at /project, Swift at /toolchain.
inside() {
  "${namespace[@]}" sh -euc '
    root=$1 toolchain=$2 project=$3 command=$4
    mkdir -p "$root/toolchain" "$root/project"
    mount --bind "$toolchain" "$root/toolchain"
    mount --bind "$project" "$root/project"
    mount --rbind /dev "$root/dev"
    mount --rbind /proc "$root/proc"
    mount -t tmpfs tmpfs "$root/tmp"
    exec env -i HOME=/tmp PATH=/toolchain/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 CI="${CI:-}" \
      MIMAMORI_EXPECTED_LIBGPIOD=2 chroot "$root" sh -euc "cd /project; $command"
  ' sh "$work/whole" "$toolchain" "$top" "$1"
}

whole() {
  local began=$SECONDS item
  local flags="--scratch-path .build/debian-13/build --disable-sandbox -c release -Xswiftc -enable-testing"
  flags+=" --explicit-target-dependency-import-check error"
  # What Swift's compiler needs beside itself, and git for SwiftPM.
  make_root whole minbase "$libraries,binutils,libcurl4t64,libxml2,libncurses6,git,tzdata"
  # The dependencies that this checkout has already are used again: what was fetched once is not fetched twice.
  mkdir -p "$work/build"
  for item in checkouts repositories workspace-state.json; do
    if [ -e "$top/.build/$item" ] && [ ! -e "$work/build/$item" ]; then cp -a "$top/.build/$item" "$work/build/$item"; fi
  done
  echo "Building everything in Debian 13 with libgpiod $(inside 'dpkg-query -W -f "\${Version}" libgpiod-dev')"
  inside "swift build $flags --build-tests" >"$work/build.log" 2>&1 || { tail -n 40 "$work/build.log" >&2; exit 1; }
  echo "Running the GPIO tests in Debian 13 (built in $((SECONDS - began)) s)"
  inside "swift test $flags --skip-build --filter '$filter'"
}

make_root root extract "$libraries"
case "${1:-all}" in
  unit) unit ;;
  board) board ;;
  all) unit && board ;;
  whole) whole ;;
  *) echo "usage: $0 [unit|board|whole]" >&2; exit 64 ;;
esac
