"""Ports on the loopback address."""

import errno
import os
import secrets
import socket
import time

import psutil

from include.local.errors import PortError

LOOPBACK = "127.0.0.1"
#: During the start, a busy machine may need this long for a response.
ANSWER_SECONDS = 60
#: A killed process may hold its port for a moment.
_RELEASE_SECONDS = 2.0
#: Below the ephemeral port range of operating systems.
_INTERNAL_PORTS = range(20_000, 30_000)


def read_port(setting: str, default: int) -> int:
    """A port from the environment variable that sets it."""
    text = os.environ.get(setting) or str(default)
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65_536):
        raise PortError(f"{setting} is {text!r}, which is not a port. Use a number from 1 to 65535.")
    return int(text)


def require_free_port(port: int, setting: str) -> None:
    """Check that nothing listens on the port.

    Raises
    ------
    PortError: names the listener, if known, and the setting that changes our port.
    """
    end = time.monotonic() + _RELEASE_SECONDS
    while reason := _why_taken(port):
        if time.monotonic() > end:
            raise PortError(
                f"Port {port} cannot be used: {reason}. "
                f"Stop that program, or choose another port with {setting}=…"
            )
        time.sleep(0.1)


def find_free_ports(count: int) -> list[int]:
    """Free ports for internal servers of the stack."""
    found: list[int] = []
    for port in secrets.SystemRandom().sample(_INTERNAL_PORTS, len(_INTERNAL_PORTS)):
        if len(found) == count:
            return found
        if not _why_taken(port):
            found.append(port)
    raise PortError(f"Fewer than {count} ports are free on {LOOPBACK} between 20000 and 30000.")


def is_free_port(port: int) -> bool:
    return not _why_taken(port)


def has_answer(url: str) -> bool:
    """Whether a server responds, with any status."""
    # The supervisor imports this module but sends no requests.
    import httpx

    try:
        httpx.get(url, trust_env=False, timeout=ANSWER_SECONDS)
    except httpx.TransportError:
        return False
    return True


def _why_taken(port: int) -> str:
    """Why the port cannot be used; empty if it is free."""
    with socket.socket() as probe:
        # Old connections in TIME_WAIT do not block a server.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            return _name_listener(port) if error.errno == errno.EADDRINUSE else str(error.strerror)
    return ""


def _name_listener(port: int) -> str:
    """Describe who listens on the port. Other users' processes are not visible."""
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        connections = []
    for connection in connections:
        is_listener = connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,)
        if is_listener and connection.pid:
            return f"{psutil.Process(connection.pid).name()} (pid {connection.pid}) uses it"
    return "another program uses it"
