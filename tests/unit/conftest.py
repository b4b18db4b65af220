"""Unit tests stay in this process: whoever opens a connection fails."""

from __future__ import annotations

import socket
from typing import Any, NoReturn

import pytest


class SocketOpened(AssertionError):
    """A unit test went to the network."""


@pytest.fixture(autouse=True)
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: Any, **_settings: Any) -> NoReturn:
        raise SocketOpened("a unit test opens a socket")

    for operation in ("connect", "connect_ex", "bind", "sendto"):
        monkeypatch.setattr(socket.socket, operation, refuse)
    for name in ("create_connection", "create_server", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)
