"""Ports on the loopback address, and whether anything answers there."""

import errno
import os
import secrets
import socket
import time

import psutil

from include.local.errors import PortError

LOOPBACK = "127.0.0.1"
#: A busy machine may take this long for an answer while everything starts at once.
ANSWER_SECONDS = 60
#: A process that was killed a moment ago may still have its port.
_RELEASE_SECONDS = 2.0
#: Below the range from which operating systems give out ports for outgoing connections.
_INNER_PORTS = range(20_000, 30_000)


def read_port(setting: str, default: int) -> int:
    """A port from the environment variable that sets it."""
    text = os.environ.get(setting) or str(default)
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65_536):
        raise PortError(f"{setting} is {text!r}, which is no port. Give a number from 1 to 65535.")
    return int(text)


def require_free_port(port: int, setting: str) -> None:
    """Refuse a port that something else listens on.

    Raises
    ------
    PortError: says who has it, as far as the system tells, and which setting moves ours.
    """
    end = time.monotonic() + _RELEASE_SECONDS
    while reason := _why_taken(port):
        if time.monotonic() > end:
            raise PortError(
                f"Port {port} cannot be used: {reason}. "
                f"Stop what has it, or choose another one with {setting}=…"
            )
        time.sleep(0.1)


def find_free_ports(count: int) -> list[int]:
    """Ports for the inner doors of the stack, which nobody needs to know."""
    found: list[int] = []
    for port in secrets.SystemRandom().sample(_INNER_PORTS, len(_INNER_PORTS)):
        if len(found) == count:
            return found
        if not _why_taken(port):
            found.append(port)
    raise PortError(f"Fewer than {count} ports are free on {LOOPBACK} between 20000 and 30000.")


def is_free_port(port: int) -> bool:
    return not _why_taken(port)


def has_answer(url: str) -> bool:
    """Whether something answers there, be it a refusal."""
    # The supervisor uses this module as well, and asks nobody.
    import httpx

    try:
        httpx.get(url, trust_env=False, timeout=ANSWER_SECONDS)
    except httpx.TransportError:
        return False
    return True


def _why_taken(port: int) -> str:
    """Why nothing can listen on the port; empty when it is free."""
    with socket.socket() as probe:
        # A port whose last connections are still timing out is free for a server.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            return _name_listener(port) if error.errno == errno.EADDRINUSE else str(error.strerror)
    return ""


def _name_listener(port: int) -> str:
    """Who listens on the port, in words. Other people's processes have no name for us."""
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        connections = []
    for connection in connections:
        is_listener = connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,)
        if is_listener and connection.pid:
            return f"{psutil.Process(connection.pid).name()} (pid {connection.pid}) has it"
    return "another program has it"
