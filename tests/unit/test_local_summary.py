"""What `make run` prints of a day."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from include.local.outputs import describe_reasons, print_day
from include.site.days import Day, Verdict, explain_day
from tests.records import COUNTS, MANIFEST

DAY = Day(day="2026-11-21", verdict=Verdict.PUBLISHED, manifest={**MANIFEST, **COUNTS})
PUBLISHED = f"""\
2026-11-21            published
                      {explain_day(DAY)[0]}
file       read  published  rejected  duplicates  reasons
orders      100         93         5           2  unknown_customer 5
customers    10         10         0           0
products      5          5         0           0
total price           1234.5600
quality               1 of 1 expectations met
outputs               /output/2026-11-21
to read in a browser  file:///output/2026-11-21/docs/index.html
the day on the site   http://127.0.0.1:8080/quality/days/2026-11-21
"""


def print_to_text(day: Day, folder: Path | None = None, site_url: str = "") -> str:
    file = io.StringIO()
    print_day(Console(width=100, file=file), day, folder, site_url)
    lines = file.getvalue().replace("\N{NO-BREAK SPACE}", " ").splitlines()
    return "".join(f"{line.rstrip()}\n" for line in lines)


def test_published_day_is_summarised() -> None:
    assert print_to_text(DAY, Path("/output/2026-11-21"), "http://127.0.0.1:8080") == PUBLISHED


def test_day_without_counts_is_summarised_by_its_cause() -> None:
    day = Day(day="2026-11-21", verdict=Verdict.MISSING, missing_files=["s3://raw/orders.csv"])

    assert print_to_text(day) == (
        "2026-11-21            missing\n                      Not arrived: s3://raw/orders.csv\n"
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
