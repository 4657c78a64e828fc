"""The connections for mail that the runbook shows, against servers that encrypt as their ports stand for."""

import datetime as dt
import ipaddress
import json
import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from include.local.ports import LOOPBACK, find_free_ports
from include.reporting.alerts import SMTP_CONNECTION_ID, Alert, send_mail
from tests.project_files import PROJECT

RUNBOOK = (PROJECT / "docs" / "runbook.md").read_text()


class Inbox(Sink):
    """Keeps who sent to whom."""

    def __init__(self) -> None:
        self.received: list[tuple[str, list[str]]] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - the library calls it so
        self.received.append((envelope.mail_from, envelope.rcpt_tos))
        return "250 OK"


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's certificate for the loopback address, which this process trusts."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail server of a test")])
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(LOOPBACK))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "server.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + signed.public_bytes(Encoding.PEM)
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path)
    return context


def log_in(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=data == LoginPassword(b"etl", b"secret"))


#: How a server encrypts, by the port that stands for it.
KINDS = {465: "ssl_context", 587: "tls_context"}


@pytest.fixture(params=KINDS)
def inbox(
    request: pytest.FixtureRequest, certificate: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Inbox]:
    """What a server gets through the connection that the runbook shows for its port."""
    inbox, (free,) = Inbox(), find_free_ports(1)
    # The library takes a connection that is encrypted from its beginning for one that is not.
    options: dict[str, Any] = {KINDS[request.param]: certificate, "auth_require_tls": request.param == 587}
    server = Controller(
        inbox, hostname=LOOPBACK, port=free, authenticator=log_in, auth_required=True, **options
    )
    server.start()
    connection = {
        "conn_type": "smtp",
        "host": LOOPBACK,
        "port": free,
        "login": "etl",
        "password": "secret",
        "extra": read_extra(request.param),
    }
    monkeypatch.setenv(f"AIRFLOW_CONN_{SMTP_CONNECTION_ID.upper()}", json.dumps(connection))
    try:
        yield inbox
    finally:
        server.stop()


def read_extra(port: int) -> dict[str, Any]:
    """The extra that the runbook shows for a port."""
    (text,) = re.findall(rf"port {port} `(\{{[^`]*\}})`", RUNBOOK)
    extra: dict[str, Any] = json.loads(text)
    return extra


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_the_connection_of_the_runbook_reaches_a_server_of_its_port(inbox: Inbox) -> None:
    send_mail("data@example.com", Alert(subject="ecommerce 2026-11-21", text="The gate is closed."))

    assert inbox.received == [("etl@example.com", ["data@example.com"])]
