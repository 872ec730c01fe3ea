"""Print requirements from pyproject.toml, one a line: all that a checkout needs, or with `runtime` only those of use."""

from __future__ import annotations

import sys
import tomllib

with open("pyproject.toml", "rb") as file:
    configuration = tomllib.load(file)
project = configuration["project"]
print(*project["dependencies"], sep="\n")
if sys.argv[1:] != ["runtime"]:
    print(*configuration["build-system"]["requires"], "cmake>=3.25", "ninja", sep="\n")
    for group in project["optional-dependencies"].values():
        print(*group, sep="\n")
