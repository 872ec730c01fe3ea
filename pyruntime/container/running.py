"""A container in one go: create without the wait for `start`, then stay with it until it ends (or not)."""

from __future__ import annotations

import os

from pyruntime.container import status
from pyruntime.container.create import create

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.container.create import Options
    from pyruntime.container.launch import Launch
    from pyruntime.container.terminal import Terminal


def run_container(root: str, id: str, options: Options, *, detach: bool, keep: bool) -> int:
    """Make and start the container *id*; the exit status of its program, 0 with *detach*."""
    options.meanwhile = _load_what_follows
    terminal = None
    if not detach and not options.console_socket:
        terminal = _terminal(options)
    if not detach:
        from pyruntime.container.foreground import hold_signals

        hold_signals()
    try:
        launch = create(root, id, options)
        with launch.container:
            launch.finish()
            _poststart(launch)
            launch.executor.close()
        if detach:
            return 0
        from pyruntime.container.foreground import wait_for_end

        exit_status = wait_for_end(launch.pid, terminal)
    finally:
        if terminal is not None:
            terminal.close()
    if not keep:
        _delete(launch, options)
    return exit_status


def _load_what_follows() -> None:
    """While the executor works on another processor."""
    from pyruntime.container import foreground, lifecycle  # noqa: F401


def _terminal(options: Options) -> Terminal | None:
    """The bundle is read again for this: nothing may be made before it has been found good, but for this one socket."""
    from pyruntime.spec import load

    process = load.load(f"{options.bundle}/config.json").get("process")
    if not isinstance(process, dict) or process.get("terminal") is not True:
        return None
    from pyruntime.container.terminal import for_foreground

    return for_foreground(options)


def _poststart(launch: Launch) -> None:
    if not (launch.spec.get("hooks") or {}).get("poststart"):
        return
    from pyruntime.container import hooks
    from pyruntime.errors import HookError

    given = hooks.state_of(
        launch.spec, launch.container.id, launch.bundle, status.RUNNING, launch.pid
    )
    try:
        hooks.run_all(launch.spec, "poststart", given, launch.bundle)
    except HookError as error:
        from pyruntime.container.create import after_failed_hook

        launch.undo(error)
        after_failed_hook(launch, error)
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
