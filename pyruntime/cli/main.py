"""The program's entry: understand the command line, call the verb, say what went wrong, leave.

Leaves with `os._exit`: finalizing the interpreter costs 1-2 ms and has nothing to do.
"""

from __future__ import annotations

import os
import sys

from pyruntime import where
from pyruntime.cli.log import Log
from pyruntime.cli.parse import Declined, parse, parse_globals
from pyruntime.cli.root import state_root
from pyruntime.cli.table import VERBS
from pyruntime.errors import Error, Interrupted, during, notes_of, said

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    from pyruntime.cli.parse import Call


SIGINT = 2


def main(argv: list[str]) -> NoReturn:
    """Run *argv* (without the program's name) and end the process."""
    where.open_at_start = open_descriptors(argv)  # before anything is opened
    sys.path += where.dependency_directories(where.directory)
    status = 1
    try:
        status = run(argv)
    except Interrupted as error:
        status = error.exit_status
    finally:
        leave(status)


def open_descriptors(argv: list[str]) -> int:
    """How many there are from 3 on without a gap, if the caller means some for the container; else nobody needs to know."""
    count = 0
    if "LISTEN_FDS" in os.environ or any(arg.startswith("--preserve-fds") for arg in argv):
        try:
            while True:
                os.get_inheritable(3 + count)
                count += 1
        except OSError:
            pass
    return count


def leave(status: int) -> NoReturn:
    """End the process; what text streams still hold is written first."""
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except OSError:
        status = status or 1
    except Interrupted as error:
        status = error.exit_status
    os._exit(status)


def run(argv: list[str]) -> int:
    """The exit status of *argv*; every error has been written."""
    call = None
    log = Log()
    try:
        try:
            call = parse(argv)
            log = _log_of(call.globals)
            log.open()
        except Declined:
            log = _log_of_declined(argv)
            log.open()
            call = _explained(argv)
            if call is None:
                return 0
        return _run(call, log)
    except Error as error:
        log.error(str(error))
        return error.exit_status if error.exit_status != 1 else _error_status(call)
    except BrokenPipeError:
        return 1  # the reader of our output has gone, so nobody waits for a word
    except OSError as error:
        log.error(str(Error(_asked(call) + said(error) + notes_of(error))))
        return _error_status(call)
    except Interrupted as error:
        if error.notes:
            log.error(str(Error(_asked(call) + str(error))))
        return error.exit_status
    except KeyboardInterrupt:
        return 128 + SIGINT
    except MemoryError:
        log.error("out of memory")
        return _error_status(call)
    except Exception as error:
        what = f"{type(error).__name__}: {error}{notes_of(error)}: this is a bug"
        log.error(str(Error(_asked(call) + what)))
        if log.debug:
            sys.__excepthook__(type(error), error, error.__traceback__)
        return _error_status(call)


def _run(call: Call, log: Log) -> int:
    call.warn = log.warning
    if log.debug:
        call.tell = log.tell
        log.tell(f"{call.verb} {call.arguments}: {call.globals} {call.options}")
    with during(_asked(call).removesuffix(": ")):
        if call.verb in VERBS and VERBS[call.verb].stateful:
            call.globals["root"] = state_root(call.globals["root"])
        status = command(call.verb)(call)
    log.tell(f"{call.verb}: exit status {status}")
    return status


def _explained(argv: list[str]) -> Call | None:
    from pyruntime.cli.explain import explain

    return explain(argv)


def _log_of(globals: dict[str, Any]) -> Log:
    return Log(globals["log"], globals["log_format"], debug=globals["debug"])


def _log_of_declined(argv: list[str]) -> Log:
    """The log of a call that is wrong: as told, if the global options at least make sense."""
    try:
        return _log_of(parse_globals(argv)[0])
    except Declined:
        return Log()


def _asked(call: Call | None) -> str:
    """`create web: `, the beginning of a sentence."""
    return " ".join([call.verb, *call.arguments[:1]]) + ": " if call else ""


def _error_status(call: Call | None) -> int:
    return VERBS[call.verb].error_status if call and call.verb in VERBS else 1


def command(verb: str) -> Callable[[Call], int]:
    """The function behind *verb*; nothing of the others is loaded."""
    match verb:
        case "create":
            from pyruntime.commands.create import run
        case "start":
            from pyruntime.commands.start import run
        case "state":
            from pyruntime.commands.state import run
        case "kill":
            from pyruntime.commands.kill import run
        case "delete":
            from pyruntime.commands.delete import run
        case "pause":
            from pyruntime.commands.pause import run
        case "resume":
            from pyruntime.commands.resume import run
        case "update":
            from pyruntime.commands.update import run
        case "run":
            from pyruntime.commands.run import run
        case "exec":
            from pyruntime.commands.exec import run
        case "ps":
            from pyruntime.commands.ps import run
        case "list":
            from pyruntime.commands.list import run
        case "spec":
            from pyruntime.commands.spec import run
        case "plan":
            from pyruntime.commands.plan import run
        case "features":
            from pyruntime.commands.features import run
        case _:
            from pyruntime.cli.version import run
    return run
