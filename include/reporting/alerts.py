"""Alerts: one message for a run that failed after its last retry, sent by SNS and mail.

A message contains counts, keys and links; never a row, a value of a row, or personal data. `docs/runbook.md`
shows every message.
"""

import datetime as dt
import html
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from include.config import CONNECTION_ID, SHORT_TIMEOUTS, Settings
from include.day import format_instant
from include.errors import GateClosedError, PipelineError, RawFileError, RepairError, SettingError
from include.site import summary
from include.site.days import Day, explain_day, judge_failed_run

log = logging.getLogger(__name__)

#: The connection to the mail server; its extra `from_email` is the sender.
SMTP_CONNECTION_ID = "ecommerce_smtp"
RUNBOOK = "docs/runbook.md"
#: The longest subject that SNS accepts.
_SUBJECT_CHARACTERS = 100
_REASON_CHARACTERS = 2000


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One message. The subject is one line; the text is plain."""

    subject: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A task that failed after its last retry.

    Parameters
    ----------
    day: the delivery day, or the id of the run if the day itself is invalid.
    log_url: the log of the task in the Airflow UI.
    error: None if the process of the task was killed.
    """

    day: str
    run_id: str
    task_id: str
    try_number: int
    log_url: str
    error: BaseException | None


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A kind of failure and its remedy.

    Parameters
    ----------
    section: the heading in the runbook.
    kind: the kind in the records of the data-quality site.
    cause: replaces an unhelpful error message.
    """

    what: str
    section: str
    remedy: str
    kind: str = summary.OTHER
    cause: str = ""


#: By the error that ended the task. A RepairError is also a RawFileError, so it comes first.
PROBLEMS = {
    GateClosedError: Problem(
        what="the gate is closed",
        section="The gate is closed",
        remedy="Have the raw files corrected, then clear the run from extract on.",
        kind=summary.GATE,
    ),
    RepairError: Problem(
        what="a file of repaired rows cannot be used",
        section="Repair rejected rows",
        remedy="Correct the file or delete it, then clear the run from extract on.",
        kind=summary.UNREADABLE,
    ),
    RawFileError: Problem(
        what="a raw file cannot be used",
        section="A raw file cannot be used",
        remedy="Have the file delivered again, then clear the run from extract on.",
        kind=summary.UNREADABLE,
    ),
    SettingError: Problem(
        what="a setting is wrong",
        section="A setting is wrong",
        remedy="Correct it, then clear the task and everything after it.",
    ),
}
FILES_MISSING = Problem(
    what="its raw files did not arrive",
    section="Raw files did not arrive",
    remedy="Ask the producers. When the files are there, clear wait_for_raw_files and everything after it.",
    kind=summary.FILES_MISSING,
    cause="Not all raw files arrived while wait_for_raw_files waited for them.",
)


def find_problem(failure: Failure) -> Problem:
    cause = find_cause(failure.error)
    for kind, problem in PROBLEMS.items():
        if isinstance(cause, kind):
            return problem
    if failure.task_id == "wait_for_raw_files" and type(failure.error).__name__ == "AirflowSensorTimeout":
        return FILES_MISSING
    return Problem(
        what=f"{failure.task_id} failed",
        section="A task failed",
        remedy="Read the log. When the cause is fixed, clear the task and everything after it.",
    )


def find_cause(error: BaseException | None) -> BaseException | None:
    """The PipelineError behind an AirflowFailException, or the error itself."""
    return error.__cause__ if error and isinstance(error.__cause__, PipelineError) else error


def make_record(failure: Failure, failed_at: dt.datetime) -> summary.RunFailure:
    """The record of a failed run for the data-quality site."""
    problem = find_problem(failure)
    return {
        "day": failure.day,
        "run_id": failure.run_id,
        "task_id": failure.task_id,
        "failed_at": format_instant(failed_at),
        "kind": problem.kind,
        "causes": list_causes(failure, problem),
        "log_url": failure.log_url,
    }


def describe_failure(failure: Failure, day: Day | None = None) -> Alert:
    """The alert for a run that published nothing. `day` is None if the store cannot be read."""
    problem = find_problem(failure)
    record = make_record(failure, dt.datetime.now(dt.UTC))
    what = day.state if day and day.manifest else f"not published, {problem.what}"
    return Alert(
        subject=make_subject(failure.day, what),
        text=compose_text(
            failure,
            problem,
            describe_day(day or judge_failed_run(record), is_known=day is not None),
            link_day(failure),
        ),
    )


def describe_day(day: Day, *, is_known: bool) -> str:
    """The state of the day, and the explanations on its page except the causes."""
    causes = day.attempt.causes if day.attempt else ()
    others = [sentence for sentence in explain_day(day) if sentence not in causes]
    if not is_known:
        others.append("An earlier publication of the day, if there is one, is unchanged.")
    return "\n".join([f"{day.day}: {day.state}. This run published nothing.", *others])


def describe_reporting_failure(failure: Failure, consequence: str) -> Alert:
    """The alert for a published day that could not be reported to another system."""
    problem = Problem(
        what=consequence,
        section="A published day was not reported",
        remedy="Fix the cause, then clear publish: it publishes the same day again and reports it.",
    )
    return Alert(
        subject=make_subject(failure.day, f"published, but {consequence}"),
        text=compose_text(
            failure,
            problem,
            f"{failure.day} was published, but {consequence}.\nIts tables and its manifest are complete.",
            link_day(failure),
        ),
    )


def describe_maintenance_failure(dag_id: str, failure: Failure) -> Alert:
    """The alert for a failed run of a DAG other than the pipeline."""
    problem = Problem(
        what=f"{failure.task_id} failed",
        section="A maintenance DAG failed",
        remedy="Fix the cause. The next run also does the work of this run.",
    )
    return Alert(
        subject=make_subject(dag_id.removeprefix("ecommerce_"), problem.what),
        text=compose_text(
            failure,
            problem,
            f"A run of {dag_id} failed: {problem.what}. No published day is affected.\n"
            "While the DAG keeps failing, this alert is sent once a day, not for each run.",
        ),
    )


def link_day(failure: Failure) -> str:
    """The page of the day on the data-quality site."""
    return f"Data Docs: {failure.log_url.partition('/dags/')[0]}/quality/days/{failure.day}"


def compose_text(failure: Failure, problem: Problem, result: str, *links: str) -> str:
    """The text of an alert: cause, consequence, remedy, and links, in this order."""
    return "\n".join(
        [
            *list_causes(failure, problem),
            "",
            result,
            "",
            describe_remedy(problem.remedy, problem.section),
            "",
            *links,
            f"Log: {failure.log_url}",
            f"Task: {failure.task_id}, try {failure.try_number}, of run {failure.run_id}",
        ]
    )


def make_subject(day: str, what: str) -> str:
    """One line that is short enough for every channel. `day` may also be the name of a DAG."""
    return " ".join(f"ecommerce {day}: {what}".split())[:_SUBJECT_CHARACTERS]


def describe_remedy(remedy: str, section: str) -> str:
    return f'What to do: {remedy}\nMore: {RUNBOOK}, "{section}"'


def list_causes(failure: Failure, problem: Problem) -> list[str]:
    """The faults of a closed gate, or the message of the error."""
    cause = find_cause(failure.error)
    if isinstance(cause, GateClosedError):
        causes = cause.closed["faults"]
    else:
        causes = [problem.cause or describe_error(cause)]
    return [text[:_REASON_CHARACTERS] for text in causes]


def describe_error(cause: BaseException | None) -> str:
    """The message of an error; only its type if the message may quote a row."""
    if cause is None:
        return "The process of the task was killed."
    kind = type(cause)
    if isinstance(cause, PipelineError) or kind.__name__ == "AirflowFailException":
        return str(cause)
    if isinstance(cause, OSError) or kind.__module__.partition(".")[0] in {"airflow", "botocore"}:
        return f"{kind.__name__}: {cause}"
    return f"{kind.__name__}. The message is only in the log, because it may quote data."


def send_alert(alert: Alert) -> bool:
    """Send through every configured channel. If there is none, or if all fail, log the alert.

    Returns False if channels are configured and all of them failed.
    """
    sent = [_deliver(name, send, alert) for name, send in find_channels().items()]
    if not any(sent):
        log.error("%s\n%s", alert.subject, alert.text)
    return any(sent) or not sent


def find_channels() -> dict[str, Callable[[Alert], None]]:
    """The configured channels, each with its function to send an alert."""
    channels: dict[str, Callable[[Alert], None]] = {}
    settings = Settings.from_valid_variables()
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

    # SNS accepts only ASCII in a subject.
    subject = alert.subject.encode("ascii", "replace").decode()
    hook = SnsHook(aws_conn_id=CONNECTION_ID, config=Config(**SHORT_TIMEOUTS))  # type: ignore[no-untyped-call]  # has no types
    hook.publish_to_target(topic_arn, alert.text, subject=subject)


def send_mail(addresses: str, alert: Alert) -> None:
    """Send by the SMTP hook, because the notifier would treat braces in a message as a template."""
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    with SmtpHook(smtp_conn_id=SMTP_CONNECTION_ID) as hook:
        hook.send_email_smtp(to=addresses, subject=alert.subject, html_content=make_html(alert.text))


def make_html(text: str) -> str:
    """The text as HTML with line breaks and clickable links."""
    linked = re.sub(r"https?://[^\s<>]+", r'<a href="\g<0>">\g<0></a>', html.escape(text))
    return f'<pre style="font: inherit; white-space: pre-wrap">{linked}</pre>'
