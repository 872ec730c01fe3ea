"""From a seccomp profile to a BPF program.

A profile goes through `rules` (pure) and `compile` (libseccomp, lazily, through cffi), with `stub`
(pure) in front of what comes out. `cache.load` answers from a file where it can: then none of these
is imported.
"""
