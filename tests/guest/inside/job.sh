#!/bin/sh
# Runs the command of this guest, hands its exit status to the host, and switches the guest off.
# The first serial line carries its standard output, the second its standard error.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH

for line in /dev/ttyS0 /dev/ttyS1; do
    stty -F $line raw -echo
done
exec </dev/null >/dev/ttyS1 2>&1

status=125
finish() {
    echo $status >/job/status
    sync /job/status
    busybox poweroff -f
}
trap finish EXIT
set -e

while read -r number access path; do
    mkdir -p "$path"
    mount -t hostfs -o "$access,/job/share/$number" share "$path"
done </job/shares

mkdir /run/guest
mkfifo /run/guest/out /run/guest/err
cat /run/guest/out >/dev/ttyS0 &
relays=$!
cat /run/guest/err >/dev/ttyS1 &
relays="$relays $!"

user=$(cat /job/user)
if [ "$user" = root ]; then
    set -- setsid --wait sh /job/command
elif [ -e /job/systemd ]; then
    loginctl enable-linger "$user"
    systemctl start "user@$(id -u "$user").service"
    set -- setsid --wait /guest/as-user.sh "$user" \
        systemd-run --user --quiet --wait --pipe --collect --property=Delegate=yes sh /job/command
else
    # As systemd would have delegated it: the session is a leaf, and the cgroup above it the user's as well.
    id=$(id -u "$user")
    group=/sys/fs/cgroup/user-$id
    mkdir -p $group/session
    for each in /sys/fs/cgroup $group; do
        echo "+cpu +io +memory +pids" >$each/cgroup.subtree_control
    done
    for each in $group $group/session; do
        chown "$user:" $each $each/cgroup.procs $each/cgroup.threads $each/cgroup.subtree_control
    done
    install -d -m 700 -o "$user" -g "$user" /run/user "/run/user/$id"
    chmod 755 /run/user
    set -- setsid --wait sh -c 'echo 0 >"$0/cgroup.procs" && exec "$@"' $group/session \
        /guest/as-user.sh "$user" sh /job/command
fi

set +e
"$@" >/run/guest/out 2>/run/guest/err
status=$?

# What the command has left running may still hold the pipes.
for fd in $(find /proc/[0-9]*/fd -lname '/run/guest/*' 2>/dev/null); do
    pid=${fd#/proc/}
    pid=${pid%%/*}
    case " $relays " in *" $pid "*) ;; *) kill -KILL "$pid" ;; esac
done
wait $relays
