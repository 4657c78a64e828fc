"""The plugin as Airflow loads it: in every component, so cheap, and guarded."""

import json
import subprocess
import sys

from fastapi import FastAPI
from fastapi.routing import APIRoute

from tests.project_files import PROJECT

IMPORT = """
import json, sys
import airflow.plugins_manager
before = set(sys.modules)
import plugins.quality_site
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def test_loading_the_plugin_imports_nothing_else() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout.splitlines()[-1]) == ["plugins", "plugins.quality_site"]


def test_airflow_finds_the_plugin_and_its_views() -> None:
    from airflow.plugins_manager import is_valid_plugin  # type: ignore[attr-defined]  # from a part of it

    from plugins.quality_site import QualitySitePlugin

    assert is_valid_plugin(QualitySitePlugin)
    assert {view["destination"] for view in QualitySitePlugin.external_views} == {"nav", "dag"}
    assert all(view["href"] == "quality/" for view in QualitySitePlugin.external_views)
    assert [app["url_prefix"] for app in QualitySitePlugin.fastapi_apps] == ["/quality"]


def test_every_route_asks_airflow_for_the_right_to_see_plugins() -> None:
    from plugins.quality_site import build_site

    site = build_site()
    assert isinstance(site, FastAPI)
    routes = [route for route in site.routes if isinstance(route, APIRoute)]
    assert len(routes) == len(site.routes) >= 8
    for route in routes:
        guard = route.dependant.dependencies[0].call
        assert guard
        assert (guard.__module__, guard.__qualname__) == (
            "airflow.api_fastapi.core_api.security",
            "requires_access_view.<locals>.inner",
        )
