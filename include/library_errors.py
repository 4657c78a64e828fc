"""Translates errors of libraries (S3, network, disk, memory) into the pipeline's own, which say what to do.

One place for all tasks. It also decides whether a retry may help.
"""

import errno
import os
import sys
from typing import TYPE_CHECKING

from include.config import CONNECTION_ID
from include.errors import PipelineError, RetryableError, StoreRefusedError, WorkerError

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

#: Refusals that pass: the store is busy, or the next try comes with fresh credentials and a fresh time.
_PASSING_CODES = {
    "ExpiredToken",
    "ExpiredTokenException",
    "OperationAborted",
    "RequestTimeout",
    "SlowDown",
    "TokenRefreshRequired",
}
#: Refused for good, even inside a 200: there for one object of several that were to be deleted.
_FINAL_CODES = {"AccessDenied"}
_CLOCK_CODES = {"RequestTimeTooSkewed", "RequestExpired"}
#: So do a 409 and a 412: somebody writes the object, or has replaced it while it was read.
_PASSING_STATUS = {408, 409, 412, 429}
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_CLEAR = "then clear this run from the task that failed."


def translate_error(error: BaseException, where: str = "") -> PipelineError | None:
    """The error in the pipeline's own words; None where it is of a kind that has none.

    `where` are the objects that it is about; without it, those that a note on the error names.
    """
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    where = where or next(iter(getattr(error, "__notes__", [])), "")
    if isinstance(error, PipelineError):
        return error
    if isinstance(error, ClientError):
        return _translate_refusal(error, where)
    if isinstance(error, BotoCoreError):
        return _translate_connection_error(error, where)
    if isinstance(error, Boto3Error):
        # What happened stands in the error that it was raised for.
        inner = error.__cause__ or error.__context__ or getattr(error, "last_exception", None)
        return (translate_error(inner, where) if inner else None) or _translate_connection_error(error, where)
    return _translate_worker_error(error)


def _translate_refusal(error: "ClientError", where: str) -> PipelineError:
    """The store answered, and refused."""
    code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    what = _describe(error, where)
    if code in _CLOCK_CODES:
        return RetryableError(f"{what} The clock of this worker is wrong: set it.")
    is_passing = status in _PASSING_STATUS or status < 400 or status >= 500
    if code in _PASSING_CODES or (is_passing and code not in _FINAL_CODES):
        return RetryableError(f"{what} The next try may go well.")
    if code == "NoSuchBucket":
        return StoreRefusedError(
            f"{what} Create the bucket, or correct the Variable ecommerce_…_bucket that names it, {_CLEAR}"
        )
    if status == 404:
        return StoreRefusedError(f"{what} It is not there. Deliver or restore it, {_CLEAR}")
    return StoreRefusedError(
        f"{what} The credentials of the connection {CONNECTION_ID} do not open this: "
        f"correct them, or what they may do (docs/deploy.md), {_CLEAR}"
    )


def _describe(error: "ClientError", where: str) -> str:
    """What was asked, of what, and what the store said."""
    said = error.response["Error"]
    where = where or said.get("Resource") or said.get("BucketName") or ""
    what = f"{error.operation_name} of {where}" if where else error.operation_name
    return f"S3 refused {what}: {said['Code']}, {str(said.get('Message', '')).rstrip('.')}."


def _translate_connection_error(error: Exception, where: str) -> PipelineError:
    """There was no answer, or none that could be read."""
    from botocore.exceptions import CredentialRetrievalError, NoCredentialsError, PartialCredentialsError

    text = str(error).rstrip(".")
    of = f" of {where}" if where else ""
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return StoreRefusedError(
            f"There are no credentials for S3: {text}. Put them into the connection {CONNECTION_ID}, or give "
            f"the worker a role, {_CLEAR}"
        )
    if isinstance(error, CredentialRetrievalError):
        return RetryableError(
            f"The credentials for S3 could not be fetched: {text}. The next try may go well."
        )
    return RetryableError(
        f"S3 gave no good answer{of}: {text}. The next try may go well. If none does: does the store run, "
        f"and is the endpoint of the connection {CONNECTION_ID} right?"
    )


def _translate_worker_error(error: BaseException) -> PipelineError | None:
    """The machine that the task ran on had not enough of something."""
    if _lacks_disk(error):
        place = f" ({error.filename})" if isinstance(error, OSError) and error.filename else ""
        return WorkerError(
            f"The worker's disk for temporary files is full{place}. Give it more room: a day needs about "
            "three times the size of its raw files. It is tried again."
        )
    if _lacks_memory(error):
        return WorkerError(
            "The worker has not enough memory for this task. Give it more, lower the Variable "
            "ecommerce_batch_bytes, or give the pool ecommerce_transform fewer slots. It is tried again."
        )
    return None


def _lacks_disk(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in _DISK_FULL
    said = str(error)
    if _is_duckdb(error, "IOException"):
        return any(os.strerror(number) in said for number in _DISK_FULL)
    # DuckDB spills no more than the disk had room for when it began.
    return _is_duckdb(error, "OutOfMemoryException") and "max_temp_directory_size" in said


def _lacks_memory(error: BaseException) -> bool:
    is_refused = isinstance(error, MemoryError) or _is_duckdb(error, "OutOfMemoryException")
    return is_refused or "can't start new thread" in str(error)


def _is_duckdb(error: BaseException, name: str) -> bool:
    """DAG files import this module: DuckDB is not imported for an error that only it can have raised."""
    duckdb = sys.modules.get("duckdb")
    return duckdb is not None and isinstance(error, getattr(duckdb, name))
