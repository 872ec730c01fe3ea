"""From a seccomp profile to a BPF program.

    profile ──► rules (pure) ──► compile ──► BPF      libseccomp (lazily, through cffi)
                                    └── stub          ENOSYS for what is newer than the profile
    cache.load answers from a file where it can: then none of the above is imported.
"""
