"""Another user of the machine, without credentials, gets nothing from the object store."""

import os
import pwd
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.local.environment import clean_environment
from tests.integration.own_store import OwnStore, run_own_store

BUCKET, KEY, BODY = "ecommerce-raw", "2026-11-21/customers.csv", b"customer_id,email\nC1,ada@example.com\n"

#: Runs as the other user: prints what it could read, write or delete.
ATTACK = """
import encodings.idna, http.client, os, ssl, sys
s3_port, state_dir, user, group, *ports = sys.argv[1:]
# As root it has read what it imports; from here on it is somebody else.
os.setgroups([])
os.setgid(int(group))
os.setuid(int(user))
insecure = ssl.create_default_context()
insecure.check_hostname, insecure.verify_mode = False, ssl.CERT_NONE
requests = [("GET", f"/{path}") for path in (
    "", "ecommerce-raw", "ecommerce-raw/2026-11-21/customers.csv", "buckets/ecommerce-raw/",
    "buckets/ecommerce-raw/2026-11-21/customers.csv", "dir/status", "dir/assign", "vol/grow", "status",
    "ui/index.html",
    "col/delete?collection=ecommerce-raw",
)] + [("PUT", "/ecommerce-raw/forged"), ("POST", "/buckets/ecommerce-raw/forged"),
      ("DELETE", "/ecommerce-raw/2026-11-21/customers.csv"),
      ("DELETE", "/buckets/ecommerce-raw/2026-11-21/customers.csv")]
for port in (s3_port, *ports):
    for connect in (lambda: http.client.HTTPConnection("127.0.0.1", int(port), timeout=5),
                    lambda: http.client.HTTPSConnection("127.0.0.1", int(port), timeout=5, context=insecure)):
        for method, path in requests:
            try:
                connection = connect()
                connection.request(method, path, body=b"forged" if method in ("PUT", "POST") else None)
                answer = connection.getresponse()
                is_health_check = (port, path) == (s3_port, "/status")
                if answer.status < 400 and not is_health_check:
                    print(port, method, path, answer.status, answer.read()[:60])
            except (OSError, http.client.HTTPException):
                pass
for folder, _, files in os.walk(state_dir):
    print("entered", folder)
"""


@pytest.fixture(scope="module")
def store_with_customers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnStore]:
    folder = tmp_path_factory.mktemp("owner")
    with run_own_store(folder / "state") as store:
        client = store.client("s3")
        client.create_bucket(Bucket=BUCKET)
        client.put_object(Bucket=BUCKET, Key=KEY, Body=BODY)
        yield store


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_other_user_gets_nothing(store_with_customers: OwnStore) -> None:
    own = store_with_customers
    nobody = pwd.getpwnam("nobody")
    ports = [str(port) for port in (own.port, *own.inner_ports.values())]

    attack = subprocess.run(
        [
            *(sys.executable, "-I", "-c", ATTACK, ports[0], str(own.state.root)),
            *(str(nobody.pw_uid), str(nobody.pw_gid), *ports[1:]),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        cwd="/",
        env={},
    )

    assert attack.returncode == 0, attack.stderr
    assert attack.stdout == ""
    assert own.client("s3").get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == BODY
    assert [found["Key"] for found in own.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]] == [KEY]


@pytest.mark.parametrize("part", ["master.port.grpc", "volume.port.grpc", "filer.port.grpc", "s3.port.grpc"])
def test_grpc_requires_the_certificate(store_with_customers: OwnStore, part: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    address = ("127.0.0.1", store_with_customers.inner_ports[part])

    with socket.create_connection(address, timeout=5) as connection, pytest.raises(ssl.SSLError):
        # TLS 1.3 reports the missing certificate with the first read.
        context.wrap_socket(connection).read(1)


def test_state_folder_belongs_to_its_owner(store_with_customers: OwnStore) -> None:
    state = store_with_customers.state

    assert stat.S_IMODE(state.root.stat().st_mode) == 0o700
    secrets = ("store.key", "store.pem", "security.toml")
    assert {stat.S_IMODE((state.store_security / name).stat().st_mode) for name in secrets} == {0o600}


def test_process_list_shows_no_password(store_with_customers: OwnStore) -> None:
    assert store_with_customers.process
    command = Path(f"/proc/{store_with_customers.process.pid}/cmdline")
    if not command.exists():
        pytest.skip("no /proc on this system")

    assert store_with_customers.owner.password not in command.read_text()
    assert "AWS_SECRET_ACCESS_KEY" not in clean_environment()
