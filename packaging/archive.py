"""Write pyruntime/_modules: the code of every module in one file, for csrc/boot.py.

    python3 packaging/archive.py GENERATED-PACKAGE OUTPUT

It is the .py files compiled, as the .pyc files are, by and for this version of Python.
"""

from __future__ import annotations

import marshal
import sys
from importlib.util import MAGIC_NUMBER
from pathlib import Path

# Large, and only for people.
LEFT_OUT = {"pyruntime.spec._schemas"}


def modules_of(package: Path) -> dict[str, tuple[bool, bytes]]:
    """Name to: is it a package, its code."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = ("pyruntime", *path.relative_to(package).with_suffix("").parts)
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        if name in LEFT_OUT:
            continue
        shown = "/".join(parts) + ".py"  # in a traceback; the same wherever it was built
        code = compile(path.read_bytes(), shown, "exec", dont_inherit=True)
        found[name] = (is_package, marshal.dumps(code))
    return found


def main(generated: str, output: str) -> None:
    modules = modules_of(Path("pyruntime")) | modules_of(Path(generated))
    # The index counts from the file's beginning, so its own length comes first: sizes are fixed then.
    length = 0
    while True:
        begin, index = len(MAGIC_NUMBER) + length, {}
        for name, (is_package, code) in modules.items():
            index[name] = (is_package, begin, begin + len(code))
            begin += len(code)
        head = marshal.dumps(index)
        if len(head) == length:
            break
        length = len(head)
    codes = [code for _, code in modules.values()]
    Path(output).write_bytes(MAGIC_NUMBER + head + b"".join(codes))


if __name__ == "__main__":
    main(*sys.argv[1:])
