"""Test doubles that several tests share."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Task:
    """A task that has been running for ten seconds after earlier tasks."""

    dag_id: str = "ecommerce_etl"
    run_id: str = "run 1"
    task_id: str = "publish"
    start_date: dt.datetime = field(
        default_factory=lambda: dt.datetime.now(dt.UTC) - dt.timedelta(seconds=10)
    )

    def get_task_breadcrumbs(self, dag_id: str, run_id: str) -> Iterable[Mapping[str, Any]]:
        assert (dag_id, run_id) == (self.dag_id, self.run_id)
        yield {"task_id": "wait_for_raw_files", "duration": 40_000.0}
        yield {"task_id": "extract", "duration": 2.5}
        yield {"task_id": "transform", "duration": 30.0}
        yield {"task_id": "validate", "duration": None}
