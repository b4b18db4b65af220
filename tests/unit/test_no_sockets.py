"""The guard of the unit tests guards."""

from __future__ import annotations

import socket
import urllib.request

import pytest

from tests.unit.conftest import SocketOpened


def test_a_connection_is_refused_even_on_this_machine() -> None:
    with socket.socket() as opened, pytest.raises(SocketOpened):
        opened.connect(("127.0.0.1", 9))
    with pytest.raises(SocketOpened):
        socket.create_connection(("127.0.0.1", 9))


def test_a_library_cannot_connect_either() -> None:
    with pytest.raises(SocketOpened):
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open("http://127.0.0.1:9/", timeout=1)
