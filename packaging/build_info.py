"""Write pyruntime/_build.py: what `--version` says about the build.

python3 packaging/build_info.py COMPILER STATIC-COMPILER OUTPUT
"""

from __future__ import annotations

import subprocess
import sys


def commit() -> str:
    """The commit of this checkout, or "" where there is none (an sdist) or no git."""
    try:
        # An sdist unpacked inside another project's checkout is not that project's commit.
        inside = subprocess.run(
            ["git", "ls-files", "--error-unmatch", "packaging/build_info.py"], capture_output=True
        )
        if inside.returncode != 0:
            return ""
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
            capture_output=True,
            text=True,
        )
    except OSError:
        return ""
    return described.stdout.strip()


def first_line(compiler: str) -> str:
    answer = subprocess.run([compiler, "--version"], capture_output=True, text=True)
    return answer.stdout.partition("\n")[0]


def main(compiler: str, static_compiler: str, output: str) -> None:
    musl = " with musl" if static_compiler.endswith("musl-gcc") else ""
    with open(output, "w") as module:
        module.write('"""What was built; written by packaging/build_info.py."""\n\n')
        module.write(f"COMMIT = {commit()!r}\n")
        module.write(f"COMPILER = {first_line(compiler) + musl!r}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
