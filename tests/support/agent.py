"""A seccomp agent: it takes listeners at a socket and answers the calls that they are asked about. seccomp_unotify(2)."""

from __future__ import annotations

import array
import errno
import fcntl
import json
import os
import select
import socket
import struct
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from support.wait import DEADLINE_S, wait_until

# linux/seccomp.h, for the two structures below.
NOTIF_RECV, NOTIF_SEND = 0xC0502100, 0xC0182101
NOTIF = struct.Struct("=QIIiIQ6Q")  # id, pid, flags; nr, arch, instruction, arguments
ANSWER = struct.Struct("=QqiI")  # id, value, error, flags
FLAG_CONTINUE = 1


class Agent:
    """Listens at *path*. Calls in *answers* get that value (a negative one is an errno), all others go on."""

    def __init__(self, path: Path, answers: dict[int, int] | None = None) -> None:
        self.path = path
        self.answers = answers or {}
        self.messages: list[dict[str, Any]] = []
        self.calls: list[tuple[int, int]] = []
        """Number of each call that was asked about, and the pid that made it."""
        self._faults: list[str] = []
        self._threads: list[threading.Thread] = []
        self._stop_fd, self._stopped_fd = os.pipe()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # A path may be longer than the address holds.
        directory = os.open(path.parent, os.O_PATH)
        self._socket.bind(f"/proc/self/fd/{directory}/{path.name}")
        os.close(directory)
        self._socket.listen(8)
        self._start(self._accept)

    def __enter__(self) -> Agent:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._stopped_fd)
        for thread in self._threads:
            thread.join(DEADLINE_S)
            assert not thread.is_alive()
        os.close(self._stop_fd)
        self._socket.close()
        self.path.unlink(missing_ok=True)
        if kind is None:
            assert not self._faults

    def message(self, number: int = 0) -> dict[str, Any]:
        """Message *number*, when it has come."""
        wait_until(lambda: len(self.messages) > number, "a message to the agent")
        return self.messages[number]

    def asked(self, number: int) -> list[int]:
        """The processes that made the call *number*, as the agent sees them."""
        return [pid for nr, pid in self.calls if nr == number]

    def _start(self, function: Any, *arguments: Any) -> None:
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _ready(self, fd: int) -> int:
        """The events of *fd*; 0 when the agent is to end."""
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        poll.register(self._stop_fd, select.POLLHUP)
        events = dict(poll.poll())
        return 0 if self._stop_fd in events else events[fd]

    def _accept(self) -> None:
        while self._ready(self._socket.fileno()):
            connection, _ = self._socket.accept()
            with connection:
                self._receive(connection)

    def _receive(self, connection: socket.socket) -> None:
        connection.settimeout(DEADLINE_S)
        fds = array.array("i")
        data, ancillary, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(4 * 8))
        for _, _, payload in ancillary:
            fds.frombytes(payload)
        while more := connection.recv(65536):
            data += more
        if not data:
            return  # nobody but a runtime that failed meanwhile
        message = json.loads(data)
        if len(fds) != 1 or message["fds"] != ["seccompFd"]:
            self._faults.append(f"{message} with {len(fds)} descriptors")
        self.messages.append(message)
        self._start(self._answer, fds[0])

    def _answer(self, listener: int) -> None:
        """Until nobody is left who could ask."""
        while events := self._ready(listener):
            if events & select.POLLIN:
                self._answer_one(listener)
            elif events & (select.POLLHUP | select.POLLERR):
                break
        os.close(listener)

    def _answer_one(self, listener: int) -> None:
        question = bytearray(NOTIF.size)
        try:
            fcntl.ioctl(listener, NOTIF_RECV, question)
            id, pid, _, number, *_ = NOTIF.unpack(question)
            self.calls.append((number, pid))
            value = self.answers.get(number)
            answer = (0, 0, FLAG_CONTINUE) if value is None else (max(value, 0), min(value, 0), 0)
            fcntl.ioctl(listener, NOTIF_SEND, bytearray(ANSWER.pack(id, *answer)))
        except OSError as error:
            if error.errno != errno.ENOENT:  # the process was killed meanwhile
                raise
