"""Each wrapper of linux.calls, alone, against the kernel. What changes a process happens in a forked child."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

import requires
from pyruntime.errors import KernelError
from pyruntime.linux import calls, flags

Check = Callable[[], object]

PROC_SUPER_MAGIC = 0x9FA0
TMPFS_MAGIC = 0x01021994


def in_child(check: Check) -> None:
    """Run *check* in a forked child; what it raises or finds false fails the test."""
    read_fd, write_fd = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            check()
        except BaseException as error:
            os.write(write_fd, f"{type(error).__name__}: {error}".encode())
        finally:
            os._exit(0)
    os.close(write_fd)
    with open(read_fd) as answer:
        said = answer.read()
    os.waitpid(pid, 0)
    if said:
        pytest.fail(f"in the child: {said}")


def in_mount_namespace(check: Check) -> None:
    def prepare() -> None:
        calls.unshare(flags.CLONE_NEWNS)
        calls.mount("", "/", flags=flags.MS_REC | flags.MS_PRIVATE)
        check()

    in_child(prepare)


def test_openat_opens_close_on_exec() -> None:
    fd = calls.openat(flags.AT_FDCWD, "/proc", os.O_RDONLY | os.O_DIRECTORY)

    assert not os.get_inheritable(fd)
    os.close(fd)


def test_openat_says_what_it_tried(tmp_path: Path) -> None:
    with pytest.raises(KernelError) as caught:
        calls.openat(flags.AT_FDCWD, f"{tmp_path}/none", os.O_PATH)

    assert caught.value.errno == errno.ENOENT
    assert str(caught.value) == (
        f"openat(AT_FDCWD, {tmp_path}/none, 0o10000000): no such file or directory"
    )


def test_openat2_keeps_a_link_inside_the_root(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "link").symlink_to("/etc")
    root_fd = os.open(tmp_path, os.O_PATH)

    fd = calls.openat2(root_fd, "link", os.O_PATH, resolve=flags.RESOLVE_IN_ROOT)

    assert os.path.sameopenfile(fd, os.open(tmp_path / "etc", os.O_PATH))
    with pytest.raises(KernelError, match=f"<{tmp_path}>, link, .*, RESOLVE_NO_SYMLINKS"):
        calls.openat2(root_fd, "link", os.O_PATH, resolve=flags.RESOLVE_NO_SYMLINKS)


def test_fstatfs_type_gives_the_magic_number() -> None:
    fd = os.open("/proc", os.O_PATH)

    assert calls.fstatfs_type(fd) == PROC_SUPER_MAGIC
    os.close(fd)
    with pytest.raises(KernelError, match=f"fstatfs\\({fd}\\): bad file descriptor"):
        calls.fstatfs_type(fd)


def test_pidfd_open_names_the_pid_it_did_not_find() -> None:
    fd = calls.pidfd_open(os.getpid())
    os.close(fd)

    with pytest.raises(KernelError, match="pidfd_open\\(4194305\\): "):
        calls.pidfd_open(4194305)


def test_pidfd_getfd_duplicates_a_descriptor_of_another_process() -> None:
    read_fd, write_fd = os.pipe()
    hold_read, hold_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(hold_write)
        os.read(hold_read, 1)
        os._exit(0)
    os.close(write_fd)

    pidfd = calls.pidfd_open(pid)
    copy = calls.pidfd_getfd(pidfd, write_fd)
    os.write(copy, b"x")

    assert os.read(read_fd, 1) == b"x"
    os.close(hold_write)
    os.waitpid(pid, 0)
    with pytest.raises(KernelError, match="pidfd_getfd"):
        calls.pidfd_getfd(pidfd, 0)
    for fd in (read_fd, copy, pidfd, hold_read):
        os.close(fd)


def test_close_range_closes_and_marks() -> None:
    def check() -> None:
        low = os.open("/", os.O_PATH)
        high = os.dup2(low, 900)
        os.set_inheritable(high, True)
        calls.close_range(900, 900, flags.CLOSE_RANGE_CLOEXEC)
        assert not os.get_inheritable(high)
        calls.close_range(900, 900)
        assert not Path("/proc/self/fd/900").exists()

    in_child(check)
    with pytest.raises(KernelError, match="close_range\\(2, 1, 0\\): invalid argument"):
        calls.close_range(2, 1)


def test_prctl_sets_no_new_privs() -> None:
    def check() -> None:
        calls.prctl(flags.PR_SET_NO_NEW_PRIVS, 1)
        assert calls.prctl(flags.PR_GET_NO_NEW_PRIVS) == 1

    in_child(check)
    with pytest.raises(KernelError, match="prctl\\(PR_SET_NO_NEW_PRIVS, 2, 0\\): invalid"):
        calls.prctl(flags.PR_SET_NO_NEW_PRIVS, 2)


def test_seccomp_loads_a_program() -> None:
    def check() -> None:
        calls.prctl(flags.PR_SET_NO_NEW_PRIVS, 1)
        # ld nr; jeq getsid: ret ERRNO(EDOM), else ret ALLOW
        getsid = {"x86_64": 124, "aarch64": 156}[os.uname().machine]
        program = [
            (0x20, 0, 0, 0),
            (0x15, 0, 1, getsid),
            (0x06, 0, 0, flags.SECCOMP_RET_ERRNO | errno.EDOM),
            (0x06, 0, 0, flags.SECCOMP_RET_ALLOW),
        ]
        calls.seccomp(0, b"".join(struct.pack("=HBBI", *one) for one in program))
        with pytest.raises(OSError, match="argument out of domain"):
            os.getsid(0)

    in_child(check)


def test_seccomp_refuses_a_program_without_an_end() -> None:
    def check() -> None:
        calls.prctl(flags.PR_SET_NO_NEW_PRIVS, 1)
        with pytest.raises(KernelError, match=r"seccomp\(SECCOMP_SET_MODE_FILTER, 0\): invalid"):
            calls.seccomp(0, struct.pack("=HBBI", 0x20, 0, 0, 0))

    in_child(check)


def test_seccomp_flags_are_probed_without_loading_anything() -> None:
    assert calls.seccomp_knows_flag(flags.SECCOMP_FILTER_FLAG_SPEC_ALLOW)
    assert not calls.seccomp_knows_flag(1 << 30)


def test_keyctl_joins_a_session_keyring() -> None:
    def check() -> None:
        one = calls.keyctl_join("pyruntime-test-1")
        assert one > 0
        assert calls.keyctl_join("pyruntime-test-2") not in (0, one)

    in_child(check)
    with pytest.raises(KernelError, match=r"keyctl\(KEYCTL_JOIN_SESSION_KEYRING, .*\): "):
        calls.keyctl_join(".dot")


def test_fsopen_of_an_unknown_type_names_it() -> None:
    with pytest.raises(KernelError, match="fsopen\\(nonsensefs\\): "):
        calls.fsopen("nonsensefs")


def test_bpf_says_which_command_failed() -> None:
    with pytest.raises(KernelError, match="bpf\\(BPF_PROG_LOAD, 1 instructions, nothing\\): "):
        calls.bpf_prog_load(flags.BPF_PROG_TYPE_CGROUP_DEVICE, b"\0" * 8, name="nothing")


@pytest.mark.root
@requires.root
def test_unshare_gives_a_new_namespace() -> None:
    def check() -> None:
        before = os.readlink("/proc/self/ns/uts")
        calls.unshare(flags.CLONE_NEWUTS)
        assert os.readlink("/proc/self/ns/uts") != before

    in_child(check)
    with pytest.raises(KernelError, match="unshare\\(0x1\\): invalid argument"):
        calls.unshare(1)


@pytest.mark.root
@requires.root
def test_setns_goes_back_to_the_old_namespace() -> None:
    def check() -> None:
        before = os.readlink("/proc/self/ns/uts")
        fd = os.open("/proc/self/ns/uts", os.O_RDONLY)
        calls.unshare(flags.CLONE_NEWUTS)
        calls.setns(fd, flags.CLONE_NEWUTS)
        assert os.readlink("/proc/self/ns/uts") == before
        with pytest.raises(KernelError, match=r"setns\(\d+<uts:\[\d+\]>, CLONE_NEWNET\): inval"):
            calls.setns(fd, flags.CLONE_NEWNET)

    in_child(check)


@pytest.mark.root
@requires.root
def test_host_and_domain_name_are_set() -> None:
    def check() -> None:
        calls.unshare(flags.CLONE_NEWUTS)
        calls.sethostname("one")
        calls.setdomainname("two")
        assert os.uname().nodename == "one"
        assert Path("/proc/sys/kernel/domainname").read_text() == "two\n"
        for call in (calls.sethostname, calls.setdomainname):
            with pytest.raises(KernelError, match=f"{call.__name__}\\(xxx"):
                call("x" * 65)

    in_child(check)


@pytest.mark.root
@requires.root
def test_mount_and_umount2(tmp_path: Path) -> None:
    def check() -> None:
        calls.mount("x", str(tmp_path), "tmpfs", flags.MS_NOSUID | flags.MS_NODEV, "size=4k")
        assert os.statvfs(tmp_path).f_flag & 6 == 6
        inner = tmp_path / "inner"
        inner.mkdir()
        calls.mount("x", str(inner), "tmpfs")
        with pytest.raises(KernelError, match=f"umount2\\({tmp_path}, 0\\): device or resource"):
            calls.umount2(str(tmp_path))
        calls.umount2(str(tmp_path), flags.MNT_DETACH | flags.UMOUNT_NOFOLLOW)
        assert not inner.exists()

    in_mount_namespace(check)


@pytest.mark.root
@requires.root
def test_mount_shows_its_flags_by_name(tmp_path: Path) -> None:
    def check() -> None:
        with pytest.raises(KernelError) as caught:
            calls.mount("x", str(tmp_path), "nonsense", flags.MS_NOSUID | flags.MS_RDONLY, "a=b")
        assert str(caught.value) == (
            f"mount(x, {tmp_path}, nonsense, MS_RDONLY|MS_NOSUID, a=b): no such device"
        )

    in_mount_namespace(check)


@pytest.mark.root
@requires.root
def test_pivot_root_changes_the_root(tmp_path: Path) -> None:
    def check() -> None:
        calls.mount("x", str(tmp_path), "tmpfs")
        os.chdir(tmp_path)
        os.mkdir("marker")
        calls.pivot_root(".", ".")
        calls.umount2(".", flags.MNT_DETACH)
        assert os.listdir("/") == ["marker"]
        with pytest.raises(KernelError, match=r"pivot_root\(/marker, /\): "):
            calls.pivot_root("/marker", "/")

    in_mount_namespace(check)


@pytest.mark.root
@requires.root
def test_a_file_system_is_made_configured_and_attached(tmp_path: Path) -> None:
    def check() -> None:
        fs_fd = calls.fsopen("tmpfs")
        calls.fsconfig(fs_fd, flags.FSCONFIG_SET_STRING, "mode", "700")
        with pytest.raises(KernelError, match=r"fsconfig\(FSCONFIG_SET_FLAG, nonsense, NULL\): "):
            calls.fsconfig(fs_fd, flags.FSCONFIG_SET_FLAG, "nonsense")
        with pytest.raises(KernelError, match=r"fsmount\(MOUNT_ATTR_NOEXEC\): "):
            calls.fsmount(fs_fd, flags.MOUNT_ATTR_NOEXEC)
        calls.fsconfig(fs_fd, flags.FSCONFIG_CMD_CREATE)
        mount_fd = calls.fsmount(fs_fd, flags.MOUNT_ATTR_NODEV)
        target_fd = os.open(tmp_path, os.O_PATH)
        calls.move_mount(mount_fd, target_fd)
        fd = os.open(tmp_path, os.O_PATH)
        assert calls.fstatfs_type(fd) == TMPFS_MAGIC
        assert os.fstat(fd).st_mode & 0o777 == 0o700
        with pytest.raises(KernelError, match=r"move_mount\(\d+<.*>, \d+<.*>\): "):
            calls.move_mount(target_fd, mount_fd)

    in_mount_namespace(check)


@pytest.mark.root
@requires.root
def test_a_cloned_tree_gets_attributes_all_the_way_down(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"

    def check() -> None:
        source.mkdir()
        target.mkdir()
        calls.mount("x", str(source), "tmpfs")
        (source / "below").mkdir()
        calls.mount("x", str(source / "below"), "tmpfs")
        tree_fd = calls.open_tree(
            flags.AT_FDCWD, str(source), flags.OPEN_TREE_CLONE | flags.AT_RECURSIVE
        )
        calls.mount_setattr(
            tree_fd,
            flags.AT_RECURSIVE,
            set=flags.MOUNT_ATTR_RDONLY,
            propagation=flags.MS_PRIVATE,
        )
        calls.move_mount(tree_fd, os.open(target, os.O_PATH))
        with pytest.raises(OSError, match="Read-only"):
            (target / "below" / "x").touch()
        (source / "below" / "x").touch()

    in_mount_namespace(check)


@pytest.mark.root
@requires.root
def test_mount_setattr_shows_what_it_was_to_set(tmp_path: Path) -> None:
    def check() -> None:
        fd = os.open(tmp_path, os.O_PATH)
        with pytest.raises(KernelError) as caught:
            calls.mount_setattr(fd, set=flags.MOUNT_ATTR_RDONLY, userns_fd=fd)
        shown = f"mount_setattr({fd}<{tmp_path}>, 0, set=MOUNT_ATTR_RDONLY, clear=0, userns="
        assert str(caught.value).startswith(shown)
        with pytest.raises(KernelError, match=r"open_tree\(AT_FDCWD, /none, OPEN_TREE_CLONE\): n"):
            calls.open_tree(flags.AT_FDCWD, "/none", flags.OPEN_TREE_CLONE)

    in_mount_namespace(check)


@pytest.mark.root
@requires.root
def test_clone3_forks_into_new_namespaces() -> None:
    before = os.readlink("/proc/self/ns/uts")
    read_fd, write_fd = os.pipe()

    pid, pidfd = calls.clone3(flags.CLONE_NEWUTS | flags.CLONE_NEWPID)
    if pid == 0:
        os.write(write_fd, f"{os.getpid()} {os.readlink('/proc/self/ns/uts')}".encode())
        os._exit(7)
    os.close(write_fd)

    exited = os.waitid(os.P_PIDFD, pidfd, os.WEXITED)
    assert exited is not None
    assert (exited.si_pid, exited.si_status) == (pid, 7)
    inside_pid, namespace = os.read(read_fd, 100).decode().split()
    assert (inside_pid, namespace != before) == ("1", True)
    os.close(read_fd)
    os.close(pidfd)
    with pytest.raises(KernelError, match=r"clone3\(CLONE_NEWNS, \d+<.*>\): "):
        calls.clone3(flags.CLONE_NEWNS, cgroup_fd=os.open("/proc", os.O_PATH))


@pytest.mark.root
@requires.root
def test_identity_is_given_up_for_good() -> None:
    def check() -> None:
        calls.setgroups([5, 7])
        calls.setresgid(1000)
        calls.setresuid(1001)
        assert (os.getresuid(), os.getresgid()) == ((1001,) * 3, (1000,) * 3)
        assert os.getgroups() == [5, 7]
        for call in (calls.setresgid, calls.setresuid):
            with pytest.raises(KernelError, match=f"{call.__name__}\\(0, 0, 0\\): operation not"):
                call(0)
        with pytest.raises(KernelError, match="setgroups\\(1, 2\\): operation not permitted"):
            calls.setgroups([1, 2])

    in_child(check)


@pytest.mark.root
@requires.root
def test_capset_sets_the_three_sets_across_both_words() -> None:
    def check() -> None:
        calls.capset(1 << 7, 1 << 7 | 1 << 38, 1 << 38)
        lines = dict(
            line.split(":\t") for line in Path("/proc/self/status").read_text().splitlines()
        )
        assert int(lines["CapEff"], 16) == 1 << 7
        assert int(lines["CapPrm"], 16) == 1 << 7 | 1 << 38
        assert int(lines["CapInh"], 16) == 1 << 38
        with pytest.raises(KernelError, match="capset\\(0x1, 0x1, 0x0\\): operation not permitted"):
            calls.capset(1, 1, 0)

    in_child(check)


@pytest.mark.root
@requires.root
def test_a_bpf_program_is_loaded() -> None:
    # Answer 1, which allows.
    program = struct.pack("=BBhiBBhi", 0xB7, 0, 0, 1, 0x95, 0, 0, 0)

    fd = calls.bpf_prog_load(flags.BPF_PROG_TYPE_CGROUP_DEVICE, program, name="allow")

    info = Path(f"/proc/self/fdinfo/{fd}").read_text()
    assert "prog_type:\t15" in info
    number = next(int(line.split()[1]) for line in info.splitlines() if "prog_id" in line)
    again = calls.bpf_prog_fd(number)
    assert f"prog_id:\t{number}" in Path(f"/proc/self/fdinfo/{again}").read_text()
    target_fd = os.open("/proc", os.O_RDONLY)
    for call in (calls.bpf_prog_attach, calls.bpf_prog_detach):
        with pytest.raises(KernelError, match=r"bpf\(BPF_PROG_\w+TACH, \d+</proc>\): "):
            call(target_fd, fd, flags.BPF_CGROUP_DEVICE)
    with pytest.raises(KernelError, match="bpf\\(BPF_PROG_QUERY, "):
        calls.bpf_prog_ids(target_fd, flags.BPF_CGROUP_DEVICE)
    for each in (fd, again, target_fd):
        os.close(each)


@pytest.mark.root
@requires.root
def test_a_device_program_is_attached_to_a_cgroup(tmp_path: Path) -> None:
    program = struct.pack("=BBhiBBhi", 0xB7, 0, 0, 1, 0x95, 0, 0, 0)
    kind = flags.BPF_CGROUP_DEVICE

    def check() -> None:
        # The unified hierarchy can be mounted beside any layout.
        calls.mount("x", str(tmp_path), "cgroup2")
        cgroup = tmp_path / f"pyruntime-calls-{os.getpid()}"
        cgroup.mkdir()
        try:
            target_fd = os.open(cgroup, os.O_RDONLY)
            one, two = (
                calls.bpf_prog_load(flags.BPF_PROG_TYPE_CGROUP_DEVICE, program) for _ in "12"
            )
            calls.bpf_prog_attach(target_fd, one, kind, flags.BPF_F_ALLOW_MULTI)
            (first,) = calls.bpf_prog_ids(target_fd, kind)
            replace = flags.BPF_F_ALLOW_MULTI | flags.BPF_F_REPLACE
            calls.bpf_prog_attach(target_fd, two, kind, replace, replace_fd=one)
            (second,) = calls.bpf_prog_ids(target_fd, kind)
            assert first != second
            calls.bpf_prog_detach(target_fd, calls.bpf_prog_fd(second), kind)
            assert calls.bpf_prog_ids(target_fd, kind) == []
            assert_clone_into(target_fd, cgroup)
        finally:
            cgroup.rmdir()

    in_mount_namespace(check)


def assert_clone_into(cgroup_fd: int, cgroup: Path) -> None:
    hold_read, hold_write = os.pipe()
    pid, pidfd = calls.clone3(0, cgroup_fd=cgroup_fd)
    if pid == 0:
        os.close(hold_write)
        os.read(hold_read, 1)
        os._exit(0)
    try:
        assert (cgroup / "cgroup.procs").read_text() == f"{pid}\n"
    finally:
        os.close(hold_write)
        os.waitid(os.P_PIDFD, pidfd, os.WEXITED)
