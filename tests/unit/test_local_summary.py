"""What `make run` prints of a day."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from include.keys import Layout
from include.local.summary import describe_reasons, print_published, print_rejected
from tests.records import APPROVED, CLOSED_GATE, FAULT, GREEN, MANIFEST

FOLDER = Path("/output/2026-11-21")
ROWS = """\
file       read  published  quarantined  duplicates  reasons
orders      100         93            5           2  unknown_customer 5
customers    10         10            0           0
products      5          5            0           0
"""
COPY = """\
data docs             s3://docs/page.html
copy of all this      /output/2026-11-21
to read in a browser  file:///output/2026-11-21/docs/index.html
"""


def print_to_text(show: Any, *arguments: Any) -> str:
    console = Console(width=100, file=io.StringIO())
    show(console, *arguments)
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().replace("\N{NO-BREAK SPACE}", " ").splitlines()
    return "".join(f"{line.rstrip()}\n" for line in lines)


def test_published_day_is_summarised() -> None:
    quality = {**GREEN, "expectations": 40, "warnings": ["odd volume"], "skipped": ["a", "b"]}
    manifest = {**MANIFEST, "quality": quality, "approval": APPROVED}

    assert print_to_text(print_published, Layout(), manifest, FOLDER) == (
        ROWS
        + """\
total price           1234.5600
gate                  opened by approval: 37 of 40 expectations met, 2 had nothing to compare with
warning               odd volume
approved              at 2026-11-21T08:00:00Z by admin: Known.
orders                s3://b/k
customers             s3://b/k
products              s3://b/k
manifest              s3://ecommerce-curated/manifests/dt=2026-11-21.json
"""
        + COPY
    )
    assert "\ngate                  open: 1 of 1 expectations met\n" in print_to_text(
        print_published, Layout(), MANIFEST, FOLDER
    )


def test_rejected_day_is_summarised_with_its_faults() -> None:
    gate = {**CLOSED_GATE, "approval": {**APPROVED, "approved": False, "by": None, "reason": ""}}

    assert print_to_text(print_rejected, gate, FOLDER) == (
        ROWS
        + f"""\
total price           1234.5600
gate                  closed: 1 of 1 expectations met
                      {FAULT["text"]}
not approved          at 2026-11-21T08:00:00Z by nobody (timed out):
"""
        + COPY
    )


@pytest.mark.parametrize(
    ("reasons", "text"),
    [
        ({"order_id_missing": 0, "a": 7, "b": 1200}, "b 1,200, a 7"),
        (dict.fromkeys("abcdefg", 1), "a 1, b 1, c 1, d 1, e 1 and 2 more"),
    ],
)
def test_largest_reject_reasons_are_listed_first(reasons: dict[str, int], text: str) -> None:
    assert describe_reasons(reasons).replace("\N{NO-BREAK SPACE}", " ") == text
