"""JSON in and out: what is refused, with which words, and that nothing is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyruntime.errors import KernelError, SpecError
from pyruntime.spec import load
from pyruntime.spec.load import decode, encode

PACKAGE_PARENT = Path(load.__file__).parents[2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "config.json: is empty"),
        (" \n\t\r ", "config.json: is empty"),
        ("{", "config.json:1:2: expecting property name enclosed in double quotes"),
        ('{\n "a": 1,\n', "config.json:3:1: expecting property name enclosed in double quotes"),
        ('{"a"', "config.json:1:5: expecting ':' delimiter"),
        ('{"a": ', "config.json:1:7: expecting value"),
        ("[1 2]", "config.json:1:4: expecting ',' delimiter"),
        ("{1: 2}", "config.json:1:2: expecting property name enclosed in double quotes"),
        ("{'a': 1}", "config.json:1:2: expecting property name enclosed in double quotes"),
        ('"a', "config.json:1:1: unterminated string"),
        ('"a\nb"', "config.json:1:3: invalid control character"),
        ('"\\x"', "config.json:1:2: invalid \\escape"),
        ("{} x", "config.json:1:4: extra data"),
        ("{}\0", "config.json:1:3: extra data"),
        ("01", "config.json:1:2: extra data"),
        ("-", "config.json:1:1: expecting value"),
        ("nul", "config.json:1:1: expecting value"),
        ("// comment", "config.json:1:1: expecting value"),
        ("\x0b1", "config.json:1:1: expecting value"),
        ("\u00a01", "config.json:1:1: expecting value"),
        ("NaN", "config.json: has NaN, which is not JSON"),
        ("[-Infinity]", "config.json: has -Infinity, which is not JSON"),
        ("[Infinity]", "config.json: has Infinity, which is not JSON"),
        ("1e401", "config.json: has the number 1e401, which is too large"),
        ('{"a": {"b": 1, "b": 1}}', 'config.json: has the name "b" twice in one object'),
        ('{"a": 1, "\\u0061": 2}', 'config.json: has the name "a" twice in one object'),
        ('{"a/b": ["~", "\\u0000"]}', "config.json: /a~1b/1: must not hold a NUL character"),
        ('{"a": {"x\\u0000": 1}}', "config.json: /a: must not hold a NUL character"),
        ('["\\ud800"]', "config.json: /0: must not hold half a surrogate pair"),
        ('["\\uDC00\\uD800"]', "config.json: /0: must not hold half a surrogate pair"),
        ("1" * 5000, "config.json: has a number of thousands of digits"),
    ],
)
def test_bad_json_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        decode(text.encode())

    assert str(caught.value) == message


@pytest.mark.parametrize("nest", ["[", '{"a":'])
def test_deep_nesting_is_refused_without_a_crash(nest: str) -> None:
    with pytest.raises(SpecError, match="is nested too deeply"):
        decode(nest.encode() * 200_000)


def test_invalid_utf8_is_refused_with_its_place() -> None:
    with pytest.raises(SpecError) as caught:
        decode(b'{"a":\n "\xff"}')

    assert str(caught.value) == "config.json:2:3: is not UTF-8"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_other_encodings_and_byte_order_marks_are_refused(encoding: str) -> None:
    with pytest.raises(SpecError):
        decode('{"a": 1}'.encode(encoding))


def test_surrogates_as_bytes_are_no_utf8() -> None:
    with pytest.raises(SpecError, match="is not UTF-8"):
        decode(b'"\xed\xa0\x80"')


def test_what_is_too_large_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(SpecError, match="must not be larger than 16 MiB"):
        decode(b" " * (load.LARGEST + 1))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (" \n\t\r1 \n\t\r", 1),
        ("1.0", 1),
        ("1e3", 1000),
        ("1E+3", 1000),
        ("-1.50e1", -15),
        ("1200e-2", 12),
        ("-0.0", 0),
        ("0e99", 0),
        ("18446744073709551615.0", 2**64 - 1),
        ("1.8446744073709551615e19", 2**64 - 1),
        ("1.5", 1.5),
        ("1e-3", 0.001),
        ("123456789012345678901234567890", 123456789012345678901234567890),
        ('"\\ud83d\\ude00"', "\U0001f600"),
        ('"\\\\u0000"', "\\u0000"),
        ('"\\/"', "/"),
        ("[]", []),
        ("null", None),
    ],
)
def test_good_json_is_understood(text: str, value: object) -> None:
    result = decode(text.encode())

    assert result == value
    assert type(result) is type(value)


def test_a_record_may_keep_a_path_that_is_not_utf8() -> None:
    path = os.fsdecode(b"/bundle/\xff")
    data = encode({"bundle": path, "id": "\u00e9"}, indent=2)

    assert data.isascii()
    assert decode(data, surrogates=True) == {"bundle": path, "id": "\u00e9"}
    with pytest.raises(SpecError, match="half a surrogate pair"):
        decode(data)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON, st.sampled_from([0, 1, 4]))
def test_what_is_written_is_read_back_by_json_too(value: Any, indent: int) -> None:
    data = encode(value, indent=indent)

    assert json.loads(data) == value
    assert data.decode() == json.dumps(
        value,
        indent=indent or None,
        separators=None if indent else (",", ":"),
        ensure_ascii=False,
    )


@given(JSON)
def test_what_json_writes_is_read_the_same(value: Any) -> None:
    text = json.dumps(value)
    if "\\u0000" in text.replace("\\\\", ""):
        with pytest.raises(SpecError, match="NUL"):
            decode(text.encode())
    else:
        assert decode(text.encode()) == value


def is_same(value: Any, expected: Any) -> bool:
    """Whether *value* is *expected*, whose numbers with a point or an exponent are still exact."""
    if isinstance(expected, list):
        return len(value) == len(expected) and all(map(is_same, value, expected))
    if isinstance(expected, dict):
        return list(value) == list(expected) and all(
            map(is_same, value.values(), expected.values())
        )
    if isinstance(expected, Decimal):
        return bool(value == expected if type(value) is int else value == float(expected))
    return type(value) is type(expected) and bool(value == expected)


@given(st.text(alphabet=' {}[]",:0123456789.eE+-nulltruefas\\"u\n', max_size=30))
def test_any_text_is_read_as_json_reads_it_or_refused(text: str) -> None:
    try:
        value = decode(text.encode())
    except SpecError:
        return

    assert is_same(value, json.loads(text, parse_float=Decimal))


@given(st.binary(max_size=40))
def test_any_bytes_give_a_value_or_one_clear_error(data: bytes) -> None:
    line = ""
    try:
        decode(data)
    except SpecError as error:
        line = str(error)

    assert "\n" not in line


def test_values_that_are_no_json_are_not_written() -> None:
    with pytest.raises(TypeError):
        encode({"a": {1}})
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode(float("nan"))


def test_a_file_is_loaded(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(' {"a": 1}\n')

    assert load.load(str(file)) == {"a": 1}


def test_errors_name_the_file(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text("[]")

    with pytest.raises(SpecError, match=rf"^{file}: must be an object$"):
        load.load(str(file))


def test_a_large_file_is_not_read_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.touch()
    os.truncate(file, 1 << 40)

    with pytest.raises(SpecError, match="must not be larger than 16 MiB"):
        load.load(str(file))


def test_a_missing_file_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(KernelError, match=r"^open\(/.*/config.json\): no such file or directory$"):
        load.load(str(tmp_path / "config.json"))


def test_a_directory_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="must be a file, not a directory"):
        load.load(str(tmp_path))


def test_a_device_is_one_clear_error() -> None:
    with pytest.raises(SpecError, match=r"^/dev/zero: must be a file, not a device$"):
        load.load("/dev/zero")


def test_an_unreadable_file_is_one_clear_error() -> None:
    # Readable by nobody, not even by root: there is nothing mapped at its start.
    with pytest.raises(KernelError, match=r"^read\(/proc/self/mem\): input/output error$"):
        load.load("/proc/self/mem")


def test_a_fifo_without_a_writer_does_not_stop_the_runtime(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)

    with pytest.raises(SpecError, match="is empty"):
        load.load(str(fifo), pipe=True)


def test_a_pipe_is_read_to_its_end() -> None:
    reader, writer = os.pipe()
    os.write(writer, b'{"a": 1}')
    os.close(writer)
    try:
        assert load.load(f"/proc/self/fd/{reader}", pipe=True) == {"a": 1}
    finally:
        os.close(reader)


def test_a_name_with_nul_is_one_clear_error() -> None:
    with pytest.raises(SpecError, match="must be a path without NUL"):
        load.load("a\0b")


def test_the_good_path_loads_neither_json_nor_re() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); before = set(sys.modules)\n"
        "from pyruntime.spec.load import decode, encode\n"
        "from pyruntime.spec.validate import validate\n"
        'config = b\'{"ociVersion": "1.0.0", "root": {"path": "r"}}\'\n'
        "validate(decode(encode(decode(config))))\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(PACKAGE_PARENT)],
        check=True,
        capture_output=True,
        text=True,
    )

    loaded = set(done.stdout.split())
    assert "pyruntime.spec._config_schema" in loaded
    assert not loaded & {"json", "re", "enum", "typing", "functools", "collections", "jsonschema"}
    assert "pyruntime.spec.wording" not in loaded


def test_a_syntax_error_has_its_place_in_a_fresh_interpreter() -> None:
    # The scanner fails in another way as long as json.decoder isn't loaded.
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pyruntime.errors import SpecError\n"
        "from pyruntime.spec.load import decode\n"
        "for text in (b'{\"a\"', b'[1,', b'\"', b'{} {}'):\n"
        "    try: decode(text)\n"
        "    except SpecError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(PACKAGE_PARENT)],
        check=True,
        capture_output=True,
        text=True,
    )

    assert [line.rpartition(": ")[0] for line in done.stdout.splitlines()] == [
        "config.json:1:5",
        "config.json:1:4",
        "config.json:1:1",
        "config.json:1:4",
    ]
