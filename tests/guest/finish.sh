#!/bin/sh
# Runs once, in the new root directory, when the packages are in it.
set -e

# Mount points; the directory itself is read-only when a guest runs.
mkdir -p /guest /job /opt/pyruntime
touch /etc/hosts /etc/resolv.conf

mkdir -p /usr/lib/modules
for modules in /usr/lib/uml/modules/*; do
    ln -sfn "$modules" "/usr/lib/modules/${modules##*/}"
    depmod "${modules##*/}"
done

echo guest >/etc/hostname
echo "127.0.0.1 localhost guest" >/etc/hosts
useradd --uid 1000 --user-group --create-home --shell /bin/bash tester
echo tester:100000:65536 >/etc/subuid
echo tester:100000:65536 >/etc/subgid

# Nothing of these has a purpose in a guest that lives for one command.
systemctl mask --quiet \
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer \
    systemd-tmpfiles-clean.timer systemd-tmpfiles-setup-dev.service \
    systemd-udevd.service systemd-udev-trigger.service systemd-udev-settle.service \
    systemd-timesyncd.service systemd-networkd.service systemd-resolved.service \
    systemd-journal-flush.service systemd-update-utmp.service systemd-random-seed.service \
    systemd-binfmt.service proc-sys-fs-binfmt_misc.automount kmod-static-nodes.service \
    modprobe@configfs.service modprobe@drm.service modprobe@efi_pstore.service modprobe@fuse.service \
    tmp.mount getty.target console-getty.service podman.service podman.socket podman-auto-update.timer

# Nor has the work that systemd does after an upgrade.
ldconfig
journalctl --update-catalog
systemd-sysusers
touch /etc/.updated /var/.updated

rm -rf /var/cache/apt/archives/*.deb /var/lib/apt/lists/* /usr/share/doc/*
