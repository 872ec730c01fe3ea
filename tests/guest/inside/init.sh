#!/bin/sh
# Process 1 of the guest. Its root is the shared, read-only directory; the guest gets an overlay of it in memory, where
# owners, device nodes and extended attributes are real (hostfs makes every new file root's).
set -e
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH

mount -t proc proc /proc
insmod /usr/lib/uml/modules/"$(uname -r)"/kernel/fs/overlayfs/overlay.ko
mount -t tmpfs -o mode=755,size=100% tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root
umount /proc

cd /mnt/root
mkdir old
pivot_root . old
exec chroot . /bin/sh /guest/second.sh
