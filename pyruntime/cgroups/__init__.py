"""The cgroup drivers: where a container's cgroups are, and what is written there."""
