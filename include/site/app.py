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
from starlette.exceptions import HTTPException as AnyHTTPException

from include.day import days_until
from include.errors import SettingError
from include.site.answers import (
    ASK_AGAIN,
    FOREVER,
    answer_object,
    answer_report,
    answer_text,
    headers,
    show_fault,
    show_misconfiguration,
    show_refusal,
    show_store_trouble,
)
from include.site.pages import STYLE, render_day, render_front, render_index, style_sheet
from include.site.store import Store
from include.site.summary import CONTENT_TYPES, report_page
from include.site.verdicts import judge_days

SHOWN_DAYS = 35
#: No part of it begins with a dot, so that none leads out of the folder of the pages.
RUN_PAGE = re.compile(
    r"runs/(?P<day>[\d-]{10})(/[A-Za-z0-9_-][A-Za-z0-9_.-]*){2}/(?P<name>[a-z]+\.(html|css))"
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
    site.add_exception_handler(AnyHTTPException, show_refusal)
    site.add_exception_handler(RequestValidationError, show_refusal)
    site.add_exception_handler(ClientError, show_store_trouble)
    site.add_exception_handler(BotoCoreError, show_store_trouble)
    site.add_exception_handler(SettingError, show_misconfiguration)
    site.add_exception_handler(Exception, show_fault)
    return site


def find_store(request: Request) -> Store:
    store: Store = request.app.state.open_store()
    return store


def find_today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


StoreOf = Annotated[Store, Depends(find_store)]
Today = Annotated[dt.date, Depends(find_today)]
DayOf = Annotated[dt.date, Path()]
MonthOf = Annotated[str, Path(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
READING = ("GET", "HEAD")
route = partial(router.api_route, methods=[*READING])


@route("/")
def show_front(request: Request, store: StoreOf, today: Today) -> Response:
    """The last weeks at a glance."""
    shown = days_until(today.isoformat(), SHOWN_DAYS)
    days = judge_days(
        shown,
        store.read_summaries(shown[0], shown[-1]),
        store.read_manifests(shown[0], shown[-1]),
        today=today.isoformat(),
        first_day=store.find_first_day(),
    )
    return answer_text(request, render_front(days, today.isoformat()))


@route(f"/{STYLE}")
def show_style(request: Request) -> Response:
    return answer_text(request, style_sheet(), CONTENT_TYPES["css"])


@route("/days/{day}")
def show_day(request: Request, store: StoreOf, today: Today, day: DayOf) -> Response:
    """One day, with every validation that it had."""
    name = day.isoformat()
    runs = store.read_summaries(name, name)
    (judged,) = judge_days(
        [name],
        runs,
        store.read_manifests(name, name),
        today=today.isoformat(),
        first_day=store.find_first_day(),
    )
    return answer_text(request, render_day(judged, runs[::-1]))


@route("/validations/{month}")
def show_index(request: Request, store: StoreOf, today: Today, month: MonthOf) -> Response:
    """All validations of the days of one month, the newest first."""
    first_day = store.find_first_day() or today.isoformat()
    runs = store.read_summaries(f"{month}-01", f"{month}-31")
    return answer_text(
        request, render_index(month, runs[::-1], first_month=first_day[:7], last_month=today.isoformat()[:7])
    )


@route("/manifests/{day}.json")
def show_manifest(request: Request, store: StoreOf, day: DayOf) -> Response:
    read = partial(store.open_manifest, day.isoformat())
    return answer_object(request, read, CONTENT_TYPES["json"], ASK_AGAIN)


@route("/docs/reports/{day}.html")
def show_report(request: Request, store: StoreOf, day: DayOf) -> Response:
    opened = store.open_page(report_page(day.isoformat()))
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
    return answer_object(request, partial(store.open_page, page), content_type, FOREVER)


@router.api_route("/{_:path}", methods=[*READING, "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def show_nothing(request: Request) -> Response:
    """Unknown addresses and methods are routes as well, so that they ask the guard."""
    raise HTTPException(404 if request.method in READING else 405)
