"""The data-quality site in the Airflow UI: an entry in the navigation, and a tab on the page of the DAG.

Every Airflow component loads this file, but only the API server needs the site: the first request builds it.
"""

from functools import cache
from threading import Lock
from typing import Any

from airflow.plugins_manager import AirflowPlugin

URL_PREFIX = "/quality"
#: How long settings and the connection are cached.
STORE_SECONDS = 60


class LazySite:
    """An ASGI application that builds the site on the first request."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        from starlette.concurrency import run_in_threadpool

        site = await run_in_threadpool(build_site)
        await site(scope, receive, send)


@cache
def build_site() -> Any:
    """The site, only for users with access to plugins."""
    from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
    from airflow.api_fastapi.core_api.security import requires_access_view
    from cachetools import TTLCache, cached

    from include.site.app import create_site

    recent = cached(TTLCache(maxsize=1, ttl=STORE_SECONDS), lock=Lock())
    return create_site(requires_access_view(AccessView.PLUGINS), recent(open_store))


def open_store() -> Any:
    from include.config import LAYOUT_NAMES
    from include.operators.context import connect
    from include.site.store import Store

    hook, settings = connect(LAYOUT_NAMES)
    return Store(hook, settings.layout)


APP = {"app": LazySite(), "url_prefix": URL_PREFIX, "name": "Data quality"}
#: Relative, so that it works behind a proxy that serves Airflow under a path.
VIEW = {"name": "Data quality", "href": f"{URL_PREFIX.strip('/')}/"}
VIEWS = [
    VIEW | {"destination": "nav", "url_route": "data-quality"},
    VIEW | {"destination": "dag", "url_route": "data-quality-of-dag"},
]


class QualitySitePlugin(AirflowPlugin):
    name = "quality_site"
    fastapi_apps = [APP]  # noqa: RUF012 - the base class declares it so
    external_views = VIEWS
