"""list: every container of the state root."""

from __future__ import annotations

from pyruntime.commands._common import write
from pyruntime.container import lifecycle, store
from pyruntime.errors import Error, said
from pyruntime.spec.load import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyruntime.cli.parse import Call

HEADER = ("ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER")
WIDTH = 12
PADDING = 3


def run(call: Call) -> int:
    """Print them: a table, JSON, or the ids."""
    root = call.globals["root"]
    if call.options["quiet"]:
        write("".join([f"{id}\n" for id in store.ids(root)]))
        return 0
    found = _states(call, root)
    if call.options["format"] == "json":
        write(encode(found or None).decode("utf-8", "surrogateescape") + "\n")
        return 0
    rows = [HEADER, *[tuple(str(s[k.lower()]) for k in HEADER) for s in found]]
    widths = [max(WIDTH, *[len(row[i]) + PADDING for row in rows]) for i in range(len(HEADER))]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        write("".join(cells[:-1]) + row[-1] + "\n")
    return 0


def _states(call: Call, root: str) -> list[dict[str, Any]]:
    """One that is deleted, or made, while we look is left out."""
    states = []
    for id in store.ids(root):
        try:
            with store.find(root, id) as container:
                state = lifecycle.state(container)
                record = container.settled_record()
        except (Error, OSError) as error:
            if not isinstance(error, Error) or "does not exist" not in str(error):
                call.warn(f"list: {id}: {said(error) if isinstance(error, OSError) else error}")
            continue
        own = {"rootfs": record.rootfs, "created": record.created, "owner": _owner(f"{root}/{id}")}
        states.append({**state, **own})
    return states


def _owner(path: str) -> str:
    import os
    import pwd

    try:
        uid = os.stat(path).st_uid
    except OSError:
        return ""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"
