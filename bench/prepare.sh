#!/bin/sh
# Bring one container to the state that a verb starts from: prepare.sh VERB RUNTIME ROOT BUNDLE ID.
verb=$1 runtime=$2 root=$3 bundle=$4 id=$5

call() { "$runtime" --root "$root" "$@" </dev/null >/dev/null 2>&1; }

stopped() {
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        "$runtime" --root "$root" state "$id" | grep -q '"status": *"stopped"' && return
        sleep 0.02
    done
    return 1
}

call delete --force "$id"
case $verb in
create | run) ;;
start | kill | state) call create --bundle "$bundle" "$id" ;;
exec) call create --bundle "$bundle" "$id" && call start "$id" ;;
delete) call create --bundle "$bundle" "$id" && call kill "$id" KILL && stopped ;;
clean) ;;
esac
