"""Errors of the store, the network and the worker, in words that say what happened, where, and what to do."""

import errno
from typing import Any

import duckdb
import pytest
from airflow.sdk.exceptions import AirflowFailException
from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, ReadTimeoutError

from include.errors import PublishConflictError, RawFileError, RetryableError, WorkerError
from include.operators.context import translate_errors
from include.s3.objects import delete_objects

URL = "s3://ecommerce-raw/2026-11-21/orders.csv"


def answer(code: str, status: int, operation: str = "GetObject", **more: str) -> ClientError:
    """What boto raises for an answer of S3."""
    response: Any = {
        "Error": {"Code": code, "Message": "It said so.", **more},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, operation)


def noted(error: Exception) -> Exception:
    error.add_note(URL)
    return error


def wrapped(inner: Exception) -> Exception:
    """As boto3 wraps what goes wrong while it uploads."""
    outer = noted(S3UploadFailedError("Failed to upload"))
    outer.__context__ = inner
    return outer


class Refusing:
    """A hook, and its client, that deletes nothing of what it is asked to."""

    def __init__(self, code: str) -> None:
        self._code = code

    def get_conn(self) -> "Refusing":
        return self

    @staticmethod
    def parse_s3_url(s3url: str) -> tuple[str, str]:
        bucket, _, key = s3url.removeprefix("s3://").partition("/")
        return bucket, key

    def delete_objects(self, **request: Any) -> dict[str, Any]:
        refused = [
            {**each, "Code": self._code, "Message": "It said so."} for each in request["Delete"]["Objects"]
        ]
        return {"Errors": refused, "ResponseMetadata": {"HTTPStatusCode": 200}}


def refused_deletion(code: str) -> ClientError:
    with pytest.raises(ClientError) as raised:
        delete_objects(Refusing(code), [URL])
    return raised.value


FOR_GOOD = {
    "no right": (
        noted(answer("AccessDenied", 403)),
        f"S3 rejected GetObject of {URL}: AccessDenied, It said so.",
    ),
    "no right, by HEAD": (noted(answer("403", 403, "HeadObject")), f"HeadObject of {URL}: 403"),
    "no right, by upload": (
        wrapped(answer("AccessDenied", 403, "PutObject")),
        f"PutObject of {URL}: AccessDenied",
    ),
    "no right, for one object of a 200": (
        refused_deletion("AccessDenied"),
        f"S3 rejected DeleteObjects of {URL}: AccessDenied, It said so. The credentials of the connection",
    ),
    "unknown key": (noted(answer("InvalidAccessKeyId", 403)), "ecommerce_s3 do not allow this: correct"),
    "gone": (
        noted(answer("NoSuchKey", 404)),
        "It does not exist. Deliver or restore it, then clear",
    ),
    "no bucket": (
        answer("NoSuchBucket", 404, "PutObject", BucketName="ecommerce-curated"),
        "of ecommerce-curated: NoSuchBucket, It said so. Create the bucket, or correct the Variable",
    ),
    "no credentials": (
        NoCredentialsError(),
        "Add them to the connection ecommerce_s3, or give the worker a role",
    ),
    "a raw file": (
        RawFileError("orders.csv", "", "it is empty", "Mend it."),
        "orders.csv: it is empty. Mend it.",
    ),
}
TO_TRY_AGAIN = {
    "busy": (
        noted(answer("SlowDown", 503)),
        RetryableError,
        "SlowDown, It said so. This may be temporary; Airflow will retry.",
    ),
    "broken": (noted(answer("InternalError", 500)), RetryableError, URL),
    "an object that was not deleted": (
        refused_deletion("InternalError"),
        RetryableError,
        f"DeleteObjects of {URL}: InternalError",
    ),
    "too many to delete": (
        refused_deletion("SlowDown"),
        RetryableError,
        "temporary; Airflow will retry.",
    ),
    "an error inside a 200": (noted(answer("InternalError", 200)), RetryableError, URL),
    "replaced while it was read": (noted(answer("PreconditionFailed", 412)), RetryableError, URL),
    "expired": (
        noted(answer("ExpiredToken", 400)),
        RetryableError,
        "temporary; Airflow will retry.",
    ),
    "clock": (
        noted(answer("RequestTimeTooSkewed", 403)),
        RetryableError,
        "The clock of this worker is wrong: correct it.",
    ),
    "silence": (
        noted(ReadTimeoutError(endpoint_url="http://s3")),
        RetryableError,
        f"No valid answer from S3 for {URL}",
    ),
    "silence while it uploads": (
        wrapped(EndpointConnectionError(endpoint_url="http://s3")),
        RetryableError,
        "the endpoint of the connection ecommerce_s3 is correct.",
    ),
    "disk": (
        OSError(errno.ENOSPC, "No space", "scratch/x"),
        WorkerError,
        "disk for temporary files is full (scratch/x)",
    ),
    "memory": (MemoryError(), WorkerError, "not have enough memory for this task"),
    "memory of DuckDB": (
        duckdb.OutOfMemoryException("Out of Memory Error: could not allocate block of size 256.0 KiB"),
        WorkerError,
        "not have enough memory for this task",
    ),
    "disk of DuckDB": (
        duckdb.IOException('IO Error: Could not write file "x.tmp": No space left on device'),
        WorkerError,
        "disk for temporary files is full",
    ),
    "room for what DuckDB spills": (
        duckdb.OutOfMemoryException("Out of Memory Error: set by the 'max_temp_directory_size' setting."),
        WorkerError,
        "disk for temporary files is full",
    ),
    "threads": (RuntimeError("can't start new thread"), WorkerError, "not have enough memory for this task"),
    "another run": (PublishConflictError("Another run"), PublishConflictError, "Another run"),
}


@pytest.mark.parametrize(("error", "message"), FOR_GOOD.values(), ids=FOR_GOOD)
def test_permanent_error_ends_the_task(error: Exception, message: str) -> None:
    with pytest.raises(AirflowFailException) as raised, translate_errors():
        raise error

    assert message in str(raised.value)
    assert raised.value.__cause__ is error


@pytest.mark.parametrize(("error", "kind", "message"), TO_TRY_AGAIN.values(), ids=TO_TRY_AGAIN)
def test_temporary_error_is_retried(error: Exception, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as raised, translate_errors():
        raise error

    assert message in str(raised.value)


def test_bug_keeps_its_own_exception() -> None:
    with pytest.raises(KeyError, match="a fault"), translate_errors():
        raise KeyError("a fault")
