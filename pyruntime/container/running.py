"""A container in one go: create without the wait for `start`, then stay with it until it ends (or not)."""

from __future__ import annotations

import os

from pyruntime.container import status
from pyruntime.container.create import create

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.container.create import Options
    from pyruntime.container.foreground import Attendant
    from pyruntime.container.launch import Launch


def run_container(root: str, id: str, options: Options, *, detach: bool, keep: bool) -> int:
    """Make and start the container *id*; the exit status of its program, 0 with *detach*."""
    options.meanwhile = _load_what_follows
    if detach:
        with _begin(root, id, options).container:
            return 0
    from pyruntime.container import foreground

    attendant = None if options.console_socket else _attendant(options)
    options.before_program = foreground.hold_signals
    try:
        launch = _begin(root, id, options)
        launch.container.close()
        try:
            return foreground.wait_for_end(launch.pid, attendant)
        finally:
            if not keep:
                _delete(launch, options)
    finally:
        if attendant is not None:
            attendant.close()


def _begin(root: str, id: str, options: Options) -> Launch:
    """The container, its program running, still locked."""
    launch = create(root, id, options)
    try:
        launch.finish()
        _poststart(launch)
    except BaseException:
        launch.container.close()
        raise
    launch.executor.close()
    return launch


def _load_what_follows() -> None:
    """While the executor works on another processor."""
    from pyruntime.container import foreground, lifecycle  # noqa: F401


def _attendant(options: Options) -> Attendant | None:
    """The bundle is read again for this: nothing may be made before it has been found good."""
    from pyruntime.spec import load

    process = load.load(f"{options.bundle}/config.json").get("process")
    if not isinstance(process, dict) or process.get("terminal") is not True:
        return None
    from pyruntime.container.foreground import attendant_for

    return attendant_for(options)


def _poststart(launch: Launch) -> None:
    if not (launch.spec.get("hooks") or {}).get("poststart"):
        return
    from pyruntime.container import hooks

    given = hooks.state_of(
        launch.spec, launch.container.id, launch.bundle, status.RUNNING, launch.pid
    )
    try:
        hooks.run_all(launch.spec, "poststart", given, launch.bundle)
    except BaseException as error:
        launch.undo(error)
        raise


def _delete(launch: Launch, options: Options) -> None:
    from pyruntime.container import lifecycle, store
    from pyruntime.errors import NotFound

    root = os.path.dirname(launch.container.path)
    try:
        with store.find(root, launch.container.id, lock=True) as container:
            for failure in lifecycle.destroy(container, container.record(), force=True):
                options.warn(failure)
    except NotFound:
        return  # somebody else was quicker
