"""What the container says, and how it ends, when execve(2) of its program fails.

By then `create` has long succeeded and nobody waits for an answer. So every engine expects what a shell does: a line on the
program's standard error (`docker logs` shows it) and an exit status that tells "not found" from "not executable", by
which restart policies go. The executor has no texts: the planner gives it one for each errno of execve(2).
"""

from __future__ import annotations

import errno

from pyruntime.errors import reason

NOT_FOUND = 127
NOT_EXECUTABLE = 126
STATUSES = (NOT_FOUND, NOT_EXECUTABLE)

# By errno.
HINTS = {
    errno.ENOENT: "the file is there, but not what runs it: look at the first line of a script (its interpreter; a carriage "
    "return at its end), or at the program's dynamic linker",
    errno.ENOEXEC: "no program of this machine's architecture, nor a script that begins with #!",
    errno.EACCES: "no execute permission, a file system mounted noexec, or a security policy",
    errno.EPERM: "linux.seccomp or a security policy forbids it",
    errno.E2BIG: "process.args and process.env together are too large for the kernel",
    errno.ETXTBSY: "somebody has it open for writing",
}
ERRNOS = (
    *(
        errno.E2BIG,
        errno.EACCES,
        errno.EAGAIN,
        errno.EINVAL,
        errno.EIO,
        errno.EISDIR,
        errno.ELIBBAD,
    ),
    *(errno.ELOOP, errno.EMFILE, errno.ENAMETOOLONG, errno.ENFILE, errno.ENOENT, errno.ENOEXEC),
    *(errno.ENOMEM, errno.ENOTDIR, errno.EPERM, errno.ETXTBSY),
)


def lines(program: str) -> str:
    """`ERRNO STATUS TEXT` for each, the last for every other errno. The words before the semicolon are runc's."""
    shown = program if program.isprintable() else program.encode("unicode_escape").decode()
    found = []
    for number in ERRNOS:
        status = NOT_FOUND if number == errno.ENOENT else NOT_EXECUTABLE
        hint = f"; hint: {HINTS[number]}" if number in HINTS else ""
        found.append(f"{number} {status} exec {shown}: {reason(number)}{hint}\n")
    return "".join([*found, f"0 {NOT_EXECUTABLE} exec {shown}: execve failed\n"])
