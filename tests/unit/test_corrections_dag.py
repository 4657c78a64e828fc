"""The wiring of the corrections DAG."""

import pytest


@pytest.fixture(scope="module")
def dag() -> object:
    from dags import ecommerce_corrections

    return ecommerce_corrections.DAG


def test_it_looks_every_hour_one_look_at_a_time(dag) -> None:  # type: ignore[no-untyped-def]  # an Airflow DAG
    assert (dag.timetable.expression, str(dag.timetable.timezone)) == ("20 * * * *", "UTC")
    assert (dag.catchup, dag.max_active_runs) == (False, 1)


def test_what_it_finds_is_run_again_once(dag) -> None:  # type: ignore[no-untyped-def]
    following = {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks}
    triggered = dag.get_task("run_again").partial_kwargs

    assert following == {
        "find_changes": ["name_unread_days", "run_again"],
        "name_unread_days": [],
        "run_again": [],
    }
    assert triggered["trigger_dag_id"] == "ecommerce_etl"
    assert triggered["skip_when_already_exists"]


def test_every_task_is_retried_bounded_in_time_and_explained(dag) -> None:  # type: ignore[no-untyped-def]
    for task in dag.tasks:
        assert (task.retries, bool(task.execution_timeout), bool(task.doc_md)) == (3, True, True), (
            task.task_id
        )
