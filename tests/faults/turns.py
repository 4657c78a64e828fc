"""Actors that take turns at each request to the store, in an order that a test gives.

An actor is a function that asks the store through a proxy of its own. Between two requests nothing of it can
be seen from outside, so the order of requests is all there is to an interleaving.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Condition, Thread

from tests.faults.conftest import Lane
from tests.faults.proxy import Plan, Request

_SECONDS = 60
#: Which actor goes on next, of those that wait at a request.
Choose = Callable[[list[int]], int]


@dataclass
class Actor:
    work: Callable[[], object]
    thread: Thread | None = None
    is_waiting: bool = False
    may_go: bool = False
    is_done: bool = False
    error: BaseException | None = None


@dataclass
class Turns:
    """The actors of one interleaving."""

    choose: Choose
    actors: list[Actor] = field(default_factory=list)
    order: list[int] = field(default_factory=list)
    _changed: Condition = field(default_factory=Condition)

    def play(self, lanes: list[Lane], works: list[Callable[[], object]]) -> list[BaseException | None]:
        """Let them run, one request at a time. Returns how each ended."""
        self.actors = [Actor(work) for work in works]
        with ExitStack() as following:
            for number, (actor, lane) in enumerate(zip(self.actors, lanes, strict=True)):
                following.enter_context(lane.proxy.following(_Turn(self, number)))
                actor.thread = Thread(target=self._perform, args=(actor,))
                actor.thread.start()
            for _ in self._ready():
                pass
            for actor in self.actors:
                assert actor.thread
                actor.thread.join(_SECONDS)
        return [actor.error for actor in self.actors]

    def _ready(self) -> Iterator[None]:
        """Once every actor waits or is done, let one of those that wait go on; until all are done."""
        while True:
            with self._changed:
                assert self._changed.wait_for(
                    lambda: all(actor.is_waiting or actor.is_done for actor in self.actors), _SECONDS
                ), "an actor neither asks nor ends"
                waiting = [number for number, actor in enumerate(self.actors) if actor.is_waiting]
                if not waiting:
                    return
                chosen = self.choose(waiting)
                self.order.append(chosen)
                self.actors[chosen].is_waiting, self.actors[chosen].may_go = False, True
                self._changed.notify_all()
            yield

    def _perform(self, actor: Actor) -> None:
        try:
            actor.work()
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            actor.error = error
        with self._changed:
            actor.is_done, actor.is_waiting = True, False
            self._changed.notify_all()

    def wait_for_turn(self, number: int) -> None:
        actor = self.actors[number]
        with self._changed:
            actor.is_waiting = True
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: actor.may_go, _SECONDS)
            actor.may_go = False


@dataclass(frozen=True)
class _Turn(Plan):
    turns: Turns
    number: int

    def before(self, _: Request) -> None:
        self.turns.wait_for_turn(self.number)


def switch_at(points: list[int], first: int) -> Choose:
    """Let one actor go on alone, and change to the other one after so many requests each."""
    left = list(points)
    current = first
    gone = 0

    def choose(waiting: list[int]) -> int:
        nonlocal current, gone
        if current not in waiting:
            current, gone = waiting[0], 0
        elif left and gone >= left[0]:
            left.pop(0)
            current, gone = next((number for number in waiting if number != current), current), 0
        gone += 1
        return current

    return choose
