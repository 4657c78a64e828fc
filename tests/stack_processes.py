"""The processes of a running stack, as the machine shows them, and one that owns a stack."""

import subprocess
import sys
from contextlib import suppress

import psutil

from include.local.processes import find_session
from include.local.stack import Stack
from include.local.state import Record, read_record
from tests.waiting import wait_until

#: What `make run` does first: own a stack. Then it waits to be killed.
OWNER = """
import sys
from pathlib import Path
from include.local.stack import Stack
ui_port, s3_port, workers = map(int, sys.argv[2:])
stack = Stack(Path(sys.argv[1]), ui_port=ui_port, s3_port=s3_port, workers=workers)
stack.start()
stack.wait_for_store()
print("started", flush=True)
sys.stdin.read()
"""


def start_owner(stack: Stack) -> "subprocess.Popen[str]":
    """Have another process start the stack and own it; the store answers when this returns."""
    numbers = map(str, (stack.ui_port, stack.s3_port, stack.workers))
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(stack.state.root), *numbers],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout
    assert owner.stdout.readline() == "started\n"
    return owner


def read_running(stack: Stack) -> Record:
    """The record of a stack that runs."""
    record = read_record(stack.state)
    assert record
    return record


def find_members(stack: Stack) -> list[psutil.Process]:
    """Every process of the session that a stack is."""
    return find_session(stack.state, read_running(stack).pid)


def find_scheduler(stack: Stack) -> psutil.Process | None:
    """The process that the supervisor started with the scheduler's log as its output."""
    log = str(stack.state.logs / "scheduler.log")
    for process in psutil.Process(read_running(stack).pid).children():
        with suppress(psutil.Error):
            if log in {file.path for file in process.open_files()}:
                return process
    return None


def find_doors(stack: Stack) -> set[tuple[str, int]]:
    """The addresses and ports on which a stack listens."""
    ours = {process.pid for process in find_members(stack)}
    return {
        (connection.laddr.ip, connection.laddr.port)
        for connection in psutil.net_connections("inet")
        if connection.laddr and connection.status == psutil.CONN_LISTEN and connection.pid in ours
    }


def kill_supervisor(stack: Stack) -> None:
    """End the process that looks after all the others, at once; those are left behind."""
    psutil.Process(read_running(stack).pid).kill()
    wait_until(stack.find_running, [None], 60)


def wait_until_gone(stack: Stack, leader_pid: int) -> None:
    """Return once nothing is left of a session."""
    wait_until(lambda: len(find_session(stack.state, leader_pid)), {0}, 60)
