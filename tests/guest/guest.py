"""A Linux with nothing but cgroup v2, for one command, on any machine: User Mode Linux on a Debian directory.

guest.py build                           make the directory (once; about a minute and a half)
guest.py install --from CHECKOUT         build pyruntime of that checkout for the guest
guest.py run [options] -- COMMAND...     boot, run, switch off; exits with the command's status
guest.py clean                           remove all that the above keep
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path

# This directory's own modules are known as guest.*, to the type checker as well; as a script it would shadow them.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

from guest import boot, install, rootfs  # noqa: E402
from guest.space import GuestError  # noqa: E402

UNUSABLE = 125
"""What `run` exits with when the guest and not the command is at fault; 124 says that the time was up."""


def parser() -> argparse.ArgumentParser:
    description, _, usage = (__doc__ or "").partition("\n\n")
    top = argparse.ArgumentParser(
        prog="guest.py",
        description=description,
        epilog=usage,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--cache", type=Path, default=rootfs.default_cache(), metavar="DIR")
    common.add_argument("--mirror", default="", metavar="URL", help="default: the machine's own")
    verbs = top.add_subparsers(dest="verb", required=True)

    verbs.add_parser("build", parents=[common], help="make the guest's root directory")
    verbs.add_parser("clean", parents=[common], help="remove everything that is kept")

    verb = verbs.add_parser("install", parents=[common], help="build a checkout for the guest")
    verb.add_argument("--from", dest="checkout", type=Path, required=True, metavar="CHECKOUT")

    verb = verbs.add_parser("run", parents=[common], help="run a command in a fresh guest")
    verb.add_argument("--from", dest="checkout", type=Path, metavar="CHECKOUT")
    verb.add_argument("--share", action="append", default=[], metavar="DIR", help="read-only")
    verb.add_argument("--writable", action="append", default=[], metavar="DIR", help="shared too")
    verb.add_argument("--systemd", action="store_true", help="with systemd as process 1")
    verb.add_argument("--user", choices=("root", "tester"), default="root")
    verb.add_argument("--cwd", default="/", metavar="DIR")
    verb.add_argument("--env", action="append", default=[], metavar="NAME=VALUE")
    verb.add_argument("--timeout", type=float, metavar="SECONDS", help="exit status 124")
    verb.add_argument("--lsm", choices=("none", "apparmor", "selinux"), default="none")
    verb.add_argument("--memory", default="2048M", metavar="SIZE")
    verb.add_argument("--verbose", action="store_true", help="the guest's console on stderr")
    verb.add_argument("command", nargs="+", metavar="COMMAND")
    return top


def job_of(options: argparse.Namespace) -> boot.Job:
    shares = [boot.Share(os.path.abspath(path), writable=False) for path in options.share]
    shares += [boot.Share(os.path.abspath(path), writable=True) for path in options.writable]
    for share in shares:
        if not os.path.isdir(share.path):
            raise GuestError(f"{share.path}: no such directory to share")
    for setting in options.env:
        if not setting.partition("=")[0].isidentifier() or "=" not in setting:
            raise GuestError(f"--env {setting}: NAME=VALUE is needed")
    return boot.Job(
        command=options.command,
        shares=shares,
        environment=dict(setting.split("=", 1) for setting in options.env),
        cwd=options.cwd,
        user=options.user,
        systemd=options.systemd,
        memory=options.memory,
        lsm=options.lsm,
        timeout_s=options.timeout,
        verbose=options.verbose,
    )


def run(options: argparse.Namespace) -> int:
    job = job_of(options)
    root = rootfs.ensure(options.cache, options.mirror)
    installed = install.ensure(options.cache, root, options.checkout) if options.checkout else None
    return boot.run(options.cache, root, installed, job)


def main() -> int:
    options = parser().parse_args()
    options.cache = options.cache.absolute()
    try:
        if os.geteuid() != 0:
            raise GuestError(f"{options.verb}: only root can mount and chroot")
        if options.verb == "run":
            return run(options)
        if options.verb == "clean":
            rootfs.clean(options.cache)
            return 0
        root = rootfs.ensure(options.cache, options.mirror)
        print(
            install.ensure(options.cache, root, options.checkout)
            if options.verb == "install"
            else root
        )
    except GuestError as error:
        print(f"guest.py: {error}", file=sys.stderr)
        return UNUSABLE
    except KeyboardInterrupt:
        print(f"guest.py: {shlex.join(sys.argv[1:])}: interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
