#!/bin/sh
# Last step of the guest's root, run by mmdebstrap: finish.sh ROOT WORK FILES MEGABYTES
# Brings in the Python packages and the agent's unit, compiles the packages with the guest's own Python (slow inside),
# and makes the disk.
set -eu
root=$1 work=$2 files=$3 megabytes=$4
site=usr/local/lib/python3.13/dist-packages
pi=usr/local/lib/picamera2

mkdir -p "$root/$site" "$root/$pi"
cp -r "$work/site/." "$root/$site/"
cp -r "$work/pi/." "$root/$pi/"
# All of it is looked for below one folder, as the checkout, which is read-only, has to be: nothing beside the sources is.
export PYTHONPYCACHEPREFIX=/var/cache/compiled
find "$root/$site" "$root/$pi" "$root/usr/lib/python3" "$root/usr/lib/python3.13" -name __pycache__ -prune -exec rm -rf {} +
# some packages bring files for other Pythons, which do not compile
chroot "$root" python3 -m compileall -qq -j 2 "/$site" "/$pi" /usr/lib/python3 /usr/lib/python3.13 || true

# The checkout as it is now, compiled too. What has changed by then is compiled inside: its hash tells.
mkdir -p "$root/srv/salon" "$root/srv/guest"
cp -r "$work"/code/. "$root/srv/salon/"
chroot "$root" python3 -m compileall -qq -j 2 --invalidation-mode checked-hash /srv/salon
rm -rf "$root"/srv/salon/*

install -Dm644 -t "$root/etc/systemd/system" "$files"/*.service "$files"/*.mount "$files"/*.target
install -Dm644 -t "$root/etc/modules-load.d" "$files/guest.conf"
echo guest >"$root/etc/hostname"
echo "127.0.0.1 localhost guest" >"$root/etc/hosts"
# No first boot and no update to finish: each start is the same, and sooner done.
tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
touch "$root/etc/.updated" "$root/var/.updated"
for unit in sys-fs-fuse-connections.mount sys-kernel-config.mount sys-kernel-tracing.mount dev-hugepages.mount \
  dev-mqueue.mount modprobe@.service systemd-random-seed.service systemd-hostnamed.socket systemd-timesyncd.service \
  systemd-udev-load-credentials.service systemd-binfmt.service systemd-pstore.service; do
  ln -s /dev/null "$root/etc/systemd/system/$unit"
done
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/usr/share/mime

cp "$root"/boot/vmlinuz-* "$work/vmlinuz"
cp "$root"/boot/initrd.img-* "$work/initrd.img"
chmod 644 "$work/initrd.img"
rm -rf "$root"/boot/*

# Seen through a bind mount, the root is without the /proc, /sys and /dev that mmdebstrap has mounted there.
mkdir "$work/bare"
mount --bind "$root" "$work/bare"
trap 'umount "$work/bare"' EXIT
mke2fs -q -t ext4 -L guest -O ^has_journal -E lazy_itable_init=1 -d "$work/bare" "$work/disk.ext4.new" "${megabytes}M"
trap - EXIT
umount "$work/bare"
rmdir "$work/bare"
mv "$work/disk.ext4.new" "$work/disk.ext4"
