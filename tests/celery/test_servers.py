"""PostgreSQL, Redis and the workers end with their stack, however it is left; nobody else gets to them."""

import ipaddress
import signal
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
from include.local.state import read_secrets
from tests.celery.conftest import read_cluster
from tests.integration.conftest import Pipeline
from tests.stack_processes import (
    find_doors,
    find_members,
    kill_supervisor,
    read_running,
    start_owner,
    wait_until_gone,
)
from tests.waiting import wait_until


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
    """Return once they answer: then the migration of the database begins, and its log with it."""
    wait_until((stack.state.logs / "db-migrate.log").exists, {True}, 240)


def test_the_servers_end_with_an_owner_that_is_killed(stack: Stack) -> None:
    with start_owner(stack) as owner:
        wait_for_servers(stack)
        record, cluster = read_running(stack), read_cluster(stack)
        assert not is_free_port(cluster.database_port)
        assert not is_free_port(cluster.broker_port)
        owner.send_signal(signal.SIGKILL)

    wait_until_gone(stack, record.pid)
    wait_until_free(cluster)
    assert find_inhabitants(stack) == []


def test_next_start_removes_leftovers_of_a_killed_supervisor(stack: Stack) -> None:
    stack.start()
    wait_for_servers(stack)
    record, first = read_running(stack), read_cluster(stack)
    kill_supervisor(stack)
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


def test_servers_need_the_password(pipeline: Pipeline) -> None:
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
    cluster, doors = read_cluster(pipeline.stack), find_doors(pipeline.stack)

    assert all(ipaddress.ip_address(address).is_loopback for address, _ in doors)
    assert {
        ("127.0.0.1", cluster.database_port),
        ("127.0.0.1", cluster.broker_port),
        *((address, cluster.log_port) for address in cluster.addresses),
    } <= doors


def test_no_list_of_processes_shows_a_password(pipeline: Pipeline) -> None:
    secrets = read_secrets(pipeline.stack.state)
    shown = " ".join(word for process in find_members(pipeline.stack) for word in process.cmdline())

    assert secrets.database_password not in shown
    assert secrets.broker_password not in shown


def wait_until_free(cluster: Cluster) -> None:
    ports = (cluster.database_port, cluster.broker_port)
    wait_until(lambda: all(is_free_port(port) for port in ports), {True}, 30)
