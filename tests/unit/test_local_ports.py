"""Ports: settings that are none, ports that are taken, ports that are free."""

import os
import socket
from collections.abc import Iterator

import pytest

from include.local.errors import PortError
from include.local.ports import find_free_ports, is_free_port, read_port, require_free_port


@pytest.fixture(params=["127.0.0.1", "0.0.0.0"])  # noqa: S104 - others do listen on every address
def taken_port(request: pytest.FixtureRequest) -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind((request.param, 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.mark.parametrize("text", ["0", "65536", "-1", "80x", "8080.0", "٣٣٣٣", " "])
def test_invalid_port_is_named(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("UI_PORT", text)

    with pytest.raises(PortError, match=r"UI_PORT is .* not a port"):
        read_port("UI_PORT", 8080)


@pytest.mark.parametrize(("text", "port"), [("", 8080), ("1", 1), ("65535", 65_535)])
def test_a_port_comes_from_its_setting_or_is_the_default(
    monkeypatch: pytest.MonkeyPatch, text: str, port: int
) -> None:
    monkeypatch.setenv("UI_PORT", text)

    assert read_port("UI_PORT", 8080) == port


def test_taken_port_names_its_process_and_setting(taken_port: int) -> None:
    with pytest.raises(PortError) as refusal:
        require_free_port(taken_port, "S3_PORT")

    assert f"Port {taken_port} " in str(refusal.value)
    assert f"(pid {os.getpid()})" in str(refusal.value)
    assert "S3_PORT=" in str(refusal.value)


def test_port_is_free_while_old_connections_time_out() -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = listener.accept()
            accepted.close()
            client.recv(1)
    require_free_port(port, "UI_PORT")
    assert is_free_port(port)


def test_found_ports_are_free_and_different() -> None:
    ports = find_free_ports(12)

    assert len(set(ports)) == 12
    assert all(is_free_port(port) for port in ports)


def test_a_taken_port_is_never_found(taken_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.local.ports._INTERNAL_PORTS", range(taken_port, taken_port + 1))

    with pytest.raises(PortError, match="Fewer than 1 ports are free"):
        find_free_ports(1)
