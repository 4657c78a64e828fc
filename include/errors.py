"""What can go wrong, as a tree. A message says what happened, where, and what to do.

PipelineError
├── SettingError           a Variable or parameter that cannot be used
├── RawFileError           a raw file that cannot be read as the contract says
├── RawFileChangedError    a raw file was replaced while it was being pinned; trying again helps
├── CatalogError           the Glue table cannot hold what the contract publishes
├── RowsLostError          the counts of a stage do not add up; nothing may be published
└── GateClosedError        the day failed its quality gate
"""


class PipelineError(Exception):
    """Base of every error that the pipeline raises on purpose."""


class SettingError(PipelineError):
    """A Variable or a run parameter has a value that cannot be used."""


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


class RawFileChangedError(PipelineError):
    """A raw file was replaced between being looked at and being copied."""


class CatalogError(PipelineError):
    """The table in the Glue Data Catalog cannot hold what the contract publishes; nothing was published."""


class RowsLostError(PipelineError):
    """Rows read differ from rows published + quarantined + duplicates."""


class GateClosedError(PipelineError):
    """The day failed its quality gate: nothing was published."""
