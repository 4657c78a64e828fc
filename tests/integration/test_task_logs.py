"""The logs of a day, as a person reads them in the UI."""

from include import keys
from include.local.dag_run import DAG_ID, trigger_day
from tests.integration.conftest import LAYOUT, Pipeline
from tests.raw_files import make_orders


def test_logs_name_each_step_without_noise_or_values(pipeline: Pipeline, day: str) -> None:
    pipeline.deliver(day, make_orders(100, faulty=2))
    run_id = trigger_day(pipeline.api, day)
    assert pipeline.wait(run_id) == "success"

    logs = {
        task: [str(event["event"]) for event in pipeline.api.read_task_log(DAG_ID, run_id, task, 1)]
        for task in ("wait_for_raw_files", "extract", "transform", "validate", "publish")
    }

    assert any(line.startswith(f"Copied {keys.raw(LAYOUT, day, 'orders')} to ") for line in logs["extract"])
    counts = "orders: 102 read, 100 published, 2 rejected, 0 duplicates"
    assert f"{counts} (quantity_not_positive 2, unknown_customer 2)" in logs["transform"]
    assert any(line.startswith("Checked 100 rows against ") for line in logs["validate"])
    assert f"Published {day}: 100 orders, total price 1998.00" in logs["publish"]
    everything = "\n".join(line for lines in logs.values() for line in lines)
    assert [
        word for word in ("ann@example.com", "credentials", "Returned value was") if word in everything
    ] == []


def test_every_task_explains_itself_in_the_ui(pipeline: Pipeline) -> None:
    for dag_id in (DAG_ID, "ecommerce_watchdog"):
        assert [task["task_id"] for task in pipeline.api.read_tasks(dag_id) if not task["doc_md"]] == []
