"""The service `settings` of compose.yaml brings a new Airflow what the DAG needs."""

import json
import os
import subprocess
import sys

from include.config import CONNECTION_ID
from include.local.state import PROJECT
from tests.integration.conftest import Pipeline

POOL, VARIABLE = "ecommerce_publish", "ecommerce_docs_prefix"


def test_missing_connections_and_pools_are_created(pipeline: Pipeline) -> None:
    api, store = pipeline.api, pipeline.stack.settings.store
    for path in (f"/connections/{CONNECTION_ID}", f"/pools/{POOL}", f"/variables/{VARIABLE}"):
        api.delete(path)
    # Another name of the same address, so that it is not the one of the settings file.
    store_url = pipeline.stack.endpoint_url.replace("127.0.0.1", "localhost")
    environment = {
        "AIRFLOW_URL": pipeline.stack.url,
        "ADMIN_PASSWORD": pipeline.stack.password,
        "STORE_URL": store_url,
        "STORE_ACCESS_KEY": store.login,
        "STORE_SECRET_KEY": store.password,
    }

    done = subprocess.run(
        [sys.executable, "-m", "include.local.compose", "settings"],
        env=os.environ | environment,
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("connections, Variables and pools, and the store its buckets.\n")
    connection = api.read(f"/connections/{CONNECTION_ID}")
    assert json.loads(connection["extra"])["endpoint_url"] == store_url
    assert connection["login"] == store.login
    assert api.read(f"/pools/{POOL}")["slots"] == 1
    assert api.read(f"/variables/{VARIABLE}")["value"] == "docs"
