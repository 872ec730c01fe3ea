"""The OCI validation programs, run against any container runtime."""
