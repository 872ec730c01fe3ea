"""What errors say of the kernel's answer: contract with engines, which compare in lower case."""

from __future__ import annotations

import errno

import pytest

from pyruntime.errors import KernelError, reason, said


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (errno.ENOENT, "no such file or directory"),
        (errno.EACCES, "permission denied"),
        (errno.ENOEXEC, "exec format error"),
        (errno.EIO, "input/output error"),
        (errno.EDOTDOT, "RFS specific error"),
    ],
)
def test_reason_is_in_lower_case_as_engines_match_it(number: int, text: str) -> None:
    """Fails at c4f41aa, where the texts were strerror's."""
    assert reason(number) == text
    assert str(KernelError("f()", number)) == f"f(): {text}"


def test_errors_of_python_have_the_same_form() -> None:
    assert said(FileNotFoundError(2, "No such file or directory", "/x")) == (
        "/x: no such file or directory"
    )
    assert said(OSError("something else")) == "something else"
