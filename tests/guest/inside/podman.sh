#!/bin/sh
# podman.sh MANAGER: a container's life under podman with pyruntime, its cgroups made by MANAGER. A line for each answer.
set -e
image=$HOME/image
mkdir -p "$image/bin" "$image/etc" "$image/proc" "$image/sys" "$image/dev" "$image/tmp" "$image/run"
cp /bin/busybox "$image/bin/"
for name in sh cat sleep; do ln -s busybox "$image/bin/$name"; done

podman() {
    command podman --runtime /opt/pyruntime/bin/pyruntime --cgroup-manager "$manager" --events-backend none "$@"
}
manager=$1

status=0
podman run --rm --network none --rootfs "$image" sh -c 'echo out; echo err >&2; exit 7' || status=$?
echo "status $status"

podman run --detach --name one --network none --memory 64m --pids-limit 50 --rootfs "$image" sleep 1000 >/dev/null
podman exec one cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max
podman exec one sh -c 'read line </proc/self/cgroup; echo "$line"'
cgroup=$(sed -n 's/^0:://p' "/proc/$(podman inspect --format '{{.State.Pid}}' one)/cgroup")
case $cgroup in
*.scope | *.scope/*) echo "a cgroup of systemd" ;;
*) echo "a cgroup of cgroupfs" ;;
esac
podman pause one >/dev/null && podman inspect --format '{{.State.Status}}' one && podman unpause one >/dev/null
podman stop --time 1 one >/dev/null && podman inspect --format '{{.State.Status}} {{.State.ExitCode}}' one
podman rm one >/dev/null
test ! -e "/sys/fs/cgroup$cgroup" && echo "no cgroup left"
podman ps --all --quiet
