"""Who is told when a day is in trouble, and in which words.

A message holds counts, keys and links; never a row, a value of a row, or personal data. `docs/runbook.md`
shows every message as it arrives.
"""

import html
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from include.config import CONNECTION_ID, SHORT_TIMEOUTS, Settings
from include.errors import (
    DayUnregisteredError,
    GateClosedError,
    PipelineError,
    RawFileError,
    RepairError,
    SettingError,
)

log = logging.getLogger(__name__)

#: The connection to the mail server; its extra `from_email` is the sender.
SMTP_CONNECTION_ID = "ecommerce_smtp"
RUNBOOK = "docs/runbook.md"
#: SNS takes no longer subject.
_SUBJECT_CHARACTERS = 100
_REASON_CHARACTERS = 2000


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One message. The subject is one line; the text is plain."""

    subject: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A run that failed for good.

    Parameters
    ----------
    day: the delivery day, or the run's id where the day itself is what is wrong.
    log_url: the log of the task in Airflow's UI.
    error: None when the task's process was killed and so left no error.
    """

    day: str
    run_id: str
    task_id: str
    try_number: int
    log_url: str
    error: BaseException | None


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """A kind of failure: what happened, and what to do. `section` is its heading in the runbook.

    `reason` stands in place of what the error says, where that is of no help. `is_published` where the run
    had published the day before it failed.
    """

    what: str
    section: str
    remedy: str
    reason: str = ""
    is_published: bool = False


GATE_CLOSED = Trouble(
    what="the gate is closed",
    section="The gate is closed",
    remedy="Have the raw files corrected, then clear the run from extract on.",
)
RAW_FILE_UNUSABLE = Trouble(
    what="a raw file cannot be used",
    section="A raw file cannot be used",
    remedy="Have the file delivered again, then clear the run from extract on.",
)
REPAIR_UNUSABLE = Trouble(
    what="a file of repaired rows cannot be used",
    section="Repair refused rows",
    remedy="Correct the file or delete it, then clear the run from extract on.",
)
FILES_NEVER_CAME = Trouble(
    what="its raw files did not come",
    section="Raw files did not come",
    remedy="Ask the producers. When the files are there, clear wait_for_raw_files with what follows.",
    reason="Not all raw files came while wait_for_raw_files waited for them.",
)
SETTING_WRONG = Trouble(
    what="a setting is wrong",
    section="A setting is wrong",
    remedy="Correct it, then clear the task with what follows.",
)
NOT_IN_GLUE = Trouble(
    what="not in the Glue table",
    section="A day is not in the Glue table",
    remedy="When Glue takes it, clear publish: it publishes the same day once more and registers it.",
    is_published=True,
)
#: By what the pipeline raised.
#: A repair that cannot be used is an unusable raw file too, so it stands before it.
TROUBLES = {
    GateClosedError: GATE_CLOSED,
    RepairError: REPAIR_UNUSABLE,
    RawFileError: RAW_FILE_UNUSABLE,
    SettingError: SETTING_WRONG,
    DayUnregisteredError: NOT_IN_GLUE,
}


def name_trouble(failure: Failure) -> Trouble:
    """Which kind of failure it is."""
    cause = find_cause(failure.error)
    for kind, trouble in TROUBLES.items():
        if isinstance(cause, kind):
            return trouble
    if failure.task_id == "wait_for_raw_files" and type(failure.error).__name__ == "AirflowSensorTimeout":
        return FILES_NEVER_CAME
    return Trouble(
        what=f"{failure.task_id} failed",
        section="A task failed",
        remedy="Read the log. When the cause is gone, clear the task with what follows.",
    )


def find_cause(error: BaseException | None) -> BaseException | None:
    """What the pipeline raised on purpose, below what ended the task; or else the error itself."""
    return error.__cause__ if error and isinstance(error.__cause__, PipelineError) else error


def describe_failure(failure: Failure) -> Alert:
    """The message for a run that failed."""
    trouble = name_trouble(failure)
    site = f"{failure.log_url.partition('/dags/')[0]}/quality"
    state, result = describe_result(failure.day, trouble)
    return Alert(
        subject=make_subject(failure.day, f"{state}, {trouble.what}"),
        text=compose_text(failure, trouble, result, f"Data Docs: {site}/days/{failure.day}"),
    )


def describe_result(day: str, trouble: Trouble) -> tuple[str, str]:
    """What the failure left of the day: in the subject, and in sentences."""
    if trouble.is_published:
        return (
            "published",
            f"{day} was published, but is {trouble.what}.\nIts manifest and its tables are complete.",
        )
    return "not published", (
        f"{day} was not published: {trouble.what}.\n"
        "What was published of this day before, if anything, stays as it is."
    )


def describe_maintenance_failure(dag_id: str, failure: Failure) -> Alert:
    """The message for a DAG beside the pipeline, whose runs process no delivery day."""
    trouble = Trouble(
        what=f"{failure.task_id} failed",
        section="A helper fails",
        remedy="Mend what the message or the log names. The next run makes up for what this one left.",
    )
    return Alert(
        subject=make_subject(dag_id.removeprefix("ecommerce_"), trouble.what),
        text=compose_text(
            failure,
            trouble,
            f"A run of {dag_id} failed for good: {trouble.what}.\n"
            "No published day is changed. While it fails it is told once a day, not at each run.",
        ),
    )


def compose_text(failure: Failure, trouble: Trouble, result: str, *links: str) -> str:
    """What a failure left, why, where to look, and what to do."""
    return "\n".join(
        [
            result,
            "",
            *list_reasons(failure, trouble),
            "",
            f"Task: {failure.task_id}, try {failure.try_number}, of run {failure.run_id}",
            f"Log: {failure.log_url}",
            *links,
            "",
            describe_remedy(trouble.remedy, trouble.section),
        ]
    )


def make_subject(day: str, what: str) -> str:
    """One line, short enough for every channel. In place of the day may stand a DAG."""
    return " ".join(f"ecommerce {day}: {what}".split())[:_SUBJECT_CHARACTERS]


def describe_remedy(remedy: str, section: str) -> str:
    return f'What to do: {remedy}\nMore: {RUNBOOK}, "{section}"'


def list_reasons(failure: Failure, trouble: Trouble) -> list[str]:
    """Why the run failed: the faults of a closed gate, or the message of the error."""
    cause = find_cause(failure.error)
    if isinstance(cause, GateClosedError):
        reasons = cause.closed["faults"]
    else:
        reasons = [trouble.reason or describe_error(cause)]
    return [reason[:_REASON_CHARACTERS] for reason in reasons]


def describe_error(error: BaseException | None) -> str:
    """What an error says, where it can quote no row: messages of other libraries may."""
    cause = find_cause(error)
    if cause is None:
        return "The task's process was killed before it could say why."
    kind = type(cause)
    if isinstance(cause, PipelineError) or kind.__name__ == "AirflowFailException":
        return str(cause)
    if isinstance(cause, OSError) or kind.__module__.partition(".")[0] in {"airflow", "botocore"}:
        return f"{kind.__name__}: {cause}"
    return f"{kind.__name__}. Its message stands in the log only, since it may quote data."


def send_alert(alert: Alert) -> bool:
    """Send through every channel that is set; with none, or when all fail, the log holds the message.

    Returns whether somebody was told: False only when channels are set and none worked.
    """
    sent = [_deliver(name, send, alert) for name, send in find_channels().items()]
    if not any(sent):
        log.error("%s\n%s", alert.subject, alert.text)
    return any(sent) or not sent


def find_channels() -> dict[str, Callable[[Alert], None]]:
    """The channels that the settings name, each with what sends through it."""
    channels: dict[str, Callable[[Alert], None]] = {}
    settings = Settings.from_variables()
    if topic := settings.alert_topic_arn:
        channels[f"the topic {topic}"] = partial(publish_to_topic, topic)
    if addresses := settings.alert_email:
        channels[f"mail, connection {SMTP_CONNECTION_ID}"] = partial(send_mail, addresses)
    return channels


def _deliver(name: str, send: Callable[[Alert], None], alert: Alert) -> bool:
    try:
        send(alert)
    except Exception:
        log.exception("The alert %r was not sent through %s", alert.subject, name)
        return False
    log.info("Sent the alert %r through %s", alert.subject, name)
    return True


def publish_to_topic(topic_arn: str, alert: Alert) -> None:
    from airflow.providers.amazon.aws.hooks.sns import SnsHook
    from botocore.config import Config

    # SNS takes ASCII only as a subject.
    subject = alert.subject.encode("ascii", "replace").decode()
    hook = SnsHook(aws_conn_id=CONNECTION_ID, config=Config(**SHORT_TIMEOUTS))  # type: ignore[no-untyped-call]  # has no types
    hook.publish_to_target(topic_arn, alert.text, subject=subject)


def send_mail(addresses: str, alert: Alert) -> None:
    """Through the hook, not the notifier: that would take braces in a message for a template."""
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    with SmtpHook(smtp_conn_id=SMTP_CONNECTION_ID) as hook:
        hook.send_email_smtp(to=addresses, subject=alert.subject, html_content=make_html(alert.text))


def make_html(text: str) -> str:
    """The text with its line breaks, and links that can be clicked."""
    linked = re.sub(r"https?://[^\s<>]+", r'<a href="\g<0>">\g<0></a>', html.escape(text))
    return f'<pre style="font: inherit; white-space: pre-wrap">{linked}</pre>'
