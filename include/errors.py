"""What can go wrong, as a tree. A message says what happened, where, and what to do.

PipelineError
├── SettingError           a Variable or parameter that cannot be used
├── ContractError          declarations of the contract that contradict each other
├── RawFileError           a raw file that cannot be read as the contract says
│   └── RepairError        a file of repaired rows that cannot take the place of raw ones
├── StoreRefusedError      S3 does not have, or does not let us do, what a task needs
├── RetryableError          what may have passed at the next try: the store was busy or away
│   ├── RawFileChangedError    a raw file was replaced while it was being pinned
│   ├── PublishConflictError   another run published the day at the same moment
│   ├── DayUnregisteredError   a day is published, and the Glue table does not show it yet
│   └── WorkerError            the worker had not enough disk or memory
├── SnapshotGoneError      a cleared run whose snapshot was cleaned up; it has to extract again
├── StagedChangedError     a staged table is that of an earlier try of the run, from other raw files
├── OlderDeliveryError     a run that was held up, and a later delivery is published already
├── CatalogError           the Glue table cannot hold what the contract publishes
├── RowsLostError          the counts of a stage do not add up; nothing may be published
├── GateClosedError        the day failed its quality gate
├── UnreadableDaysError        days of the look-back could not be looked at; the others were
├── StaleFormError         a red gate cannot be put to a person again in this run
└── AlertNotSentError      no channel took an alert
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from include.manifest import ClosedGate


class PipelineError(Exception):
    """Base of every error that the pipeline raises on purpose."""


def restore_error(kind: str, message: str) -> PipelineError:
    """An error of another process, by the name of its class; it has its message, and nothing else."""
    kinds: list[type[PipelineError]] = [PipelineError]
    for each in kinds:
        kinds += each.__subclasses__()
    known = next((each for each in kinds if each.__name__ == kind), PipelineError)
    # The message is finished: it is not to be made once more from parts.
    return known.__new__(known, message)


class SettingError(PipelineError):
    """A Variable or a run parameter has a value that cannot be used."""


class ContractError(PipelineError):
    """What the contract declares cannot be kept; found when it is imported."""


class RawFileError(PipelineError):
    """A raw file cannot be read as its contract says; nothing of it was written.

    Parameters
    ----------
    source: where the file lies, as people know it.
    place: line or byte in the file, or an empty text when the whole file is meant.
    """

    def __init__(self, source: str, place: str, problem: str, remedy: str) -> None:
        where = f"{source} ({place})" if place else source
        super().__init__(f"{where}: {problem}. {remedy}")
        self.source = source


class RepairError(RawFileError):
    """A file of repaired rows cannot be read, or its rows cannot take the place of raw ones."""


class StoreRefusedError(PipelineError):
    """S3 does not have what a task needs, or does not let it; trying again changes nothing."""


class RetryableError(PipelineError):
    """Something that may go well at the next try."""


class DayUnregisteredError(RetryableError):
    """The day is published, but the table in the Glue Data Catalog does not show it yet."""


class WorkerError(RetryableError):
    """The worker had not enough disk or memory; another task may give some back."""


class RawFileChangedError(RetryableError):
    """A raw file was replaced between being looked at and being copied."""


class SnapshotGoneError(PipelineError):
    """The snapshot that a run wants to work on is not there any more."""

    def __init__(
        self,
        url: str,
        why: str = "the clean-up removed what this run worked on. Clear the run from extract on.",
    ) -> None:
        super().__init__(f"{url} is gone: {why}")


class StagedChangedError(PipelineError):
    """What a run staged was replaced by an earlier try of it, which worked on other raw files."""


class OlderDeliveryError(PipelineError):
    """A later delivery of the day is published already."""


class PublishConflictError(RetryableError):
    """Another run published the day at the same moment."""


class CatalogError(PipelineError):
    """The table in the Glue Data Catalog cannot hold what the contract publishes; nothing was published."""


class RowsLostError(PipelineError):
    """Rows read differ from rows published + quarantined + duplicates."""


class GateClosedError(PipelineError):
    """The gate is closed and nobody approved its faults: nothing was published.

    Parameters
    ----------
    closed: what the gate left in S3 as `gate.json`.
    """

    def __init__(self, message: str, closed: "ClosedGate") -> None:
        super().__init__(message)
        self.closed = closed


class StaleFormError(PipelineError):
    """Airflow would show the form of an earlier try in place of this one's; nobody was asked."""


class UnreadableDaysError(PipelineError):
    """Some days could not be compared with their inputs."""


class AlertNotSentError(PipelineError):
    """Channels for alerts are set, and none of them took one."""
