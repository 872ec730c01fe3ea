#!/bin/bash
# From nothing to a container that is looked at from inside. As root on Debian or Ubuntu; safe to repeat.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "$(id -u)" != 0 ]; then
    echo "demo: root is needed: it makes cgroups and installs packages" >&2
    exit 1
fi

heading() { printf '\n\033[1m%s\033[0m\n' "$*"; }
show() { printf '$ %s\n' "pyruntime $*"; pyruntime "$@"; }

heading "1. Build and install into .venv (the first time takes a minute)"
packaging/install-packages
make --no-print-directory venv
work=$(mktemp -d /tmp/pyruntime-demo.XXXXXX)
pyruntime() { "$PWD/.venv/bin/pyruntime" --root "$work/state" "$@"; }
clean() {
    pyruntime delete --force demo || true
    rmdir /sys/fs/cgroup/pyruntime-demo /sys/fs/cgroup/*/pyruntime-demo 2>/dev/null || true
    rm -rf "$work"
}
trap clean EXIT
pyruntime --version

heading "2. A bundle: the distribution's static busybox, and a config.json"
bundle=$work/bundle
mkdir -p "$bundle"/rootfs/{bin,dev,etc,proc,sys,tmp}
cp "$(command -v busybox)" "$bundle/rootfs/bin/"
chroot "$bundle/rootfs" /bin/busybox --install -s /bin
show spec --bundle "$bundle"
demo/configure.py "$bundle/config.json" <<'SCRIPT'
echo "pid $$, hostname $(hostname), user $(id -u)"
echo "mounts: $(awk '{print $2}' /proc/mounts | head -12 | xargs) ..."
grep -E 'CapEff|NoNewPrivs|Seccomp:' /proc/self/status
echo "open files: at most $(ulimit -n)"
for file in memory/memory.limit_in_bytes pids/pids.max memory.max pids.max; do
    [ ! -f /sys/fs/cgroup/$file ] || echo "$file: $(cat /sys/fs/cgroup/$file)"
done
SCRIPT

heading "3. The plan: what will happen, and which line of config.json asks for it"
show plan --bundle "$bundle" demo | sed -n '1,6p;$p' | cut -c1-150
echo "... $(pyruntime plan --bundle "$bundle" demo | wc -l) steps in all"
pyruntime plan --bundle "$bundle" demo | grep -E 'clone\(|pivot_root|capset|mounts\[1\]' | cut -c1-150

heading "4. The container, from inside"
show run --bundle "$bundle" demo

heading "5. The life of another one, step by step"
demo/configure.py "$bundle/config.json" <<<'sleep 1000'
show create --bundle "$bundle" demo
show state demo | grep -E 'status|pid'
show start demo
show exec demo ps
show pause demo
show list
show resume demo
show kill demo KILL
for _ in $(seq 100); do pyruntime state demo | grep -q stopped && break || sleep 0.02; done
show delete demo

heading "6. A mistake, explained"
demo/configure.py "$bundle/config.json" --break <<<'true'
show run --bundle "$bundle" demo || echo "exit status $?"

heading "Nothing is left"
pyruntime list
