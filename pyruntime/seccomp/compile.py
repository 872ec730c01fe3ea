"""A checked profile to a BPF program: libseccomp's, behind the stub for newer system calls."""

from __future__ import annotations

from pyruntime.errors import Unsupported
from pyruntime.linux import flags
from pyruntime.seccomp import architectures, libseccomp, rules, stub
from pyruntime.seccomp.filter import POINTER, Filter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.seccomp.rules import Profile, Rule

# BPF_MAXINSNS, of struct sock_filter.
LARGEST_PROGRAM = 4096 * 8

# Above this many, finding a call in a tree pays: for Docker's profile libseccomp works 4 ms longer,
# once; the kernel takes 0.3 ms instead of 0.7 ms to load the program, at every create and exec.
FEW_RULES = 32

#   action                                 seccomp_api_get(3)   Linux
NEEDS = {
    flags.SECCOMP_RET_KILL_PROCESS: (3, "4.14"),
    flags.SECCOMP_RET_LOG: (3, "4.14"),
    flags.SECCOMP_RET_USER_NOTIF: (5, "5.0"),
}


# Actions with which a call is carried out, whoever may hear of it.
PERMITTING = (flags.SECCOMP_RET_ALLOW, flags.SECCOMP_RET_LOG)


def compile_profile(profile: Profile) -> Filter:
    """The filter that does what *profile* says on this machine."""
    _check_actions(profile)
    program = _program(profile)
    if stub.is_needed(profile.default_action):
        program = stub.assemble(stub.prologue(highest_numbers(profile))) + program
    if len(program) > LARGEST_PROGRAM:
        raise Unsupported(f"{POINTER}: {len(program) // 8} BPF instructions; the kernel takes 4096")
    required, optional = filter_flags(profile)
    return Filter(program, flags=required, optional_flags=optional, notify=profile.notify)


def filter_flags(profile: Profile) -> tuple[int, int]:
    """The flags that loading must use, and those that it should use where the kernel has them."""
    if profile.flags is None:
        # Without it a filter switches on speculation mitigations for the process, at the cost of up
        # to half its speed on kernels before 5.16, which changed that default.
        required, optional = 0, flags.SECCOMP_FILTER_FLAG_SPEC_ALLOW
    else:
        required, optional = profile.flags, 0
    if not profile.notify:
        # It says how to wait for a listener's answer; the kernel refuses it where there is none.
        return required & ~flags.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, optional
    required |= flags.SECCOMP_FILTER_FLAG_NEW_LISTENER
    if required & flags.SECCOMP_FILTER_FLAG_TSYNC:
        # Both want seccomp(2)'s result: the listener's descriptor, or the thread that failed (5.7).
        required |= flags.SECCOMP_FILTER_FLAG_TSYNC_ESRCH
    return required, optional


def unknown_names(profile: Profile) -> list[str]:
    """The system calls of *profile* that no architecture has, as far as libseccomp knows.

    They are skipped where the default forbids: profiles list calls that are newer than a host's libseccomp.
    """
    names = dict.fromkeys(rule.name for rule in profile.rules)
    return [name for name in names if libseccomp.number_of(name) is None]


def highest_numbers(profile: Profile) -> dict[str, int]:
    """Per architecture the highest number among the calls that *profile* names."""
    names = dict.fromkeys(rule.name for rule in profile.rules)
    highest = {}
    for architecture in _architectures(profile):
        token = architectures.TOKENS[architecture]
        private = architectures.private_from(architecture)
        found = [
            number
            for name in names
            if (number := libseccomp.number_on(token, name)) is not None
            and (private is None or number < private)
        ]
        if found:
            highest[architecture] = max(found)
    return highest


def _architectures(profile: Profile) -> list[str]:
    """Those of *profile*, and the native one, which every filter has."""
    native = libseccomp.native_token()
    own = [name for name, token in architectures.TOKENS.items() if token == native]
    return list(dict.fromkeys([*own, *profile.architectures]))


def _check_actions(profile: Profile) -> None:
    level = libseccomp.api_level()
    used = {rule.action: f"{rule.pointer}/action" for rule in reversed(profile.rules)}
    used[profile.default_action] = f"{POINTER}/defaultAction"
    for action, pointer in used.items():
        needed, kernel = NEEDS.get(action, (0, ""))
        if level < needed:
            name = next(name for name, value in rules.ACTIONS.items() if value == action)
            raise Unsupported(
                f"{pointer}: {name} needs Linux {kernel} and libseccomp's API level {needed}; "
                f"here it is {level}"
            )


def _refuse_lost(rule: Rule) -> None:
    """A call that nobody knows is no loss where the default forbids; here it would stay permitted."""
    if rule.action not in PERMITTING:
        raise Unsupported(
            f'{rule.pointer}: libseccomp does not know the system call "{rule.name}", so it would stay allowed'
        )


def _program(profile: Profile) -> bytes:
    with libseccomp.Context(profile.default_action, f"{POINTER}/defaultAction") as context:
        if len(profile.rules) > FEW_RULES:
            context.use_binary_tree()
        for i, name in enumerate(profile.architectures):
            token = architectures.TOKENS[name]
            context.add_architecture(token, name, f"{POINTER}/architectures/{i}")
        for rule in profile.rules:
            # libseccomp refuses a rule that only repeats the default.
            if rule.action == profile.default_action:
                continue
            number = libseccomp.number_of(rule.name)
            if number is None and profile.default_action in PERMITTING:
                _refuse_lost(rule)
            if number is not None:
                comparisons = [
                    (one.index, rules.OPERATORS[one.operator], one.value, one.value_two)
                    for one in rule.comparisons
                ]
                context.add_rule(number, rule.action, comparisons, rule.pointer)
        return context.export()
