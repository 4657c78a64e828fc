"""Which objects lie below a prefix, in the order of their keys."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from include.s3.objects import Hook, locate


@dataclass(frozen=True)
class Listed:
    """An object as a listing shows it; the same URL and ETag mean the same content.

    `name` is the rest of its key after the prefix.
    """

    url: str
    name: str
    etag: str
    written_at: dt.datetime


def list_objects(hook: Hook, prefix: str, *, after: str = "") -> Iterator[Listed]:
    """The objects below a prefix whose names come behind `after`, page by page as they are asked for."""
    place = locate(hook, prefix)
    bucket, start = place["Bucket"], place["Key"]
    pages = hook.get_conn().get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=bucket, Prefix=start, StartAfter=f"{start}{after}"):
        for item in page.get("Contents", []):
            yield Listed(
                f"s3://{bucket}/{item['Key']}",
                item["Key"].removeprefix(start),
                item["ETag"],
                item["LastModified"],
            )


def find_first_name(hook: Hook, prefix: str) -> str | None:
    """The first name below a prefix; None where there is none."""
    place = locate(hook, prefix)
    found = hook.get_conn().list_objects_v2(Bucket=place["Bucket"], Prefix=place["Key"], MaxKeys=1)
    return next((item["Key"].removeprefix(place["Key"]) for item in found.get("Contents", [])), None)
