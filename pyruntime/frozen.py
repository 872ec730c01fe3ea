"""The package's modules out of one file, `_modules.bin`, made by the build (packaging/freeze.py).

Finding a module on a path costs half a dozen system calls, and a create needs some 60 of them. Here each costs one
read. Whatever is not in the file, or was made by another version of Python, is found the ordinary way.

    magic of the bytecode, 16 bytes | length of the index, 8 | index (marshal) | code, module after module

The index is: name → (whether it is a package, offset from the first module's code, size).
"""

from __future__ import annotations

import marshal
import os
import sys

from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import MAGIC_NUMBER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

HEADER = 24


class Finder:
    """A finder and loader at once. importlib.abc.MetaPathFinder, importlib.abc.Loader."""

    def __init__(
        self, fd: int, begin: int, directory: str, index: dict[str, tuple[bool, int, int]]
    ) -> None:
        self._fd = fd
        self._begin = begin
        self._directory = directory
        self._index = index

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:  # noqa: ARG002
        """The module's spec, if it is one of ours."""
        entry = self._index.get(name)
        if entry is None:
            return None
        spec = ModuleSpec(name, self, is_package=entry[0])  # type: ignore[arg-type]
        if entry[0]:
            # What is not in the file is still found in the package's directory.
            spec.submodule_search_locations = [f"{self._directory}/{name.replace('.', '/')}"]
        return spec

    def create_module(self, spec: ModuleSpec) -> None:
        """The ordinary one will do."""

    def exec_module(self, module: ModuleType) -> None:
        """Run its code."""
        _, offset, size = self._index[module.__name__]
        exec(marshal.loads(os.pread(self._fd, size, self._begin + offset)), module.__dict__)


def install(directory: str) -> None:
    """Find modules in `directory`/pyruntime/_modules.bin from now on, if it is there and fits this interpreter."""
    try:
        fd = os.open(f"{directory}/pyruntime/_modules.bin", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return
    header = os.pread(fd, HEADER, 0)
    if header[: len(MAGIC_NUMBER)] != MAGIC_NUMBER:
        os.close(fd)
        return
    length = int.from_bytes(header[16:], "little")
    index = marshal.loads(os.pread(fd, length, HEADER))
    sys.meta_path.insert(0, Finder(fd, HEADER + length, directory, index))  # type: ignore[arg-type]
