"""What the kernel says about sockets: ours, those towards a port, who listens."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import psutil
import pytest

from ibmux import sockets


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """A listener for IPv4 and IPv6."""
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        yield server


def port_of(server: socket.socket) -> int:
    return int(server.getsockname()[1])


def connect(server: socket.socket, held: ExitStack, host: str = "127.0.0.1") -> tuple[socket.socket, socket.socket]:
    near = held.enter_context(socket.create_connection((host, port_of(server))))
    far, _ = server.accept()
    return near, held.enter_context(far)


def until_state(server: socket.socket, state: str) -> list[sockets.OpenSocket]:
    deadline = time.monotonic() + 20
    while True:
        found = sockets.ours([("127.0.0.1", port_of(server))])
        if [each.state for each in found] == [state]:
            return found
        assert time.monotonic() < deadline, f"not {state} within 20 s: {found}"
        time.sleep(0.005)


def test_a_socket_from_its_begin_to_its_end(listening: socket.socket) -> None:
    with ExitStack() as held:
        near, far = connect(listening, held)
        (found,) = until_state(listening, "ESTABLISHED")
        assert found.local == f"127.0.0.1:{near.getsockname()[1]}" and found.remote == f"127.0.0.1:{port_of(listening)}"
        far.close()
        until_state(listening, "CLOSE_WAIT")
        near.close()
        assert sockets.ours([("127.0.0.1", port_of(listening))]) == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::ffff:127.0.0.1"])
def test_every_spelling_of_an_endpoint_finds_it(listening: socket.socket, host: str) -> None:
    with ExitStack() as held:
        connect(listening, held, "::ffff:127.0.0.1")
        assert len(sockets.ours([(host, port_of(listening))])) == 1
        assert sockets.ours([("192.0.2.1", port_of(listening)), (host, 1)]) == []


def test_a_socket_is_found_by_its_own_end_too(listening: socket.socket) -> None:
    with ExitStack() as held:
        near, _ = connect(listening, held)
        assert len(sockets.ours([("no-such-host.invalid", 4002)], local=[near.getsockname()[:2]])) == 1
        assert sockets.ours([("no-such-host.invalid", port_of(listening))]) == []


def test_who_is_connected_and_who_listens(listening: socket.socket) -> None:
    with ExitStack() as held:
        near, _ = connect(listening, held)
        towards = sockets.towards([port_of(listening), 1])  # of the whole machine: others may be there, too
        (entry,) = [each for each in towards if each.pid == os.getpid()]
        assert (entry.state, entry.local_port) == ("ESTABLISHED", near.getsockname()[1])
        assert entry.program == psutil.Process().name()
        assert (found := sockets.listener(port_of(listening))) is not None
        assert found.pid == os.getpid() and found.remote == ""
        assert sockets.listener(near.getsockname()[1]) is None


def test_where_the_whole_table_is_for_administrators_the_visible_processes_are_asked(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch
):
    def deny(kind: str) -> list[object]:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", deny)
    assert (found := sockets.listener(port_of(listening))) is not None and found.pid == os.getpid()


def test_no_table_is_an_answer_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> list[object]:
        raise PermissionError(13, "Permission denied", "/proc/net/tcp")

    monkeypatch.setattr(psutil, "net_connections", fail)
    monkeypatch.setattr(psutil.Process, "net_connections", fail)
    with pytest.raises(sockets.NoTable, match=r"cannot be read: .*Permission denied"):
        sockets.table()
    with pytest.raises(sockets.NoTable, match="cannot be listed"):
        sockets.ours([("127.0.0.1", 4002)])


def test_which_names_are_this_machine() -> None:
    assert sockets.is_local("localhost") and sockets.is_local("::1") and sockets.is_local("::ffff:127.0.0.1")
    assert not sockets.is_local("192.0.2.1") and not sockets.is_local("no-such-host.invalid")
