"""The stack on one machine ends when it should, however it is left, and loses nothing."""

import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from include.local.errors import LocalError, PortError, StackError
from include.local.ports import LOOPBACK, find_free_ports, is_free_port
from include.local.processes import find_session
from include.local.stack import Stack
from tests.integration.conftest import Pipeline
from tests.stack_processes import (
    find_doors,
    find_members,
    kill_supervisor,
    read_running,
    start_owner,
    wait_until_gone,
)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    ui_port, s3_port = find_free_ports(2)
    stack = Stack(tmp_path / "state", ui_port=ui_port, s3_port=s3_port)
    yield stack
    stack.stop()


def find_store(stack: Stack) -> psutil.Process:
    return next(process for process in find_members(stack) if process.name() == "weed")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_stack_ends_with_its_owner(stack: Stack, number: signal.Signals) -> None:
    owner = start_owner(stack)
    record = read_running(stack)
    assert record.owner_pid == owner.pid

    owner.send_signal(number)
    owner.wait()
    wait_until_gone(stack, record.pid)

    assert not stack.state.record.exists()
    assert is_free_port(stack.s3_port)


def test_a_stack_ends_when_its_store_dies_and_says_so(stack: Stack) -> None:
    stack.start()
    stack.wait_for_store()
    record = read_running(stack)

    find_store(stack).kill()
    wait_until_gone(stack, record.pid)

    with pytest.raises(StackError, match="The store ended unexpectedly with signal SIGKILL"):
        stack.require_running()


def test_next_start_removes_leftovers_and_keeps_data(stack: Stack) -> None:
    stack.start()
    stack.wait_for_store()
    stack.hook.create_bucket("kept")
    stack.hook.load_string("still here", "a/key", "kept")
    record = read_running(stack)
    store = find_store(stack)
    kill_supervisor(stack)
    assert store.is_running()

    later = Stack(stack.state.root, ui_port=stack.ui_port, s3_port=stack.s3_port)
    try:
        later.start()
        assert not find_session(later.state, record.pid)
        later.wait_for_store()
        assert later.hook.read_key("a/key", "kept") == "still here"
    finally:
        later.stop()


def test_taken_port_is_reported_before_the_start(stack: Stack) -> None:
    owner = start_owner(stack)
    try:
        other = Stack(stack.state.root.with_name("other"), ui_port=stack.ui_port, s3_port=stack.s3_port)
        with pytest.raises(PortError, match=r"weed \(pid \d+\) uses it.*S3_PORT="):
            other.start()
        assert not other.state.root.exists()
    finally:
        owner.kill()
        owner.wait()


def test_failed_start_leaves_other_stacks_alone(stack: Stack) -> None:
    owner = start_owner(stack)
    record = read_running(stack)
    other = Stack(stack.state.root, ui_port=stack.ui_port, s3_port=stack.s3_port)
    try:
        with pytest.raises(LocalError, match="A stack is already running in"), other:
            pytest.fail("a second stack was started in the same folder")
        assert read_running(stack) == record
    finally:
        owner.kill()
        owner.wait()


def test_nothing_of_a_stack_listens_beyond_this_machine(pipeline: Pipeline) -> None:
    record, doors = read_running(pipeline.stack), find_doors(pipeline.stack)

    assert {record.ui_port, record.s3_port, record.task_port} <= {port for _, port in doors}
    assert {address for address, _ in doors} == {LOOPBACK}
