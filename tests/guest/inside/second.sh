#!/bin/sh
# Process 1, in its own root: mounts what every program expects and becomes the job, or systemd.
set -e

mount -t devtmpfs -o mode=755 dev /dev
umount --lazy /old
rmdir /old
mount -t hostfs -o /job job /job
hostname guest
# podman keeps overlays, whose upper directory cannot be on an overlay, nor an ordinary user's on this kernel's tmpfs.
mkdir -p /var/lib/containers
mount -t tmpfs -o mode=755 containers /var/lib/containers
mount -t tmpfs -o mode=755 home /home
mkdir -p /home/tester/.config/containers
printf '[storage]\ndriver = "vfs"\n' >/home/tester/.config/containers/storage.conf
chown -R tester: /home/tester
mount -t tmpfs -o mode=1777 tmpfs /tmp # tests make device nodes there
ip link set lo up

if [ -e /job/systemd ]; then
    cp /guest/pyruntime-guest.* /etc/systemd/system/
    exec /sbin/init --unit=pyruntime-guest.target
fi

mount -t proc -o nosuid,nodev,noexec proc /proc
mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
mount -t cgroup2 -o nosuid,nodev,noexec,nsdelegate cgroup2 /sys/fs/cgroup
mkdir -p /dev/pts /dev/shm /dev/mqueue
mount -t devpts -o nosuid,noexec,gid=5,mode=620,ptmxmode=666 devpts /dev/pts
ln -sf pts/ptmx /dev/ptmx
mount -t mqueue -o nosuid,nodev,noexec mqueue /dev/mqueue
mount -t tmpfs -o nosuid,nodev,mode=1777 tmpfs /dev/shm
mount -t tmpfs -o nosuid,nodev,mode=755 tmpfs /run
mkdir /run/lock
ln -sf /proc/self/fd /dev/fd
ln -sf fd/0 /dev/stdin
ln -sf fd/1 /dev/stdout
ln -sf fd/2 /dev/stderr

exec /bin/sh /guest/job.sh
