"""Small, complete examples of what stages exchange; tests override what they are about."""

import datetime as dt

from include.contract import DATASETS
from include.local.state import Record
from include.manifest import (
    Approval,
    ClosedGate,
    Counts,
    Fault,
    GateVerdict,
    Manifest,
    Quality,
    RowCounts,
    Validated,
)

NOW = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)
#: The result of a checkpoint that found nothing.
GREEN: Quality = {
    "success": True,
    "expectations": 1,
    "failed": [],
    "warnings": [],
    "skipped": [],
    "docs_key": "s3://docs/page.html",
}
OPEN: GateVerdict = {"is_open": True, "faults": [], "approval": None, "can_be_approved": False}
#: What a validation hands on that found nothing.
VALIDATED: Validated = {"quality": GREEN, "gate": OPEN}
_NO_ROWS: RowCounts = {"read": 0, "published": 0, "quarantined": 0, "duplicates": 0}
COUNTS: Counts = {
    "rows": {
        "orders": {"read": 100, "published": 93, "quarantined": 5, "duplicates": 2},
        "customers": {"read": 10, "published": 10, "quarantined": 0, "duplicates": 0},
        "products": {"read": 5, "published": 5, "quarantined": 0, "duplicates": 0},
    },
    "reasons": {"orders": {"unknown_customer": 5, "quantity_invalid": 0}, "customers": {}, "products": {}},
    "total_price": "1234.5600",
    "drift": {},
}
#: One order in ten was rejected.
FAULT: Fault = {
    "subject": "orders",
    "text": "orders: 10 of 100 rows were rejected (10.0%, allowed 5.0%): unknown_customer 10.",
    "ratio": 0.1,
    "reasons": {"unknown_customer": 10},
}
CLOSED: GateVerdict = {"is_open": False, "faults": [FAULT], "approval": None, "can_be_approved": True}
APPROVED: Approval = {
    "approved": True,
    "by": "admin",
    "at": "2026-11-21T08:00:00Z",
    "reason": "Known.",
    "faults": [FAULT["text"]],
    "details": [FAULT],
}
CLOSED_GATE: ClosedGate = {
    **COUNTS,
    "day": "2026-11-21",
    "run_id": "scheduled__2026-11-21",
    "success": False,
    "faults": [FAULT["text"]],
    "gate": CLOSED,
    "approval": None,
    "inputs": {},
    "quality": GREEN,
}
#: Whatever datasets the contract has.
MANIFEST: Manifest = {
    **COUNTS,
    "rows": dict.fromkeys(DATASETS, _NO_ROWS) | COUNTS["rows"],
    "reasons": {name: {} for name in DATASETS} | COUNTS["reasons"],
    "day": "2026-11-21",
    "run_id": "run 1",
    "code_version": "0",
    "started_at": "2026-11-21T00:00:00Z",
    "published_at": "2026-11-21T01:30:00Z",
    "inputs": {
        name: {"key": "s3://b/k", "snapshot_key": "", "etag": "e", "version_id": None, "bytes": 700}
        for name in DATASETS
    },
    "outputs": {
        name: {"key": "s3://b/k", "etag": "e", "version_id": None, "bytes": 700, "rows": 93}
        for name in DATASETS
    },
    "quality": GREEN,
    "approval": None,
    "correction": None,
}
#: A local stack as recorded by its supervisor.
RECORD = Record(
    pid=17,
    ui_port=8080,
    s3_port=8333,
    task_port=20_001,
    store_ports={"master.port": 20_002},
    owner_pid=None,
    started_at=1_795_500_000.5,
)
