"""The gate with a person in it: a red gate waits in the Airflow UI until somebody decides.

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
from include.manifest import Approval, Counts, Quality
from include.operators.context import translate_errors
from include.publishing.gate import find_gate_faults

if TYPE_CHECKING:
    from airflow.sdk import Context

APPROVE, REJECT = ApprovalOperator.APPROVE, ApprovalOperator.REJECT
#: The page of a day on the data-quality site, relative to the root of the Airflow UI.
DAY_PAGE = "plugin/data-quality/quality/days/{day}"
REASON = Param("", type="string", title="Reason", description="Why; the manifest or gate.json keeps it.")


class GateApproval(HITLOperator):
    """Asks a person about a red gate, where the setting wants it; anything else passes at once.

    Not an ApprovalOperator: a rejection is an answer, which `publish` puts into the gate's usual words and
    records, while that operator would skip `publish` or fail in its place. Returns an Approval, or None
    where nobody was asked. No answer in time counts as a rejection by nobody.
    """

    template_fields = ("extracted", "transformed", "quality")

    def __init__(self, *, extracted: Any, transformed: Any, quality: Any, **kwargs: Any) -> None:
        super().__init__(
            subject="The gate is closed. Publish all the same?",
            options=[APPROVE, REJECT],
            defaults=REJECT,
            # Stands for the setting, which is read when the task runs; without any, the bound on the task's
            # own work would be taken for it.
            response_timeout=dt.timedelta(hours=Settings().gate_approval_hours),
            # In place of what Airflow merged in: the run's own params are none of this form's fields.
            **{**kwargs, "params": {"reason": REASON}},
        )
        self.extracted = extracted
        self.transformed = transformed
        self.quality = quality

    @override
    def execute(self, context: "Context") -> None:
        counts, quality = self.transformed["counts"], self.quality
        with translate_errors():
            settings = Settings.from_variables()
            faults = find_gate_faults(counts, quality, settings.max_reject_ratio)
            if not faults or not settings.gate_approval:
                return
            self.response_timeout = dt.timedelta(hours=settings.gate_approval_hours)
        day = self.extracted["day"]
        self.subject = f"The gate is closed for {day}. Publish it all the same?"
        self.body = describe_closed_gate(day, counts, quality, faults)
        with translate_errors():
            require_shown(self, context, self.body)
        try:
            super().execute(context)
        except TaskAwaitingInput as waiting:
            # What is accepted is what was shown, whatever becomes of the settings meanwhile.
            waiting.kwargs = {"faults": faults}
            raise

    @override
    def execute_complete(
        self, context: "Context", event: dict[str, Any], faults: Sequence[str] = ()
    ) -> Approval:
        approval = record_answer(super().execute_complete(context, event), faults)
        self.log.info("The answer: %s", "approved" if approval["approved"] else "not approved")
        return approval


def require_shown(task: HITLOperator, context: "Context", body: str) -> None:
    """Write the form, and see that it is what people are shown.

    Airflow 3.3 keeps the text of a form when its task is cleared, so that somebody would accept other
    faults than they read about. To be removed with https://github.com/apache/airflow/pull/73235.

    Raises
    ------
    StaleFormError: the form still says what an earlier try asked.
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
            "This run has asked about other faults before, and Airflow would show that form again. Nothing "
            "was published. Start a new run of the DAG with the param day: it asks about these.\n" + body
        )


def record_answer(answer: Mapping[str, Any], faults: Sequence[str]) -> Approval:
    """What the manifest keeps of an answer; no user means that the time ran out."""
    user = answer["responded_by_user"]
    return {
        "approved": answer["chosen_options"] == [APPROVE] and user is not None,
        "by": (user["name"] or user["id"]) if user else None,
        "at": format_instant(answer["responded_at"]),
        "reason": str(answer["params_input"].get("reason") or "").strip(),
        "faults": [*faults],
    }


def describe_closed_gate(day: str, counts: Counts, quality: Quality, faults: Sequence[str]) -> str:
    """The form's text in Markdown: all that a decision takes, and no value of any row."""
    return "\n".join(
        [
            *describe_list("Why the gate is closed", faults),
            *describe_list("Warnings", quality["warnings"]),
            *describe_reasons(counts),
            f"[All about this day]({DAY_PAGE.format(day=day)}), its validation among it.",
            "",
            "**Approve** publishes the good rows; the refused ones stay in quarantine.",
            "**Reject** publishes nothing.",
        ]
    )


def describe_list(title: str, entries: Sequence[str]) -> list[str]:
    return [f"#### {title}", *(f"- {entry}" for entry in entries), ""] if entries else []


def describe_reasons(counts: Counts) -> list[str]:
    """A table of the reasons that occurred, the most frequent of each file first."""
    rows = [
        f"| {dataset} | {reason} | {count:,} |"
        for dataset, reasons in counts["reasons"].items()
        for reason, count in sorted(reasons.items(), key=lambda item: -item[1])
        if count
    ]
    return ["#### Refused rows", "| file | reason | rows |", "|---|---|---:|", *rows, ""] if rows else []
