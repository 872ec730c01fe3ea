#!/bin/sh
# What `make bench` calls: the built runtime against every installed peer.
cd "$(dirname "$0")/.." || exit
exec .venv/bin/python bench/run.py --runtime .venv/bin/pyruntime "$@"
