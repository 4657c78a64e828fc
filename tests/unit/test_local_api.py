"""The client of Airflow's REST API, with responses that are hard to provoke."""

import datetime as dt
import json

import httpx
import pytest

from include.local.api import AirflowApi
from include.local.errors import StackError
from include.local.settings_file import read_settings


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.local.api._RETRY_SECONDS", 0)


def make_api(*answers: httpx.Response, token_status: int = 201) -> tuple[AirflowApi, list[httpx.Request]]:
    """A client, and the list of its requests. The last response repeats."""
    left, asked = list(answers), []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/auth/token":
            return httpx.Response(token_status, json={"access_token": "ticket"})
        asked.append(request)
        return left.pop(0) if len(left) > 1 else left[0]

    transport = httpx.MockTransport(answer)
    return AirflowApi("http://127.0.0.1:8080", "admin", "secret", transport), asked


def test_client_logs_in_once() -> None:
    api, asked = make_api(httpx.Response(200, json={"variables": [{"key": "a", "value": "1"}]}))

    assert api.read_variables() == {"a": "1"}
    assert api.read_variables() == {"a": "1"}
    assert [request.headers["Authorization"] for request in asked] == ["Bearer ticket", "Bearer ticket"]


def test_server_errors_are_retried() -> None:
    api, asked = make_api(httpx.Response(500), httpx.Response(503), httpx.Response(200, json={}))

    api.unpause("ecommerce_etl")

    assert len(asked) == 3


def test_persistent_server_error_shows_the_response() -> None:
    api, asked = make_api(httpx.Response(500, text="database is locked"))

    with pytest.raises(StackError, match="PATCH /dags/ecommerce_etl with 500: database is locked"):
        api.unpause("ecommerce_etl")
    assert len(asked) == 10


def test_conflict_after_a_server_error_means_started() -> None:
    api, asked = make_api(httpx.Response(500), httpx.Response(409))

    api.trigger("ecommerce_etl", "local__1", {"day": "2026-11-21"})

    assert len(asked) == 2


def test_client_error_is_not_retried() -> None:
    api, asked = make_api(httpx.Response(403, text="no"))

    with pytest.raises(StackError, match="403: no"):
        api.read_variables()
    assert len(asked) == 1


def test_rejected_login_suggests_another_airflow() -> None:
    api, _ = make_api(httpx.Response(200), token_status=401)

    with pytest.raises(StackError, match="is it another Airflow"):
        api.read_variables()


def test_missing_dag_is_none() -> None:
    api, _ = make_api(httpx.Response(404))

    assert api.find_dag("ecommerce_etl") is None


def test_unfinished_runs_are_queued_or_running() -> None:
    api, asked = make_api(httpx.Response(200, json={"dag_runs": [{"dag_run_id": "local__1"}]}))

    assert api.find_unfinished_runs("ecommerce_etl") == ["local__1"]
    assert asked[0].url.params.get_list("state") == ["queued", "running"]


@pytest.mark.parametrize(
    ("missing", "status", "created"),
    [
        pytest.param(6, 200, 6, id="days are missing"),
        pytest.param(6, 409, 0, id="another backfill is under way"),
        pytest.param(0, 200, 0, id="nothing is missing"),
    ],
)
def test_backfill_is_created_only_for_missing_days(missing: int, status: int, created: int) -> None:
    api, asked = make_api(
        httpx.Response(200, json={"total_entries": missing}), httpx.Response(status, json={})
    )
    day = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)

    assert api.backfill("ecommerce_etl", day, day) == created
    assert len(asked) == (2 if missing else 1)


@pytest.mark.parametrize(
    ("answer", "is_healthy"),
    [
        pytest.param(dict.fromkeys(("scheduler", "triggerer", "dag_processor"), "healthy"), True, id="all"),
        pytest.param({"scheduler": "healthy", "triggerer": "healthy"}, False, id="one is missing"),
        pytest.param(
            {"scheduler": None, "triggerer": "healthy", "dag_processor": "healthy"}, False, id="one is ill"
        ),
    ],
)
def test_airflow_is_healthy_if_every_component_is(answer: dict[str, str], is_healthy: bool) -> None:
    body = {name: {"status": status} for name, status in ({"metadatabase": "healthy"} | answer).items()}
    api, _ = make_api(httpx.Response(200, json=body))

    assert api.is_healthy() is is_healthy


def test_existing_connection_gets_port_and_password_of_the_store() -> None:
    made: dict[str, dict[str, list[str]]] = {"create": {"errors": []}}
    kept = {"conn_type": "aws", "extra": '{"endpoint_url": "http://127.0.0.1:8333", "region_name": "eu-1"}'}
    api, asked = make_api(
        *(httpx.Response(200, json=made) for _ in range(3)),
        httpx.Response(200, json=kept),
        httpx.Response(200),
        httpx.Response(200),
    )

    api.create_missing(read_settings(s3_port=9000, store_password="of this checkout"))

    password = json.loads(asked.pop().content)
    assert password["password"] == "of this checkout"
    (variables,) = json.loads(asked[1].content)["actions"]
    assert variables["entities"][0] == {
        "key": "ecommerce_raw_bucket",
        "value": "ecommerce-raw",
        "description": "Bucket that producers deliver raw files to.",
    }
    change = json.loads(asked[-1].content)
    assert json.loads(change["extra"]) == {"endpoint_url": "http://127.0.0.1:9000", "region_name": "eu-1"}
    assert asked[-1].url.params["update_mask"] == "extra"
