#!/usr/bin/env bash
# Joins the root and the kernel's modules into a disk, without mounting anything, and packs the initramfs.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# The owners of the files must end up on the disk, also when it is not root who builds it.
if [ "$(id -u)" -ne 0 ] && [ -z "${FAKEROOTKEY:-}" ]; then exec fakeroot "$0"; fi
cd "$work"
version=$(cat kernel/version)

# The named modules of the kernel with all that they need.
copy_modules() {
  local root=$1 module file
  shift
  for module in "$@"; do
    modprobe -d "$work/kernel" -S "$version" --show-depends "$module"
  done | awk '$1 == "insmod" {print $2}' | sort -u | while read -r file; do
    install -D -m 0644 "$file" "$root/usr${file#"$work/kernel"}"
  done
  cp "kernel/lib/modules/$version"/modules.{order,builtin,builtin.modinfo} "$root/usr/lib/modules/$version/"
  depmod -b "$root/usr" "$version"
}

rm -rf root initramfs.tree root.img
mkdir root
tar -xpf root.tar -C root
copy_modules root virtio_pci virtio_blk virtio_net virtio_console virtio_rng 9p 9pnet_virtio ext4 \
  configfs gpio-sim \
  xhci_pci usbserial ftdi_sio pl2303 ch341 cp210x cdc_acm \
  bluetooth hci_uart hci_vhci algif_hash algif_skcipher cmac ecb aes_generic \
  i6300esb softdog sch_netem dm_log_writes dm_flakey
cp -a "$here/overlay/." root/
chown -R 0:0 root/etc/systemd root/usr/local/sbin
echo field-board >root/etc/hostname
echo '/dev/vda / ext4 rw 0 1' >root/etc/fstab
: >root/etc/machine-id
ln -sf /usr/share/zoneinfo/Asia/Tokyo root/etc/localtime
sed -i 's/^root:[^:]*:/root::/' root/etc/shadow
wanted=root/etc/systemd/system/multi-user.target.wants
mkdir -p "$wanted"
ln -sf ../test-bench.service "$wanted/test-bench.service"
# What only costs time here. bluetoothd would take the controllers that the tests want for themselves.
for unit in bluetooth.service systemd-timesyncd.service systemd-networkd.service systemd-resolved.service \
  getty.target getty@tty1.service systemd-update-utmp.service systemd-update-utmp-runlevel.service \
  apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
  ldconfig.service systemd-hwdb-update.service systemd-journal-catalog-update.service systemd-logind.service \
  systemd-binfmt.service proc-sys-fs-binfmt_misc.automount; do
  ln -sf /dev/null "root/etc/systemd/system/$unit"
done
truncate -s 1G root.img
mke2fs -q -t ext4 -L root -d root root.img

mkdir -p initramfs.tree/{bin,dev,proc,sys,root,usr}
ln -s usr/lib initramfs.tree/lib
cp "$(command -v busybox)" initramfs.tree/bin/busybox
cp "$here/init" initramfs.tree/init
chmod 0755 initramfs.tree/init
copy_modules initramfs.tree virtio_pci virtio_blk ext4 crc32c_generic
(cd initramfs.tree && find . | cpio --quiet -o -H newc) | gzip -1 >initramfs

du -sh root root.img initramfs
rm -rf root initramfs.tree root.tar kernel
