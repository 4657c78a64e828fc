"""What a run leaves in S3 for the site: the pages and the summary of its validation, and the day's report."""

import datetime as dt
import json
import logging
from typing import TYPE_CHECKING

from include import keys
from include.day import format_instant
from include.quality.findings import Outcome, describe, find_config, find_outcome, name_expectation
from include.s3.objects import write_text
from include.site.business import Business
from include.site.days import Day, judge_days
from include.site.pages import STYLE, render_report, render_results, render_run, style_sheet
from include.site.store import Store
from include.site.summary import (
    CONTENT_TYPES,
    RunFailure,
    RunSummary,
    failure_page,
    report_page,
    summarise_run,
    summary_page,
)

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    from include.config import Settings
    from include.manifest import Extracted, Transformed, Validated
    from include.quality.checkpoint import Checked

log = logging.getLogger(__name__)


def publish_docs(
    hook: "S3Hook",
    settings: "Settings",
    extracted: "Extracted",
    transformed: "Transformed",
    validated: "Validated",
    checked: "Checked",
    validated_at: dt.datetime,
    business: Business | None = None,
) -> None:
    """Write the pages of one validation, then its summary: what the summary names exists."""
    summary = summarise_run(extracted, transformed, validated, validated_at)
    if business:
        summary["business"] = business
    folder = summary["folder"]
    pages = {
        **{f"{folder}/{name}": text for name, text in render_folder(summary, checked).items()},
        summary_page(summary["day"], summary["run_id"], validated_at): json.dumps(
            summary, ensure_ascii=False
        ),
    }
    write_pages(hook, settings.layout, pages)
    size = sum(len(text.encode()) for text in pages.values())
    docs_key = validated["quality"]["docs_key"]
    log.info("Wrote %s pages (%s bytes), among them %s", len(pages), f"{size:,}", docs_key)
    write_report(hook, settings.layout, summary["day"])


def record_failure(hook: "S3Hook", layout: keys.Layout, failure: RunFailure) -> Day:
    """Keep why a run failed, and show it in the report of its day. Returns the day as it is now."""
    failed_at = dt.datetime.fromisoformat(failure["failed_at"])
    page = failure_page(failure["day"], failure["run_id"], failed_at)
    write_pages(hook, layout, {page: json.dumps(failure, ensure_ascii=False)})
    return write_report(hook, layout, failure["day"])


def write_report(hook: "S3Hook", layout: keys.Layout, day: str) -> Day:
    """Write the report of a day, for people without Airflow. Returns the day that it shows."""
    judged = read_day(hook, layout, day)
    write_pages(hook, layout, {report_page(day): render_report(judged)})
    return judged


def read_day(hook: "S3Hook", layout: keys.Layout, day: str) -> Day:
    """A day that a run has reached, as its runs and its manifest are now."""
    store = Store(hook, layout)
    (judged,) = judge_days(
        [day],
        store.read_summaries(day, day),
        store.read_failures(day, day),
        store.read_manifests(day, day),
        today=format_instant(dt.datetime.now(dt.UTC))[:10],
        first_day=day,
    )
    return judged


def render_folder(summary: RunSummary, checked: "Checked") -> dict[str, str]:
    """The pages of a validation and their style, linked among themselves: a copy of them can be browsed."""
    from include.site.results import render_suite, render_validation

    trail = f"{summary['day']} / {summary['run_id']} / {summary['validated_at']}"
    validation = render_validation(checked.result)
    return {
        "index.html": render_run(summary, list_results(checked)),
        "validation.html": render_results("Validation", trail, validation, summary=summary, has_filter=True),
        "suite.html": render_results("Expectation suite", checked.suite.name, render_suite(checked.suite)),
        STYLE: style_sheet(),
    }


def list_results(checked: "Checked") -> list[tuple[str, Outcome, str]]:
    """Each expectation by name, how it ended, and what was found if it was not met."""
    return [
        (name_expectation(find_config(result)), find_outcome(result), describe(result))
        for result in checked.result.results
    ]


def write_pages(hook: "S3Hook", layout: keys.Layout, pages: dict[str, str]) -> None:
    """Store the pages, in the order given."""
    for page, text in pages.items():
        write_text(hook, text, keys.docs(layout, page), CONTENT_TYPES[page.rpartition(".")[2]])
