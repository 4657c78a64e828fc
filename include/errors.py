"""The errors of the pipeline. A message says what happened, where, and what to do.

PipelineError
├── SettingError           a Variable, option or parameter has an invalid value
├── ContractError          contradictory declarations in the contract
├── RawFileError           a raw file cannot be read as the contract declares it
│   ├── RawFilesError      several of them
│   ├── RawFileEmptyError  zero bytes; also a RetryableError, because uploads often begin with them
│   └── RepairError        a file of repaired rows cannot be used
├── StoreRefusedError      S3 does not have what a task needs, or denies access to it
├── RetryableError         a retry may succeed: the store was busy or unreachable
│   ├── RawFileChangedError    a raw file was replaced while it was being copied
│   ├── PublishConflictError   another run published the day at the same moment
│   └── WorkerError            the worker ran out of disk or memory
├── SnapshotGoneError      a cleared run whose snapshot was removed; it must extract again
├── StagedChangedError     an earlier try of the run, from other raw files, wrote a staged table
├── OlderDeliveryError     a delayed run, and a later delivery is published already
├── CatalogError           the Glue table cannot hold what the contract publishes
├── RowsLostError          the counts of a stage do not add up; nothing may be published
├── DayNotPublishedError   a day was asked for that has no manifest
├── VerificationError      a published day is not what its manifest says
├── GateClosedError        the day failed its quality gate
├── UnreadableDaysError    some of the scanned days could not be read
├── StaleFormError         Airflow cannot show the faults of this run on its approval form
└── AlertNotSentError      no channel accepted an alert
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from include.manifest import ClosedGate


class PipelineError(Exception):
    """Base class of the errors that the pipeline raises deliberately."""


def restore_error(kind: str, message: str) -> PipelineError:
    """Recreate an error of another process from the name of its class and its message."""
    kinds: list[type[PipelineError]] = [PipelineError]
    for each in kinds:
        kinds += each.__subclasses__()
    known = next((each for each in kinds if each.__name__ == kind), PipelineError)
    # Not through __init__: some classes build their message from parts.
    return known.__new__(known, message)


class SettingError(PipelineError):
    """A Variable, an Airflow option or a run parameter has an invalid value."""


class ContractError(PipelineError):
    """Declarations of the contract contradict each other; raised when it is imported."""


class RawFileError(PipelineError):
    """A raw file cannot be read as its contract declares it; nothing of it was written.

    Parameters
    ----------
    source: the key of the file.
    place: the line or byte in the file; empty for the whole file.
    """

    def __init__(self, source: str, place: str, problem: str, remedy: str) -> None:
        where = f"{source} ({place})" if place else source
        super().__init__(f"{where}: {problem}. {remedy}")
        self.source = source


class RawFilesError(RawFileError):
    """Several raw files of a day cannot be read; the message has a line for each."""

    def __init__(self, errors: Sequence[RawFileError]) -> None:
        PipelineError.__init__(self, "\n".join(map(str, errors)))
        self.source = ", ".join(error.source for error in errors)


class RepairError(RawFileError):
    """A file of repaired rows cannot be read, or its rows cannot replace raw ones."""


class StoreRefusedError(PipelineError):
    """S3 does not have what a task needs, or denies access to it; a retry cannot succeed."""


class RetryableError(PipelineError):
    """A temporary problem: a retry may succeed."""


class RawFileEmptyError(RawFileError, RetryableError):
    """A raw file has zero bytes. Uploads often begin with an empty object, so a retry may find the file."""

    def __init__(self, source: str) -> None:
        super().__init__(source, "", "the file is empty (zero bytes)", "Deliver it again.")


class SampleDataError(PipelineError):
    """The generator cannot write files of the shape that the contract declares."""


class WorkerError(RetryableError):
    """The worker ran out of disk or memory; another task may free some."""


class RawFileChangedError(RetryableError):
    """A raw file was replaced while it was being copied."""


class SnapshotGoneError(PipelineError):
    """The snapshot of a run no longer exists."""

    def __init__(
        self,
        url: str,
        why: str = "ecommerce_cleanup removed it. Clear the run from extract on.",
    ) -> None:
        super().__init__(f"{url} is gone: {why}")


class StagedChangedError(PipelineError):
    """An earlier try of the run, from other raw files, replaced a staged table."""


class OlderDeliveryError(PipelineError):
    """A later delivery of the day is published already."""


class PublishConflictError(RetryableError):
    """Another run published the day at the same moment."""


class CatalogError(PipelineError):
    """The table in the Glue Data Catalog cannot hold what the contract publishes."""


class RowsLostError(PipelineError):
    """Rows read differ from rows published + quarantined + duplicates."""


class DayNotPublishedError(PipelineError):
    """There is no manifest of the day."""


class VerificationError(PipelineError):
    """A published day differs from its manifest, or from the result recomputed from its snapshot."""


class GateClosedError(PipelineError):
    """The gate is closed and nobody approved its faults: nothing was published.

    Parameters
    ----------
    closed: the content of `gate.json` in S3.
    """

    def __init__(self, message: str, closed: "ClosedGate") -> None:
        super().__init__(message)
        self.closed = closed


class StaleFormError(PipelineError):
    """Airflow would show the approval form of an earlier try; nobody was asked."""


class UnreadableDaysError(PipelineError):
    """Some of the scanned days could not be read."""


class AlertNotSentError(PipelineError):
    """Channels for alerts are set up, and none of them accepted one."""
