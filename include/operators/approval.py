"""The approval of a closed gate: the run waits in the Airflow UI until a person decides.

The DAG imports this module: nothing heavy at its top.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLOperator
from airflow.sdk import Param
from airflow.sdk.exceptions import TaskAwaitingInput
from typing_extensions import override

from include.config import Settings
from include.day import format_instant
from include.errors import StaleFormError
from include.manifest import Approval, Fault
from include.operators.context import translate_errors
from include.site.days import Day, explain_day, judge_run
from include.site.summary import summarise_run

if TYPE_CHECKING:
    from airflow.sdk import Context

APPROVE, REJECT = ApprovalOperator.APPROVE, ApprovalOperator.REJECT
#: The page of a day on the data-quality site, relative to the root of the Airflow UI.
DAY_PAGE = "plugin/data-quality/quality/days/{day}"
REASON = Param("", type="string", title="Reason", description="Recorded in the manifest or in gate.json.")


class GateApproval(HITLOperator):
    """Asks a person whether to publish despite a closed gate; returns at once if there is nothing to ask.

    Returns the Approval, or None if nobody was asked. No answer in time counts as a rejection.
    Unlike ApprovalOperator, it does not fail on a rejection: `publish` records the rejection in `gate.json`
    and fails.
    """

    template_fields = ("extracted", "transformed", "validated")

    def __init__(self, *, extracted: Any, transformed: Any, validated: Any, **kwargs: Any) -> None:
        super().__init__(
            subject="The gate is closed. Publish anyway?",
            options=[APPROVE, REJECT],
            defaults=REJECT,
            # A placeholder: the setting is read when the task runs. Without a value here, Airflow would use
            # the execution timeout.
            response_timeout=dt.timedelta(hours=Settings().gate_approval_hours),
            # Replaces the params of the run, which Airflow would add to the form.
            **{**kwargs, "params": {"reason": REASON}},
        )
        self.extracted = extracted
        self.transformed = transformed
        self.validated = validated

    @override
    def execute(self, context: "Context") -> Any:
        gate = self.validated["gate"]
        if not gate["can_be_approved"]:
            return gate["approval"]
        day = self.extracted["day"]
        self.subject = f"The gate is closed for {day}. Publish it anyway?"
        now = dt.datetime.now(dt.UTC)
        run = summarise_run(self.extracted, self.transformed, self.validated, now)
        self.body = describe_closed_gate(judge_run(run))
        with translate_errors():
            settings = Settings.from_variables(["gate_approval_hours"])
            self.response_timeout = dt.timedelta(hours=settings.gate_approval_hours)
            require_current_form(self, context, self.body)
        try:
            return super().execute(context)
        except TaskAwaitingInput as waiting:
            # The approval covers the faults on the form, even if validate runs again in the meantime.
            waiting.kwargs = {"faults": gate["faults"]}
            raise

    @override
    def execute_complete(
        self, context: "Context", event: dict[str, Any], faults: Sequence[Fault] = ()
    ) -> Approval:
        approval = record_answer(super().execute_complete(context, event), faults)
        self.log.info("The answer: %s", "approved" if approval["approved"] else "not approved")
        return approval


def require_current_form(task: HITLOperator, context: "Context", body: str) -> None:
    """Create the form, and check that Airflow shows it.

    Airflow 3.3 keeps the text of an existing form when its task is cleared, so a person would approve other
    faults than those shown. Remove this with https://github.com/apache/airflow/pull/73235.

    Raises
    ------
    StaleFormError: the form still has the text of an earlier try.
    """
    from airflow.sdk.execution_time.comms import CreateHITLDetailPayload
    from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS

    form = CreateHITLDetailPayload(
        ti_id=context["ti"].id,
        options=task.options,
        subject=task.subject,
        body=body,
        defaults=task.defaults,
        multiple=task.multiple,
        params=task.serialized_params,
        assigned_users=[],
    )
    shown = SUPERVISOR_COMMS.send(msg=form)
    if getattr(shown, "body", None) != body:
        raise StaleFormError(
            "This run asked about other faults before, and Airflow would show that form again. Nothing was "
            "published. Start a new run of the DAG with the param day to be asked about these:\n" + body
        )


def record_answer(answer: Mapping[str, Any], faults: Sequence[Fault]) -> Approval:
    """The answer as recorded in the manifest. It has no user if nobody answered in time."""
    user = answer["responded_by_user"]
    return {
        "approved": answer["chosen_options"] == [APPROVE] and user is not None,
        "by": (user["name"] or user["id"]) if user else None,
        "at": format_instant(answer["responded_at"]),
        "reason": str(answer["params_input"].get("reason") or "").strip(),
        "faults": [fault["text"] for fault in faults],
        "details": [*faults],
    }


def describe_closed_gate(day: Day) -> str:
    """The text of the form, in Markdown. It contains no value of any row."""
    return "\n".join(
        [
            f"#### {day.day}: {day.state}",
            *(f"- {sentence}" for sentence in explain_day(day)),
            "",
            *describe_reasons(day),
            f"[All details of this day]({DAY_PAGE.format(day=day.day)}), including its validation.",
            "",
            "**Approve** publishes the accepted rows; the rejected ones go to quarantine.",
            "**Reject** publishes nothing.",
        ]
    )


def describe_reasons(day: Day) -> list[str]:
    """A table of the reject reasons of all files, the most frequent first."""
    rows = [
        f"| {each.dataset} | {each.reason} | {each.rows:,} | {each.share:.2%} |"
        for each in day.ranked_reasons
    ]
    header = ["#### Rejected rows", "| file | reason | rows | share of the file |", "|---|---|---:|---:|"]
    return [*header, *rows, ""] if rows else []
