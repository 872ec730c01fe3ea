"""From a seccomp profile to a BPF program."""
