"""The object store: SeaweedFS in one process. Clients use only its S3 port; its other ports are internal.

Every connection to an internal port, HTTP or gRPC, must present the certificate in the state folder, which
only the owner of the folder can read. Otherwise any user of the machine could read, forge or delete objects
without credentials.
"""

import datetime as dt
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from include.local.environment import clean_environment
from include.local.errors import StackError
from include.local.ports import LOOPBACK, find_free_ports, has_answer, is_free_port
from include.local.settings_file import Connection, move_endpoint
from include.local.state import State, write_private

_START_SECONDS = 60
_STOP_SECONDS = 20
_POLL_SECONDS = 0.1
_CERTIFICATE_DAYS = 36_500
#: The parts of SeaweedFS that listen, by the names of its configuration.
_GRPC_PARTS = ("master", "volume", "filer", "s3", "admin", "worker", "client", "msg_broker", "msg_agent")
_HTTPS_PARTS = ("master", "volume", "filer", "admin")
#: The ports other than S3 that `weed mini` always opens.
_INTERNAL_PORTS = (
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "s3.port.grpc",
    "admin.port",
    "admin.port.grpc",
)


def choose_ports(state: State) -> dict[str, int]:
    """The internal ports. They stay the same if possible, because SeaweedFS identifies its parts by port."""
    path = state.store / "ports.json"
    ports: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
    if set(ports) != set(_INTERNAL_PORTS) or not all(is_free_port(port) for port in ports.values()):
        ports = dict(zip(_INTERNAL_PORTS, find_free_ports(len(_INTERNAL_PORTS)), strict=True))
        path.write_text(json.dumps(ports))
    return ports


def start_store(
    state: State, login: Connection, s3_port: int, ports: dict[str, int], *options: str
) -> "subprocess.Popen[bytes]":
    """Start the store in the session of the caller. Its log is `logs/store.log`."""
    create_certificate(state.store_security)
    credentials = {"AWS_ACCESS_KEY_ID": login.login, "AWS_SECRET_ACCESS_KEY": login.password}
    with (state.logs / "store.log").open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - the command is ours
            [*make_command(state, s3_port, ports), *options],
            cwd=state.store,
            env=clean_environment() | credentials,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


@contextmanager
def run_store(state: State, login: Connection) -> Iterator[Connection]:
    """Run the store alone on a free port. Yields the login with its endpoint moved to that port."""
    (port,), internal_ports = find_free_ports(1), choose_ports(state)
    connection = replace(login, extra=move_endpoint(login.extra, port))
    process = start_store(state, connection, port, internal_ports)
    try:
        wait_for_store(connection.extra["endpoint_url"], process)
        yield connection
    finally:
        process.terminate()
        try:
            process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        remove_sockets(internal_ports, port)


def create_certificate(folder: Path) -> None:
    """Create the certificate of the internal ports and its configuration, unless they exist."""
    configuration = folder / "security.toml"
    if configuration.exists():
        return
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    folder.mkdir(mode=0o700, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ecommerce-store")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=_CERTIFICATE_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    no_password = serialization.NoEncryption()
    private_key = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, no_password)
    write_private(folder / "store.key", private_key.decode())
    write_private(folder / "store.pem", certificate.public_bytes(pem).decode())
    write_private(configuration, make_security_configuration(folder))


def make_security_configuration(folder: Path) -> str:
    """Require the certificate on every internal connection, as SeaweedFS's `security.toml`."""
    pair = f'cert = "{folder}/store.pem"\nkey = "{folder}/store.key"\n'
    authority = f'ca = "{folder}/store.pem"\n'
    # The certificate has no host names; holding its key is what authenticates both sides.
    client = f"[https.client]\nenabled = true\ninsecure_skip_verify = true\n{pair}{authority}"
    return "".join(
        [
            f"[grpc]\n{authority}",
            *(f"[grpc.{part}]\n{pair}" for part in _GRPC_PARTS),
            client,
            *(f"[https.{part}]\n{pair}{authority}" for part in _HTTPS_PARTS),
        ]
    )


def wait_for_store(url: str, process: "subprocess.Popen[bytes]") -> None:
    """Wait until a store that was started here responds.

    Raises
    ------
    StackError: it ended, or takes too long.
    """
    end = time.monotonic() + _START_SECONDS
    while not has_answer(url):
        if process.poll() is not None:
            raise StackError(f"The store ended with exit code {process.returncode}.")
        if time.monotonic() > end:
            raise StackError(f"The store does not respond on {url} after {_START_SECONDS} seconds.")
        time.sleep(_POLL_SECONDS)


def remove_sockets(ports: dict[str, int], s3_port: int) -> None:
    """Remove the Unix sockets that SeaweedFS leaves in /tmp, named by its ports."""
    for socket in find_sockets(Path("/tmp"), {s3_port, *ports.values()}):  # noqa: S108 - chosen by SeaweedFS
        socket.unlink(missing_ok=True)


def find_sockets(folder: Path, ports: set[int]) -> list[Path]:
    return [path for port in ports for path in folder.glob(f"seaweedfs-*-{port}.sock")]


def make_command(state: State, s3_port: int, ports: dict[str, int]) -> list[str]:
    """The command of the store: unneeded parts are off, the others listen on the loopback address."""
    options = {
        "dir": state.store,
        "ip": LOOPBACK,
        "ip.bind": LOOPBACK,
        "s3.port": s3_port,
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "webdav": "false",
        "admin.ui": "false",
        "master.telemetry": "false",
        "volume.preStopSeconds": 0,
        # Relative to the data folder: private, and shorter than the limit for socket paths.
        "filer.localSocket": "filer.sock",
        "s3.localSocket": "s3.sock",
    }
    return [
        _find_weed(),
        "-logtostderr=true",
        f"-config_dir={state.store_security}",
        "mini",
        *(f"-{name}={value}" for name, value in (options | ports).items()),
    ]


def _find_weed() -> str:
    beside_python = Path(sys.executable).with_name("weed")
    found = str(beside_python) if os.access(beside_python, os.X_OK) else shutil.which("weed")
    if not found:
        raise StackError(
            "The object store is not installed: there is no program `weed` for this Python. "
            "Install requirements-local.txt (`make` does it)."
        )
    return found
