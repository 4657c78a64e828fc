"""PostgreSQL, Redis and the workers end with their stack, however it is left; nobody else gets to them."""

import ipaddress
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from include.local.cluster import Cluster
from include.local.ports import find_free_ports, is_free_port
from include.local.processes import find_session
from include.local.stack import Stack
from include.local.state import read_record, read_secrets
from tests.celery.conftest import read_cluster
from tests.integration.conftest import Pipeline
from tests.integration.test_local_stack import wait_until_gone

#: What `make run EXECUTOR=celery` does first: own a stack. Then it waits to be killed.
OWNER = """
import sys
from pathlib import Path
from include.local.stack import Stack
stack = Stack(Path(sys.argv[1]), ui_port=int(sys.argv[2]), s3_port=int(sys.argv[3]), workers=1)
stack.start()
stack._wait("The servers", lambda: "db-migrate.log" in {path.name for path in stack.state.logs.iterdir()})
print("started", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def stack(open_folder: Path, request: pytest.FixtureRequest) -> Iterator[Stack]:
    ui_port, s3_port = find_free_ports(2)
    stack = Stack(open_folder / request.node.name, ui_port=ui_port, s3_port=s3_port, workers=1)
    yield stack
    stack.stop()


def find_inhabitants(stack: Stack) -> list[psutil.Process]:
    """Whatever works in the folder of the stack, in any session: PostgreSQL's children lead their own."""
    return [process for process in psutil.process_iter() if is_inside(process, stack.state.root)]


def is_inside(process: psutil.Process, folder: Path) -> bool:
    try:
        return Path(process.cwd()).is_relative_to(folder)
    except psutil.Error:
        return False


def wait_for_servers(stack: Stack) -> None:
    stack._wait("The servers", (stack.state.logs / "db-migrate.log").exists)


def test_the_servers_end_with_an_owner_that_is_killed(stack: Stack) -> None:
    arguments = [str(stack.state.root), str(stack.ui_port), str(stack.s3_port)]
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout
        assert owner.stdout.readline() == "started\n"
        record, cluster = read_record(stack.state), read_cluster(stack)
        assert record
        assert not is_free_port(cluster.database_port)
        assert not is_free_port(cluster.broker_port)
        owner.send_signal(signal.SIGKILL)

    wait_until_gone(stack, record.pid)
    wait_until_free(cluster)
    assert find_inhabitants(stack) == []


def test_the_next_start_clears_what_a_killed_supervisor_left(stack: Stack) -> None:
    stack.start()
    wait_for_servers(stack)
    record, first = read_record(stack.state), read_cluster(stack)
    assert record
    psutil.Process(record.pid).kill()
    assert not is_free_port(first.database_port)

    later = Stack(stack.state.root, ui_port=stack.ui_port, s3_port=stack.s3_port, workers=1)
    try:
        later.start()
        assert not find_session(later.state, record.pid)
        wait_until_free(first)
        wait_for_servers(later)
    finally:
        later.stop()
    assert find_inhabitants(stack) == []


def test_nobody_gets_into_the_servers_without_the_password(pipeline: Pipeline) -> None:
    cluster = read_cluster(pipeline.stack)
    secrets = read_secrets(pipeline.stack.state)

    guesser = redis.Redis(port=cluster.broker_port, password="guessed")
    with pytest.raises(redis.AuthenticationError):
        guesser.ping()
    with redis.Redis(port=cluster.broker_port, password=secrets.broker_password) as client:
        assert client.ping()
    address = f"host=127.0.0.1 port={cluster.database_port} dbname=airflow user=airflow"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(f"{address} password=guessed")
    psycopg.connect(f"{address} password={secrets.database_password}").close()


def test_nothing_listens_beyond_this_machine(pipeline: Pipeline) -> None:
    record, cluster = read_record(pipeline.stack.state), read_cluster(pipeline.stack)
    assert record
    ours = {process.pid for process in find_session(pipeline.stack.state, record.pid)}
    doors = [
        tuple(connection.laddr)
        for connection in psutil.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN and connection.pid in ours
    ]

    assert all(ipaddress.ip_address(address).is_loopback for address, _ in doors)
    assert {
        ("127.0.0.1", cluster.database_port),
        ("127.0.0.1", cluster.broker_port),
        *((address, cluster.log_port) for address in cluster.addresses),
    } <= set(doors)


def test_no_list_of_processes_shows_a_password(pipeline: Pipeline) -> None:
    record = read_record(pipeline.stack.state)
    assert record
    secrets = read_secrets(pipeline.stack.state)
    shown = " ".join(
        word for process in find_session(pipeline.stack.state, record.pid) for word in process.cmdline()
    )

    assert secrets.database_password not in shown
    assert secrets.broker_password not in shown


def wait_until_free(cluster: Cluster) -> None:
    end = time.monotonic() + 30
    while not all(is_free_port(port) for port in (cluster.database_port, cluster.broker_port)):
        assert time.monotonic() < end
        time.sleep(0.1)
