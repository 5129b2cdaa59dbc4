#!/usr/bin/env bash
# Debian 12's kernel with its modules, and gpio-sim, which Debian does not build: out of tree, from Debian's own source
# and headers of the same version.
set -euo pipefail
cd "$work"
rm -rf kernel packages
mkdir -p kernel/module packages

# Downloads with the machine's package lists; if these are older than the mirror, with fresh ones kept in the checkout.
fetch() {
  local options=("$@")
  version=$(apt-cache "${options[@]}" depends linux-image-amd64 | sed -n 's/^ *Depends: linux-image-\(6\.1\..*\)-amd64$/\1/p' | head -n 1)
  [ -n "$version" ] || return 1
  release=$(apt-cache "${options[@]}" show "linux-image-$version-amd64" | sed -n 's/^Version: //p' | head -n 1)
  (cd packages && apt-get "${options[@]}" download -q "linux-image-$version-amd64=$release" \
    "linux-headers-$version-amd64=$release" "linux-headers-$version-common=$release" "linux-kbuild-6.1=$release" \
    "linux-source-6.1=$release")
}
if ! fetch; then
  mkdir -p lists/partial
  lists=(-o "Dir::State::Lists=$work/lists")
  apt-get "${lists[@]}" update -q
  fetch "${lists[@]}"
fi

dpkg-deb -x packages/linux-image-*.deb kernel
for package in packages/linux-headers-*.deb packages/linux-kbuild-*.deb; do dpkg-deb -x "$package" kernel; done
full="$version-amd64"
cp "kernel/boot/vmlinuz-$full" vmlinuz

# The three files of the source that are wanted. tar ends as soon as it has them; its feeder need not like that.
dpkg-deb --fsys-tarfile packages/linux-source-6.1_*.deb | tar -xO ./usr/src/linux-source-6.1.tar.xz >packages/source.tar.xz
tar -xf packages/source.tar.xz -C kernel/module --strip-components=3 --occurrence=1 \
  linux-source-6.1/drivers/gpio/gpio-sim.c linux-source-6.1/drivers/gpio/gpiolib.h linux-source-6.1/kernel/irq/irq_sim.c

# gpio-sim needs irq_sim, which Debian's kernel lacks too: both go into one module. irq_sim calls irq_to_desc, which
# is not exported to modules on this architecture; the exported irq_get_irq_data leads to the same descriptor.
cd kernel/module
mv gpio-sim.c gpio-sim-main.c
sed -i 's|^#include <linux/slab.h>|&\n#include <linux/irqdesc.h>\n#define irq_to_desc(n) irq_data_to_desc(irq_get_irq_data(n))|' irq_sim.c
cat >Kbuild <<'KBUILD'
obj-m := gpio-sim.o
gpio-sim-y := gpio-sim-main.o irq_sim.o
KBUILD
headers="$work/kernel/usr/src/linux-headers-$version"
echo "include $headers-common/Makefile" >"$headers-amd64/Makefile"
make -C "$headers-amd64" "M=$PWD" modules
strip --strip-debug gpio-sim.ko
install -D -m 0644 gpio-sim.ko "$work/kernel/lib/modules/$full/extra/gpio-sim.ko"
depmod -b "$work/kernel" "$full"
printf '%s\n' "$full" >"$work/kernel/version"
rm -rf "$work/packages"
