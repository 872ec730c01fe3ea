"""features: what this runtime supports, from the tables that the planner uses. features.md, features-linux.md."""

from __future__ import annotations

from pyruntime import SPEC_VERSION, __version__
from pyruntime.commands._common import write
from pyruntime.linux.capabilities import NAMES
from pyruntime.linux.landlock import KERNELS
from pyruntime.linux.namespaces import TYPES
from pyruntime.plan.mount_options import known
from pyruntime.plan.scheduling import MEMORY_FLAGS, MEMORY_MODES
from pyruntime.seccomp.rules import ACTIONS, OPERATORS
from pyruntime.spec.load import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyruntime.cli.parse import Call

HOOKS = (
    "prestart",
    "createRuntime",
    "createContainer",
    "startContainer",
    "poststart",
    "poststop",
)
# Annotations that change what the runtime does; a dot at the end means every key that begins so.
UNSAFE_ANNOTATIONS = ("org.criu.", "org.pyruntime.", "org.systemd.property.", "run.oci.")


def run(call: Call) -> int:  # noqa: ARG001
    """Print the document."""
    document = {
        "ociVersionMin": "1.0.0",
        "ociVersionMax": SPEC_VERSION,
        "hooks": list(HOOKS),
        "mountOptions": known(),
        "linux": linux(),
        "annotations": {
            "org.pyruntime.version": __version__,
            "org.pyruntime.landlock.version": str(max(KERNELS)),
        },
        "potentiallyUnsafeConfigAnnotations": list(UNSAFE_ANNOTATIONS),
    }
    write(encode(document, indent=4).decode() + "\n")
    return 0


def linux() -> dict[str, Any]:
    """The part for Linux."""
    return {
        "namespaces": sorted(TYPES),
        "capabilities": list(NAMES),
        "cgroup": {
            "v1": True,
            "v2": True,
            "systemd": True,
            "systemdUser": True,
            "rdma": True,
        },
        "seccomp": seccomp(),
        "apparmor": {"enabled": True},
        "selinux": {"enabled": True},
        "memoryPolicy": {"modes": sorted(MEMORY_MODES), "flags": sorted(MEMORY_FLAGS)},
        "intelRdt": {"enabled": True, "schemata": True, "monitoring": True},
        "mountExtensions": {"idmap": {"enabled": True}},
        "netDevices": {"enabled": True},
    }


def seccomp() -> dict[str, Any]:
    """Known is what a profile may say, supported what this kernel has of it."""
    from pyruntime.linux.calls import seccomp_knows_flag
    from pyruntime.linux.flags import SECCOMP_FILTER_FLAG_NEW_LISTENER as LISTENER
    from pyruntime.seccomp.architectures import TOKENS
    from pyruntime.seccomp.rules import FLAGS

    # How to wait for a listener is asked for together with one.
    asked = {name: flag | LISTENER if "WAIT" in name else flag for name, flag in FLAGS.items()}
    return {
        "enabled": True,
        "actions": sorted(ACTIONS),
        "operators": sorted(OPERATORS),
        "archs": sorted(TOKENS),
        "knownFlags": sorted(FLAGS),
        "supportedFlags": sorted(name for name in FLAGS if seccomp_knows_flag(asked[name])),
    }
