"""Reading over TLS, in pieces larger than those in which it is sent."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from copilot_etl import connection
from copilot_etl_tests.certificate import certificate

Connected = Callable[[Callable[[ssl.SSLSocket], object]], AbstractContextManager[ssl.SSLSocket]]

RECORD = 16 * 2**10
"""What one record of TLS holds at most, and OpenSSL hands out at once."""


@pytest.fixture
def connected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Connected:
    """A client's socket whose other side runs a function in a thread."""
    public, private = certificate(tmp_path, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(public))

    @contextmanager
    def connect(serve: Callable[[ssl.SSLSocket], object]) -> Iterator[ssl.SSLSocket]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(public, private)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            listening.settimeout(10)

            def accept() -> None:
                with context.wrap_socket(listening.accept()[0], server_side=True) as other:
                    serve(other)

            thread = threading.Thread(target=accept)
            thread.start()
            try:
                with (
                    socket.create_connection(listening.getsockname(), timeout=10) as plain,
                    connection.trusted().wrap_socket(plain, server_hostname="127.0.0.1") as client,
                ):
                    yield client
            finally:
                thread.join()

    return connect


def test_one_call_hands_out_all_that_is_here(connected: Connected) -> None:
    sent, is_sent, is_read = os.urandom(10 * RECORD), threading.Event(), threading.Event()

    def serve(other: ssl.SSLSocket) -> None:
        other.sendall(sent)
        is_sent.set()
        is_read.wait(10)

    with connected(serve) as client:
        assert is_sent.wait(10)
        first = client.recv(2**20)
        is_read.set()
        found = [first, *iter(lambda: client.recv(2**20), b"")]

    assert len(first) > RECORD
    assert b"".join(found) == sent


def test_no_more_is_handed_out_than_was_asked_for(connected: Connected) -> None:
    sent = os.urandom(10 * RECORD)

    with connected(lambda other: other.sendall(sent)) as client:
        found = list(iter(lambda: client.recv(5000), b""))

    assert max(map(len, found)) <= 5000
    assert b"".join(found) == sent


def test_who_waits_gets_what_came_and_then_the_timeout(connected: Connected) -> None:
    is_over = threading.Event()

    def serve(other: ssl.SSLSocket) -> None:
        other.sendall(b"x" * 100)
        is_over.wait(10)

    with connected(serve) as client:
        client.settimeout(0.2)
        assert client.recv(2**20) == b"x" * 100
        with pytest.raises(TimeoutError):
            client.recv(2**20)
        assert client.gettimeout() == 0.2
        is_over.set()


def test_what_came_before_a_fault_is_handed_out_first(connected: Connected) -> None:
    is_sent, is_over = threading.Event(), threading.Event()

    def serve(other: ssl.SSLSocket) -> None:
        other.sendall(b"x" * 100)
        socket.socket.send(other, b"no record of TLS")
        is_sent.set()
        is_over.wait(10)

    with connected(serve) as client:
        assert is_sent.wait(10)
        assert client.recv(2**20) == b"x" * 100
        with pytest.raises(ssl.SSLError, match=r"WRONG_VERSION_NUMBER|wrong version number"):
            client.recv(2**20)
        is_over.set()
