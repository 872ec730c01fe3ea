"""The facts of this host. Reads, never changes."""
