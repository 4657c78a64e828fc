"""S3 objects by URL, through the hook. Nothing else in the project talks to S3."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

log = logging.getLogger(__name__)

#: S3 copies objects of up to 5 GiB in one request; larger ones go in parts.
_LARGEST_SINGLE_COPY_BYTES = 5 * 1024**3


class ObjectState(TypedDict):
    """What S3 says of an object. `version_id` is None in a bucket without versioning."""

    key: str
    etag: str
    version_id: str | None
    bytes: int


def head_object(hook: "S3Hook", url: str) -> ObjectState:
    """The state of an object that exists."""
    head = hook.get_conn().head_object(**_location(hook, url))
    return {
        "key": url,
        "etag": head["ETag"].strip('"'),
        "version_id": head.get("VersionId"),
        "bytes": head["ContentLength"],
    }


def copy_object(hook: "S3Hook", source: str, target: str, *, if_etag: str | None = None) -> ObjectState:
    """Copy on the server. With `if_etag`, fails unless the source still has that ETag."""
    from boto3.s3.transfer import TransferConfig

    hook.get_conn().copy(
        _location(hook, source),
        **_location(hook, target),
        ExtraArgs={"CopySourceIfMatch": f'"{if_etag}"'} if if_etag else {},
        Config=TransferConfig(multipart_threshold=_LARGEST_SINGLE_COPY_BYTES, multipart_chunksize=1024**3),
    )
    state = head_object(hook, target)
    log.info("Copied %s to %s (%s bytes)", source, target, f"{state['bytes']:,}")
    return state


def download_file(hook: "S3Hook", url: str, path: Path) -> None:
    """Fetch an object into a local file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    hook.get_conn().download_file(**_location(hook, url), Filename=str(path))
    log.info("Read %s (%s bytes)", url, f"{path.stat().st_size:,}")


def upload_file(hook: "S3Hook", path: Path, url: str, content_type: str | None = None) -> None:
    """Store a local file as one object: a reader sees the old object or the new one, never half."""
    hook.get_conn().upload_file(
        Filename=str(path),
        **_location(hook, url),
        ExtraArgs={"ContentType": content_type} if content_type else {},
    )
    log.info("Wrote %s (%s bytes)", url, f"{path.stat().st_size:,}")


def read_json(hook: "S3Hook", url: str) -> Any | None:
    """A JSON document, or None where there is none."""
    from botocore.exceptions import ClientError

    try:
        found = hook.get_conn().get_object(**_location(hook, url))
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return None
        raise
    return json.loads(found["Body"].read())


def write_json(hook: "S3Hook", document: Mapping[str, Any], url: str) -> None:
    """Store a document as readable JSON."""
    body = json.dumps(document, indent=2, ensure_ascii=False).encode()
    hook.get_conn().put_object(**_location(hook, url), Body=body, ContentType="application/json")
    log.info("Wrote %s", url)


def _location(hook: "S3Hook", url: str) -> dict[str, str]:
    bucket, key = hook.parse_s3_url(url)
    return {"Bucket": bucket, "Key": key}
