"""Where this package is installed, and what it was started with. The front door says so; nothing may ask `__file__`.

`directory` is the directory that holds `pyruntime/`, resolved, or "" when nobody has said.
"""

from __future__ import annotations

directory: str = ""

open_at_start: int = 0
"""How many descriptors from 3 on the caller left open, when he names some to be passed on; `cli.main` counts them.

Those that are opened later are the runtime's own, whatever their numbers are.
"""


def executor_path() -> str:
    """The executor's static ELF, installed inside the package."""
    return directory + "/pyruntime/_executor"


def dependency_directories(package_directory: str) -> list[str]:
    """Where packages that pip found already installed may be, for `site` is not there to say.

    Fedora keeps compiled packages in lib64 and others in lib; a package below /usr/local may have its
    dependencies below /usr; Debian's own are in python3/dist-packages, without the minor version.
    """
    found = [package_directory]
    if "/lib64/" in package_directory:
        found.append(package_directory.replace("/lib64/", "/lib/", 1))
    if package_directory.startswith("/usr/local/"):
        found += ["/usr" + path.removeprefix("/usr/local") for path in found]
    if package_directory.startswith("/usr/") and package_directory.endswith("/dist-packages"):
        found.append("/usr/lib/python3/dist-packages")
    return found[1:]
