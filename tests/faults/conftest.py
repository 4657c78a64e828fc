"""One store for all, a proxy before it, and the random draws that a seed gives again."""

import os
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from include.local.ports import LOOPBACK
from include.local.settings_file import Connection
from include.local.storage import create_buckets
from tests.faults.checker import LAYOUT, list_unfinished_uploads
from tests.faults.proxy import FaultProxy
from tests.integration.own_store import OwnStore, run_own_store

#: `FULL=1 make test-faults` takes its time.
IS_FULL = os.environ.get("FULL") == "1"
SEED = os.environ.get("SEED") or str(random.SystemRandom().randrange(1_000_000))
#: Short, so that a stall costs little; a busy machine answers within it nearly always.
TIMEOUT_SECONDS = 1.5
#: So many days go on at the same moment; most of their time is waiting.
LANES = 4


def pytest_report_header() -> str:
    return f"faults: SEED={SEED} FULL={int(IS_FULL)}"


def choose(small: int, full: int) -> int:
    """How often something is done."""
    return full if IS_FULL else small


@dataclass(frozen=True)
class Lane:
    """A proxy of one actor's own, and hooks through it by how often their client asks."""

    proxy: FaultProxy
    hooks: dict[int, Any]

    @property
    def hook(self) -> Any:
        """Asks once: whatever goes wrong reaches the stage."""
        return self.hooks[1]


@dataclass(frozen=True)
class World:
    """The store, its owner's hook that nothing disturbs, and ways to it that can be disturbed."""

    store: OwnStore
    hook: Any
    lanes: list[Lane]
    folder: Path

    @contextmanager
    def lane(self) -> Iterator[Lane]:
        """A way to the store that nobody else uses meanwhile."""
        lane = self.lanes.pop()
        try:
            yield lane
        finally:
            self.lanes.append(lane)

    def make_connection(self, proxy: FaultProxy, tries: int = 1) -> Connection:
        """An impatient connection through a proxy."""
        extra = self.store.owner.extra
        config = {
            **extra["config_kwargs"],
            "connect_timeout": TIMEOUT_SECONDS,
            "read_timeout": TIMEOUT_SECONDS,
            "retries": {"total_max_attempts": tries},
        }
        moved = {**extra, "endpoint_url": f"http://{LOOPBACK}:{proxy.port}", "config_kwargs": config}
        return replace(self.store.owner, extra=moved)

    def list_unfinished_uploads(self) -> list[str]:
        return list_unfinished_uploads(self.hook, [LAYOUT.raw_bucket, LAYOUT.curated_bucket])


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("faults")
    with run_own_store(folder / "store") as store, ExitStack() as running:
        world = World(store, store.hook(), [], folder)
        create_buckets(world.hook, LAYOUT)
        for _ in range(LANES):
            proxy = running.enter_context(FaultProxy(store.port).running())
            hooks = {tries: store.hook(world.make_connection(proxy, tries)) for tries in (1, 2)}
            world.lanes.append(Lane(proxy, hooks))
        yield world


def draw_for(name: str) -> random.Random:
    """Random draws of one case alone: the order of the cases changes nothing."""
    return random.Random(f"{SEED} {name}")  # noqa: S311 - it must come again


@pytest.fixture
def draw(request: pytest.FixtureRequest) -> random.Random:
    return draw_for(request.node.name)


Report = Callable[[str, int], None]
_counted: dict[str, int] = {}


@pytest.fixture(scope="session")
def report() -> Report:
    """Adds to a count that the summary shows."""

    def add(what: str, number: int) -> None:
        _counted[what] = _counted.get(what, 0) + number

    return add


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if _counted:
        terminalreporter.section(f"what was done (SEED={SEED})")
    for what, number in sorted(_counted.items()):
        terminalreporter.write_line(f"{number:>8,}  {what}")
