"""Translates library errors (S3, network, disk, memory) into PipelineErrors that say what to do.

Errors that a retry may fix become RetryableErrors.
"""

import errno
import os
import sys
from typing import TYPE_CHECKING

from include.config import CONNECTION_ID
from include.errors import PipelineError, RetryableError, StoreRefusedError, WorkerError

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

#: Temporary: the store is busy, or a retry has new credentials and a new signature.
_TEMPORARY_CODES = {
    "ExpiredToken",
    "ExpiredTokenException",
    "OperationAborted",
    "RequestTimeout",
    "SlowDown",
    "TokenRefreshRequired",
}
#: Permanent for any status: the response to a deletion of several objects is 200 with errors inside.
_PERMANENT_CODES = {"AccessDenied"}
_CLOCK_CODES = {"RequestTimeTooSkewed", "RequestExpired"}
#: Also temporary; 409 and 412 mean that another process wrote the object at the same time.
_TEMPORARY_STATUS = {408, 409, 412, 429}
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_CLEAR = "then clear this run from the failed task on."
_RETRIED = "This may be temporary; Airflow will retry."


def translate_error(error: BaseException, where: str = "") -> PipelineError | None:
    """The corresponding PipelineError, or None for an unknown error.

    `where` names the objects concerned; the default comes from a note on the error.
    """
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    where = where or next(iter(getattr(error, "__notes__", [])), "")
    if isinstance(error, PipelineError):
        return error
    if isinstance(error, ClientError):
        return _translate_response(error, where)
    if isinstance(error, BotoCoreError):
        return _translate_connection_error(error, where)
    if isinstance(error, Boto3Error):
        # boto3 wraps the original error.
        inner = error.__cause__ or error.__context__ or getattr(error, "last_exception", None)
        return (translate_error(inner, where) if inner else None) or _translate_connection_error(error, where)
    return _translate_worker_error(error)


def _translate_response(error: "ClientError", where: str) -> PipelineError:
    """Translate an error response of S3."""
    code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    what = _describe(error, where)
    if code in _CLOCK_CODES:
        return RetryableError(f"{what} The clock of this worker is wrong: correct it.")
    is_temporary = status in _TEMPORARY_STATUS or status < 400 or status >= 500
    if code in _TEMPORARY_CODES or (is_temporary and code not in _PERMANENT_CODES):
        return RetryableError(f"{what} {_RETRIED}")
    if code == "NoSuchBucket":
        return StoreRefusedError(
            f"{what} Create the bucket, or correct the Variable that names it (ecommerce_…_bucket), {_CLEAR}"
        )
    if status == 404:
        return StoreRefusedError(f"{what} It does not exist. Deliver or restore it, {_CLEAR}")
    return StoreRefusedError(
        f"{what} The credentials of the connection {CONNECTION_ID} do not allow this: correct them or their "
        f"permissions (docs/deploy.md), {_CLEAR}"
    )


def _describe(error: "ClientError", where: str) -> str:
    """The request, its object, and the response."""
    said = error.response["Error"]
    where = where or said.get("Resource") or said.get("BucketName") or ""
    what = f"{error.operation_name} of {where}" if where else error.operation_name
    return f"S3 rejected {what}: {said['Code']}, {str(said.get('Message', '')).rstrip('.')}."


def _translate_connection_error(error: Exception, where: str) -> PipelineError:
    """Translate a missing or unreadable response of S3."""
    from botocore.exceptions import CredentialRetrievalError, NoCredentialsError, PartialCredentialsError

    text = str(error).rstrip(".")
    of = f" for {where}" if where else ""
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return StoreRefusedError(
            f"There are no credentials for S3: {text}. Add them to the connection {CONNECTION_ID}, or give "
            f"the worker a role, {_CLEAR}"
        )
    if isinstance(error, CredentialRetrievalError):
        return RetryableError(f"The credentials for S3 could not be fetched: {text}. {_RETRIED}")
    return RetryableError(
        f"No valid answer from S3{of}: {text}. {_RETRIED} If all retries fail, check that the store is "
        f"running and that the endpoint of the connection {CONNECTION_ID} is correct."
    )


def _translate_worker_error(error: BaseException) -> PipelineError | None:
    """Translate a lack of disk or memory."""
    if _lacks_disk(error):
        place = f" ({error.filename})" if isinstance(error, OSError) and error.filename else ""
        return WorkerError(
            f"The worker's disk for temporary files is full{place}. Make it larger: a day needs about three "
            f"times the size of its raw files. {_RETRIED}"
        )
    if _lacks_memory(error):
        return WorkerError(
            "The worker does not have enough memory for this task. Add memory, lower the Variable "
            f"ecommerce_batch_bytes, or reduce the slots of the pool ecommerce_transform. {_RETRIED}"
        )
    return None


def _lacks_disk(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in _DISK_FULL
    said = str(error)
    if _is_duckdb(error, "IOException"):
        return any(os.strerror(number) in said for number in _DISK_FULL)
    # DuckDB limits its spilled data to the disk space that was free at its start.
    return _is_duckdb(error, "OutOfMemoryException") and "max_temp_directory_size" in said


def _lacks_memory(error: BaseException) -> bool:
    is_out = isinstance(error, MemoryError) or _is_duckdb(error, "OutOfMemoryException")
    return is_out or "can't start new thread" in str(error)


def _is_duckdb(error: BaseException, name: str) -> bool:
    """Whether it is a certain DuckDB error, without importing DuckDB: DAG files import this module."""
    duckdb = sys.modules.get("duckdb")
    return duckdb is not None and isinstance(error, getattr(duckdb, name))
