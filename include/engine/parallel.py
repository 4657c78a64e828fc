"""Work on several items at once, in order, with few of them in memory."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Arrow and numpy release the interpreter lock, so threads share the cores.
WORKERS = min(os.cpu_count() or 1, 4)


def map_in_order(
    pool: ThreadPoolExecutor, work: Callable[[Item], Result], items: Iterable[Item]
) -> Iterator[Result]:
    """The result for each item, in the order of the items; a few are under way, however many there are."""
    under_way: deque[Future[Result]] = deque()
    for item in items:
        under_way.append(pool.submit(work, item))
        if len(under_way) > WORKERS + 1:
            yield under_way.popleft().result()
    while under_way:
        yield under_way.popleft().result()
