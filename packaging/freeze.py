"""Write the bytecode of the package's modules into one file: `freeze.py [GENERATED=FILE...] OUTPUT`.

pyruntime/frozen.py reads it and says why. Docstrings and asserts stay behind: nothing at run time reads the ones, and no
check of ours is an assert.
"""

from __future__ import annotations

import importlib.util
import marshal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Found the ordinary way: needed before the file is open, or big and cold.
LEFT_OUT = {
    "pyruntime",
    "pyruntime.where",
    "pyruntime.frozen",
    "pyruntime.spec._schemas",
    "pyruntime.seccomp._libseccomp_cffi",
}


def sources(generated: list[str]) -> dict[str, Path]:
    """Module name to source file, those that the build has written included."""
    found = {}
    for path in sorted((ROOT / "pyruntime").rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        found[name] = path
    for entry in generated:
        name, _, file = entry.partition("=")
        found[name] = Path(file)
    return {name: path for name, path in found.items() if name not in LEFT_OUT}


def main() -> None:
    *generated, output = sys.argv[1:]
    index: dict[str, tuple[bool, int, int]] = {}
    area = b""
    for name, path in sources(generated).items():
        shown = "pyruntime/" + "/".join(name.split(".")[1:]) + ".py"
        code = compile(path.read_bytes(), shown, "exec", dont_inherit=True, optimize=2)
        text = marshal.dumps(code)
        index[name] = (path.name == "__init__.py", len(area), len(text))
        area += text
    head = marshal.dumps(index)
    content = importlib.util.MAGIC_NUMBER.ljust(16, b"\0") + len(head).to_bytes(8, "little")
    Path(output).write_bytes(content + head + area)


main()
