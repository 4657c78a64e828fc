"""Airflow's REST API, as far as the local stack needs it."""

import json
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx

from include.local.errors import StackError
from include.local.ports import ANSWER_SECONDS
from include.local.settings_file import Connection, LocalSettings, is_on_this_machine, move_endpoint

#: SQLite rejects a write while another component writes; a later request succeeds.
_TRIES = 10
_RETRY_SECONDS = 1.0
_COMPONENTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")

Json = dict[str, Any]


class AirflowApi:
    """A client with the login of one user. It logs in on first use."""

    def __init__(
        self, url: str, user: str, password: str, transport: httpx.BaseTransport | None = None
    ) -> None:
        # Requests to the loopback address must not go through the user's proxy.
        self._client = httpx.Client(
            base_url=url, timeout=ANSWER_SECONDS, trust_env=False, transport=transport
        )
        self._login = {"username": user, "password": password}

    def is_healthy(self) -> bool:
        """Whether the API server answers and every component is alive."""
        try:
            health = self._client.get("/api/v2/monitor/health").json()
        except (httpx.TransportError, ValueError):
            return False
        return all((health.get(part) or {}).get("status") == "healthy" for part in _COMPONENTS)

    def create_missing(self, settings: LocalSettings) -> None:
        """Create the connections, Variables and pools that Airflow does not have yet.

        Existing ones stay as they are, except the port and password of a store on this machine.
        """
        self._create("connections", [_connection_body(connection) for connection in settings.connections])
        self._create("variables", [*settings.variables])
        self._create("pools", [*settings.pools])
        self._update_store(settings.store)

    def read_variables(self) -> dict[str, str]:
        """All Variables as text."""
        found = self._get("/variables", limit=100)["variables"]
        return {entry["key"]: entry["value"] for entry in found}

    def find_dag(self, dag_id: str) -> Json | None:
        """The DAG as the API shows it, or None while it has not been parsed."""
        answer = self._request("GET", f"/dags/{dag_id}/details", accepted=(404,))
        return None if answer.status_code == httpx.codes.NOT_FOUND else answer.json()

    def read_import_errors(self) -> list[Json]:
        errors: list[Json] = self._get("/importErrors")["import_errors"]
        return errors

    def unpause(self, dag_id: str) -> None:
        self._request("PATCH", f"/dags/{dag_id}", json={"is_paused": False})

    def trigger(self, dag_id: str, run_id: str, conf: Json) -> None:
        """Start a run without a logical date, so that a day can run any number of times."""
        body = {"dag_run_id": run_id, "logical_date": None, "conf": conf}
        # The id is new: a conflict means that an earlier try of this request succeeded.
        self._request("POST", f"/dags/{dag_id}/dagRuns", json=body, accepted=(409,))

    def read_run(self, dag_id: str, run_id: str) -> Json:
        return self._get(f"/dags/{dag_id}/dagRuns/{run_id}")

    def list_runs(self, dag_id: str, *states: str) -> list[Json]:
        """The latest hundred runs, in any of the given states, newest first."""
        wanted = {"state": states, "order_by": "-id", "limit": 100}
        runs: list[Json] = self._get(f"/dags/{dag_id}/dagRuns", **wanted)["dag_runs"]
        return runs

    def find_unfinished_runs(self, dag_id: str) -> list[str]:
        """The ids of queued and running runs."""
        return [run["dag_run_id"] for run in self.list_runs(dag_id, "queued", "running")]

    def fail_run(self, dag_id: str, run_id: str) -> None:
        """Mark a run as failed, which stops its running tasks."""
        self._request("PATCH", f"/dags/{dag_id}/dagRuns/{run_id}", json={"state": "failed"})

    def change_extra(self, connection_id: str, change: Callable[[Json], Json]) -> Json:
        """Change the extra of a connection and nothing else. Returns the previous extra."""
        path = f"/connections/{connection_id}"
        kept = self._get(path)
        extra: Json = json.loads(kept["extra"] or "{}")
        if (wanted := change(extra)) != extra:
            body = {"connection_id": connection_id, "conn_type": kept["conn_type"]}
            changed = body | {"extra": json.dumps(wanted)}
            self._request("PATCH", path, json=changed, params={"update_mask": "extra"})
        return extra

    def read_tasks(self, dag_id: str) -> list[Json]:
        tasks: list[Json] = self._get(f"/dags/{dag_id}/tasks")["tasks"]
        return tasks

    def read_task_instances(self, dag_id: str, run_id: str) -> list[Json]:
        instances: list[Json] = self._get(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return instances

    def read_task_log(self, dag_id: str, run_id: str, task_id: str, try_number: int) -> list[Json]:
        """The events of one try of a task, oldest first."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        events: list[Json] = self._get(path, full_content=True)["content"]
        return events

    def backfill(self, dag_id: str, first: datetime, last: datetime, max_active_runs: int = 2) -> int:
        """Create the missing runs between two logical dates. Returns how many were missing.

        Returns 0 if another backfill is running: a DAG can have only one. Days that wait for their files
        count as active runs.
        """
        dates = {"from_date": first.isoformat(), "to_date": last.isoformat()}
        body = {"dag_id": dag_id, "reprocess_behavior": "none", "max_active_runs": max_active_runs} | dates
        missing = int(self._request("POST", "/backfills/dry_run", json=body).json()["total_entries"])
        if not missing:
            return 0
        answer = self._request("POST", "/backfills", json=body, accepted=(409,))
        return 0 if answer.status_code == httpx.codes.CONFLICT else missing

    def _create(self, what: str, entities: list[Json]) -> None:
        action = {"action": "create", "action_on_existence": "skip", "entities": entities}
        answer = self._request("PATCH", f"/{what}", json={"actions": [action]}).json()
        if errors := answer["create"]["errors"]:
            raise StackError(f"Airflow rejected {what} of airflow_settings.yaml: {errors}")

    def _update_store(self, store: Connection) -> None:
        port = int(store.extra["endpoint_url"].rpartition(":")[2])
        before = self.change_extra(store.conn_id, lambda extra: move_endpoint(extra, port))
        if is_on_this_machine(before):
            self._request(
                "PATCH",
                f"/connections/{store.conn_id}",
                json=_connection_body(store),
                params={"update_mask": ["login", "password"]},
            )

    def _get(self, path: str, **params: Any) -> Json:
        answer: Json = self._request("GET", path, params=params).json()
        return answer

    def _request(
        self, method: str, path: str, *, accepted: tuple[int, ...] = (), **arguments: Any
    ) -> httpx.Response:
        """Send a request; repeat it after server errors.

        Raises
        ------
        StackError: no response, or an error status that is not among `accepted`.
        """
        answer = self._send(method, path, **arguments)
        for _ in range(_TRIES - 1):
            if not answer.is_server_error:
                break
            time.sleep(_RETRY_SECONDS)
            answer = self._send(method, path, **arguments)
        if answer.is_error and answer.status_code not in accepted:
            raise StackError(
                f"Airflow rejected {method} {path} with {answer.status_code}: {answer.text[:500]}"
            )
        return answer

    def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        try:
            if "Authorization" not in self._client.headers:
                self._client.headers["Authorization"] = f"Bearer {self._fetch_token()}"
            return self._client.request(method, f"/api/v2{path}", **arguments)
        except httpx.TransportError as error:
            raise StackError(f"Airflow does not respond on {self._client.base_url}: {error!r}") from error

    def _fetch_token(self) -> str:
        answer = self._client.post("/auth/token", json=self._login)
        if answer.is_error:
            raise StackError(
                f"Airflow on {self._client.base_url} rejects this stack's login: is it another Airflow?"
            )
        return str(answer.json()["access_token"])


def _connection_body(connection: Connection) -> Json:
    return {
        "connection_id": connection.conn_id,
        "conn_type": connection.conn_type,
        "login": connection.login,
        "password": connection.password,
        "extra": json.dumps(connection.extra),
    }
