"""API requests for what users do in the UI."""

from typing import Any

from include.local.api import AirflowApi, Json
from include.local.stack import Stack
from include.local.state import ADMIN


class OperatorApi(AirflowApi):
    """The API client with requests that only tests need."""

    @classmethod
    def of(cls, stack: Stack) -> "OperatorApi":
        return cls(stack.url, ADMIN, stack.password)

    def set_variable(self, name: str, text: str) -> None:
        self._request("PATCH", f"/variables/{name}", json={"key": name, "value": text})

    def create_connection(self, **fields: Any) -> None:
        self._request("POST", "/connections", json=fields)

    def read(self, path: str) -> Json:
        """Read a connection, a pool or a Variable by its path."""
        return self._get(path)

    def delete(self, path: str) -> None:
        """Delete a connection, a pool or a Variable by its path."""
        self._request("DELETE", path)

    def clear(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Clear a task and its downstream tasks."""
        body = {
            "dry_run": False,
            "dag_run_id": run_id,
            "task_ids": [task_id],
            "include_downstream": True,
            "only_failed": False,
            "reset_dag_runs": True,
        }
        self._request("POST", f"/dags/{dag_id}/clearTaskInstances", json=body)

    def read_question(self, dag_id: str, run_id: str, task_id: str) -> Json:
        """The form of a task that waits for a person."""
        return self._get(_form(dag_id, run_id, task_id))

    def answer(self, dag_id: str, run_id: str, task_id: str, option: str, **fields: str) -> None:
        """Choose an option of the form; `fields` are its inputs."""
        body = {"chosen_options": [option], "params_input": fields}
        self._request("PATCH", _form(dag_id, run_id, task_id), json=body)


def _form(dag_id: str, run_id: str, task_id: str) -> str:
    return f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/-1/hitlDetails"
