"""The data-quality site as a web application. Pages are made, or streamed from S3, when they are asked for.

Every route, the unknown ones too, asks the guard first: Airflow does not log in the callers of plugin apps.
"""

import datetime as dt
import re
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from botocore.exceptions import BotoCoreError, ClientError
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Path, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from pydantic import AfterValidator
from starlette.exceptions import HTTPException as AnyHTTPException

from include.day import days_until, list_month
from include.errors import SettingError
from include.site.answers import (
    ASK_AGAIN,
    answer_object,
    answer_report,
    answer_text,
    headers,
    show_bug,
    show_error,
    show_misconfiguration,
    show_store_trouble,
)
from include.site.business_page import render_business
from include.site.compare import render_comparison
from include.site.days import Day, judge_days
from include.site.pages import (
    STYLE,
    render_day,
    render_front,
    render_index,
    render_manifest,
    style_sheet,
)
from include.site.store import Store
from include.site.summary import CONTENT_TYPES, report_page
from include.site.trends import list_shown_and_earlier, render_trends

SHOWN_DAYS = 35
#: The longest search.
MAX_WORDS = 100
#: No part of it begins with a dot, so that none leads out of the folder of the pages.
RUN_PAGE = re.compile(
    r"runs/(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})(/[A-Za-z0-9_-][A-Za-z0-9_.-]*){2}/(?P<name>[a-z]+\.(html|css))"
)

router = APIRouter()


def create_site(guard: Callable[..., Any], open_store: Callable[[], Store]) -> FastAPI:
    """The application, to be mounted anywhere: all its links are relative.

    Parameters
    ----------
    guard
        A FastAPI dependency that lets a caller pass or raises an HTTPException.
    open_store
        Gives the store for one request.
    """
    site = FastAPI(dependencies=[Depends(guard)], docs_url=None, redoc_url=None, openapi_url=None)
    site.state.open_store = open_store
    site.include_router(router)
    site.add_exception_handler(AnyHTTPException, show_error)
    site.add_exception_handler(RequestValidationError, show_error)
    site.add_exception_handler(ClientError, show_store_trouble)
    site.add_exception_handler(BotoCoreError, show_store_trouble)
    site.add_exception_handler(SettingError, show_misconfiguration)
    site.add_exception_handler(Exception, show_bug)
    return site


def find_store(request: Request) -> Store:
    store: Store = request.app.state.open_store()
    return store


def find_today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


StoreOf = Annotated[Store, Depends(find_store)]
Today = Annotated[dt.date, Depends(find_today)]
#: Years with a margin on both sides, so that the neighbours of a day or month exist, too.
MONTH = "(19[7-9][0-9]|2[01][0-9]{2})-(0[1-9]|1[0-2])"


def require_day(day: str) -> str:
    """Raise a ValueError for days that no calendar has, such as 2026-02-30."""
    return dt.date.fromisoformat(day).isoformat()


DayOf = Annotated[str, Path(pattern=f"^{MONTH}-[0-3][0-9]$"), AfterValidator(require_day)]
MonthOf = Annotated[str, Path(pattern=f"^{MONTH}$")]
READING = ("GET", "HEAD")
route = partial(router.api_route, methods=[*READING])


def read_days(store: Store, days: list[str], today: dt.date) -> list[Day]:
    """Judge consecutive days. The raw files of the newest two are looked for if no run has reached them."""
    first, last = days[0], days[-1]
    runs, failures = store.read_summaries(first, last), store.read_failures(first, last)
    manifests = store.read_manifests(first, last)
    first_day = store.find_first_day()
    reached = {*manifests, *(run["day"] for run in runs), *(failure["day"] for failure in failures)}
    return judge_days(
        days,
        runs,
        failures,
        manifests,
        today=today.isoformat(),
        first_day=first_day,
        missing_files={
            day: missing
            for day in days[-2:]
            if first_day and day >= first_day and day not in reached
            if (missing := store.find_missing_files(day)) is not None
        },
    )


@route("/")
def show_front(request: Request, store: StoreOf, today: Today) -> Response:
    """The last weeks at a glance."""
    days = read_days(store, days_until(today.isoformat(), SHOWN_DAYS), today)
    return answer_text(request, render_front(days, today.isoformat()))


@route(f"/{STYLE}")
def show_style(request: Request) -> Response:
    return answer_text(request, style_sheet(), CONTENT_TYPES["css"])


@route("/days/{day}")
def show_day(request: Request, store: StoreOf, today: Today, day: DayOf) -> Response:
    """One day, with all its runs."""
    days = read_days(store, days_until(day, 8), today)
    runs, failures = store.read_summaries(day, day), store.read_failures(day, day)
    return answer_text(request, render_day(days[-1], runs[::-1], failures[::-1], week_before=days[0]))


@route("/business/{day}")
def show_business(request: Request, store: StoreOf, today: Today, day: DayOf) -> Response:
    """What was sold on a day, and in the weeks before it."""
    return answer_text(request, render_business(read_days(store, days_until(day, SHOWN_DAYS), today)))


@route("/trends/{day}")
def show_trends(request: Request, store: StoreOf, today: Today, day: DayOf) -> Response:
    """Each measure and expectation in the weeks until a day."""
    listed = list_shown_and_earlier(day, SHOWN_DAYS)
    failures = store.read_failures(listed[-SHOWN_DAYS], day)
    return answer_text(request, render_trends(read_days(store, listed, today), failures, today.isoformat()))


@route("/compare/{first}/{second}")
def show_comparison(request: Request, store: StoreOf, today: Today, first: DayOf, second: DayOf) -> Response:
    """Two days side by side."""
    ((one,), (two,)) = (read_days(store, [day], today) for day in (first, second))
    return answer_text(request, render_comparison(one, two))


@route("/validations/{month}")
def show_index(
    request: Request, store: StoreOf, today: Today, month: MonthOf, state: str = "", words: str = ""
) -> Response:
    """The days of one month and their validations, the newest first."""
    first_day = store.find_first_day() or today.isoformat()
    listed = [day for day in list_month(month) if day <= today.isoformat()]
    page = render_index(
        month,
        read_days(store, listed, today) if listed else [],
        store.read_summaries(f"{month}-01", f"{month}-31")[::-1],
        first_month=first_day[:7],
        last_month=today.isoformat()[:7],
        state=state,
        words=words[:MAX_WORDS],
    )
    return answer_text(request, page)


@route("/manifests/{day}.json")
def show_manifest_json(request: Request, store: StoreOf, day: DayOf) -> Response:
    return answer_object(request, partial(store.open_manifest, day), CONTENT_TYPES["json"])


@route("/manifests/{day}")
def show_manifest(request: Request, store: StoreOf, day: DayOf) -> Response:
    manifest = store.read_manifests(day, day).get(day)
    if manifest is None:
        raise HTTPException(404)
    return answer_text(request, render_manifest(manifest))


@route("/docs/reports/{day}.html")
def show_report(request: Request, store: StoreOf, day: DayOf) -> Response:
    opened = store.open_page(report_page(day))
    if opened is None:
        raise HTTPException(404)
    return answer_report(request, b"".join(opened.read()).decode())


@route("/docs/{page:path}")
def show_run_page(request: Request, store: StoreOf, page: str) -> Response:
    """A page of one validation; its index is for copies, the site has the page of the day instead."""
    found = RUN_PAGE.fullmatch(page)
    if found is None:
        raise HTTPException(404)
    if found["name"] == "index.html":
        return RedirectResponse(f"../../../../../days/{found['day']}", headers=headers(ASK_AGAIN))
    content_type = CONTENT_TYPES[page.rpartition(".")[2]]
    return answer_object(request, partial(store.open_page, page), content_type)


@router.api_route("/{_:path}", methods=[*READING, "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def show_nothing(request: Request) -> Response:
    """Unknown addresses and methods are routes as well, so that they ask the guard."""
    raise HTTPException(404 if request.method in READING else 405)
