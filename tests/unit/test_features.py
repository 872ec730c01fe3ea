"""The features document: of the form that the specification gives it, and true. features.md, features-linux.md."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

import pyruntime.spec._schemas as _schemas
from pyruntime.commands import features
from pyruntime.linux import capabilities, namespaces
from pyruntime.plan import mount_options, scheduling
from pyruntime.seccomp import architectures, rules
from pyruntime.spec.rules import version
from pyruntime.spec.validate import validate
from requires import KERNEL
from unit.spec.spec_documents import changed, full, minimal

# config.md, "Linux mount options", and the one that its table forgets.
OPTIONS = (
    *("async", "atime", "bind", "defaults", "dev", "diratime", "dirsync", "exec", "iversion"),
    *("lazytime", "loud", "mand", "noatime", "nodev", "nodiratime", "noexec", "noiversion"),
    *("nolazytime", "nomand", "norelatime", "nostrictatime", "nosuid", "nosymfollow", "private"),
    *("ratime", "rbind", "rdev", "rdiratime", "relatime", "remount", "rexec", "rnoatime"),
    *("rnodiratime", "rnoexec", "rnorelatime", "rnostrictatime", "rnosuid", "rnosymfollow", "ro"),
    *("rprivate", "rrelatime", "rro", "rrw", "rshared", "rslave", "rstrictatime", "rsuid"),
    *("rsymfollow", "runbindable", "rw", "shared", "silent", "slave", "strictatime", "suid"),
    *("symfollow", "sync", "tmpcopyup", "unbindable", "idmap", "ridmap"),
    "rnodev",
)


@pytest.fixture
def document(capfd: pytest.CaptureFixture[str]) -> dict[str, Any]:
    call: Any = None
    assert features.run(call) == 0
    found = json.loads(capfd.readouterr().out)
    assert isinstance(found, dict)
    return found


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    errors = jsonschema.Draft202012Validator(_schemas.FEATURES).iter_errors(document)

    assert [f"{error.json_path}: {error.message}" for error in errors] == []


def test_nothing_is_null(document: dict[str, Any]) -> None:
    def nulls(value: object) -> bool:
        if isinstance(value, dict):
            return any(map(nulls, value.values()))
        return value is None or (isinstance(value, list) and any(map(nulls, value)))

    assert not nulls(document)


def test_both_ends_of_the_versions_are_accepted(document: dict[str, Any]) -> None:
    least, most = document["ociVersionMin"], document["ociVersionMax"]

    assert (version(least) or ()) <= (version(most) or ())
    for value in (least, most):
        assert validate(minimal() | {"ociVersion": value}) == []


def test_every_mount_option_of_the_specification_is_listed(document: dict[str, Any]) -> None:
    assert set(OPTIONS) <= set(document["mountOptions"])


def test_no_mount_option_that_is_listed_is_data(document: dict[str, Any]) -> None:
    assert mount_options.MountOptions(document["mountOptions"]).data == []


#   where in the document, where in config.json, as one element of a list or alone
LISTED = [
    ("hooks", "/hooks/{}", []),
    ("linux/namespaces", "/linux/namespaces", "type"),
    ("linux/capabilities", "/process/capabilities/bounding", None),
    ("linux/seccomp/archs", "/linux/seccomp/architectures", None),
    ("linux/seccomp/knownFlags", "/linux/seccomp/flags", None),
]


def at(document: dict[str, Any], place: str) -> Any:
    value: Any = document
    for part in place.split("/"):
        value = value[part]
    return value


@pytest.mark.parametrize(("place", "pointer", "form"), LISTED, ids=[row[0] for row in LISTED])
def test_what_is_listed_is_accepted(
    document: dict[str, Any], place: str, pointer: str, form: object
) -> None:
    names = at(document, place)
    assert names

    for name in names:
        value: Any = [{form: name}] if isinstance(form, str) else [name]
        config = full() if form is None else minimal()
        config = changed(config, pointer.format(name), form if form == [] else value)

        assert validate(config) == []


@pytest.mark.parametrize("name", ["actions", "operators"])
def test_what_is_listed_of_seccomp_is_accepted(document: dict[str, Any], name: str) -> None:
    for value in document["linux"]["seccomp"][name]:
        rule: dict[str, Any] = {"names": ["read"], "action": "SCMP_ACT_ALLOW"}
        if name == "actions":
            rule["action"] = value
        else:
            rule["args"] = [{"index": 0, "value": 1, "valueTwo": 1, "op": value}]
        profile = {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/a", "syscalls": [rule]}

        assert validate(changed(minimal(), "/linux/seccomp", profile)) == []
        assert rules.read(profile).rules


def test_what_is_listed_is_a_table_of_the_planner(document: dict[str, Any]) -> None:
    linux = document["linux"]

    assert document["mountOptions"] == mount_options.known()
    assert linux["namespaces"] == sorted(namespaces.TYPES)
    assert linux["capabilities"] == list(capabilities.NAMES)
    assert linux["seccomp"]["archs"] == sorted(architectures.TOKENS)
    assert linux["seccomp"]["actions"] == sorted(rules.ACTIONS)
    assert linux["seccomp"]["operators"] == sorted(rules.OPERATORS)
    assert linux["seccomp"]["knownFlags"] == sorted(rules.FLAGS)
    assert linux["memoryPolicy"]["modes"] == sorted(scheduling.MEMORY_MODES)
    assert linux["memoryPolicy"]["flags"] == sorted(scheduling.MEMORY_FLAGS)


def test_flags_that_are_supported_are_those_of_this_kernel(document: dict[str, Any]) -> None:
    since = {
        "SECCOMP_FILTER_FLAG_TSYNC": (3, 17),
        "SECCOMP_FILTER_FLAG_LOG": (4, 14),
        "SECCOMP_FILTER_FLAG_SPEC_ALLOW": (4, 17),
        "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV": (5, 19),
    }
    seccomp = document["linux"]["seccomp"]

    assert set(since) == set(seccomp["knownFlags"])
    assert seccomp["supportedFlags"] == sorted(name for name in since if since[name] <= KERNEL)


def test_the_names_of_a_memory_policy_are_accepted(document: dict[str, Any]) -> None:
    policy = document["linux"]["memoryPolicy"]
    for mode in policy["modes"]:
        for flag in policy["flags"]:
            nodes = {} if mode in ("MPOL_DEFAULT", "MPOL_LOCAL") else {"nodes": "0"}
            value = {"mode": mode, "flags": [flag], **nodes}

            assert validate(changed(minimal(), "/linux/memoryPolicy", value)) == []


def test_annotations_are_text_by_name(document: dict[str, Any]) -> None:
    assert all(name and isinstance(value, str) for name, value in document["annotations"].items())
