"""Write pyruntime/seccomp/_libseccomp_cffi.py: what we call of libseccomp, as cffi's out-of-line ABI form.

    python3 csrc/seccomp_build.py OUTPUT

Parsing these declarations at run time would import pycparser and cost 40 ms; the module written here
needs only `_cffi_backend`. Nothing is compiled or linked: libseccomp is opened when a profile is compiled.
"""

from __future__ import annotations

import sys

from cffi import FFI

DECLARATIONS = """
    typedef void *scmp_filter_ctx;

    struct scmp_version { unsigned major, minor, micro; };
    struct scmp_arg_cmp { unsigned arg; int op; uint64_t datum_a; uint64_t datum_b; };

    const struct scmp_version *seccomp_version(void);
    unsigned seccomp_api_get(void);
    scmp_filter_ctx seccomp_init(uint32_t default_action);
    void seccomp_release(scmp_filter_ctx context);
    int seccomp_attr_set(scmp_filter_ctx context, int attribute, uint32_t value);
    uint32_t seccomp_arch_native(void);
    uint32_t seccomp_arch_resolve_name(const char *name);
    int seccomp_arch_add(scmp_filter_ctx context, uint32_t arch);
    int seccomp_syscall_resolve_name(const char *name);
    int seccomp_syscall_resolve_name_arch(uint32_t arch, const char *name);
    int seccomp_rule_add_array(scmp_filter_ctx context, uint32_t action, int syscall,
                               unsigned count, const struct scmp_arg_cmp *comparisons);
    int seccomp_export_bpf(scmp_filter_ctx context, int fd);
"""


def main(output: str) -> None:
    ffi = FFI()
    ffi.cdef(DECLARATIONS)
    ffi.set_source("pyruntime.seccomp._libseccomp_cffi", None)
    ffi.emit_python_code(output)


if __name__ == "__main__":
    main(sys.argv[1])
