"""Write csrc/boot.py as a C string.

python3 packaging/embed.py csrc/boot.py OUTPUT
"""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path


def without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and ast.get_docstring(node):
            del node.body[0]
    return tree


def main(source: str, output: str) -> None:
    # unparse leaves out comments and blank lines, which Python would read at every start.
    text = ast.unparse(without_docstrings(ast.parse(Path(source).read_text()))) + "\n"
    assert text.isascii()
    lines = [f"    {json.dumps(line)}\n" for line in text.splitlines(keepends=True)]
    header = f"/* {source}, written by packaging/embed.py. */\n"
    Path(output).write_text(
        header + "static const char BOOT[] =\n" + "".join(lines).rstrip() + ";\n"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
