"""Write pyruntime/cgroups/_libsystemd_cffi.py: what we call of libsystemd (sd-bus), as cffi's out-of-line ABI form.

    python3 csrc/systemd_build.py OUTPUT

As with libseccomp nothing is compiled or linked: the library is opened when the systemd driver is asked for.
"""

from __future__ import annotations

import sys

from cffi import FFI

DECLARATIONS = """
    typedef struct sd_bus sd_bus;
    typedef struct sd_bus_message sd_bus_message;
    typedef struct { const char *name; const char *message; int need_free; } sd_bus_error;

    int sd_bus_new(sd_bus **bus);
    int sd_bus_set_address(sd_bus *bus, const char *address);
    int sd_bus_set_bus_client(sd_bus *bus, int yes);
    int sd_bus_start(sd_bus *bus);
    sd_bus *sd_bus_close_unref(sd_bus *bus);
    int sd_bus_call(sd_bus *bus, sd_bus_message *message, uint64_t timeout_us, sd_bus_error *error,
                    sd_bus_message **reply);
    void sd_bus_error_free(sd_bus_error *error);
    int sd_bus_process(sd_bus *bus, sd_bus_message **message);
    int sd_bus_wait(sd_bus *bus, uint64_t timeout_us);

    int sd_bus_message_new_method_call(sd_bus *bus, sd_bus_message **message, const char *destination,
                                       const char *path, const char *interface, const char *member);
    sd_bus_message *sd_bus_message_unref(sd_bus_message *message);
    int sd_bus_message_is_signal(sd_bus_message *message, const char *interface, const char *member);
    int sd_bus_message_append_basic(sd_bus_message *message, char type, const void *value);
    int sd_bus_message_open_container(sd_bus_message *message, char type, const char *contents);
    int sd_bus_message_close_container(sd_bus_message *message);
    int sd_bus_message_read_basic(sd_bus_message *message, char type, void *value);
    int sd_bus_message_enter_container(sd_bus_message *message, char type, const char *contents);
    int sd_bus_message_exit_container(sd_bus_message *message);
"""


def main(output: str) -> None:
    ffi = FFI()
    ffi.cdef(DECLARATIONS)
    ffi.set_source("pyruntime.cgroups._libsystemd_cffi", None)
    ffi.emit_python_code(output)


if __name__ == "__main__":
    main(sys.argv[1])
