"""S3 in memory, as far as `include.s3` uses it: versions, conditions, metadata and listings."""

import datetime as dt
import hashlib
import io
import itertools
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

from include.keys import Layout
from include.s3.objects import locate

LAYOUT = Layout()
_BUCKETS = (LAYOUT.raw_bucket, LAYOUT.curated_bucket, LAYOUT.quality_bucket)


class Body(io.BytesIO):
    """The content of an answer, as botocore streams it."""

    def iter_chunks(self, size: int) -> Iterator[bytes]:
        yield from iter(lambda: self.read(size), b"")


@dataclass(frozen=True)
class Version:
    """One version of an object; without a body it is the marker that the object was deleted."""

    body: bytes | None
    version_id: str
    written_at: dt.datetime
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        return self.body or b""

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.content).hexdigest()}"'  # noqa: S324 - what S3 uses

    def describe(self) -> dict[str, Any]:
        return {
            "ETag": self.etag,
            "VersionId": self.version_id,
            "LastModified": self.written_at,
            "ContentLength": len(self.content),
            "Metadata": self.metadata,
        }


class MemoryS3:
    """The hook and its client in one, with versioned buckets.

    `requests` counts what was asked by operation. `failures` answers an operation with an HTTP status.
    `before_request` is called before each one.
    """

    def __init__(self) -> None:
        self.now: dt.datetime | None = None
        self.requests: Counter[str] = Counter()
        self.failures: dict[str, int] = {}
        self.sent_bytes = 0
        self.before_request: Callable[[str], None] = lambda _: None
        self.meta = SimpleNamespace(events=SimpleNamespace(register=lambda *_, **__: None))
        self._objects: dict[tuple[str, str], list[Version]] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()

    # What tests do with it.

    @property
    def hook(self) -> Any:
        """As the stages take it."""
        return self

    def put(self, url: str, body: bytes | str, at: dt.datetime | None = None) -> None:
        self._store(locate(self, url), body.encode() if isinstance(body, str) else body, {}, at)

    def put_json(self, url: str, document: Any) -> None:
        self.put(url, json.dumps(document))

    def get(self, url: str) -> bytes:
        return self._find(locate(self, url)).content

    def get_json(self, url: str) -> Any:
        return json.loads(self.get(url))

    def delete(self, url: str) -> None:
        self._store(locate(self, url), None, {})

    def list_urls(self, prefix: str) -> list[str]:
        place = locate(self, prefix)
        found = self._list_below({"Bucket": place["Bucket"], "Prefix": place["Key"]})
        return [f"s3://{place['Bucket']}/{key}" for key, versions in found if versions[-1].body is not None]

    def share(self) -> "MemoryS3":
        """Another client of the same buckets."""
        other = MemoryS3()
        other._objects, other._numbers, other._lock = self._objects, self._numbers, self._lock
        return other

    # The hook.

    def get_conn(self) -> "MemoryS3":
        return self

    @staticmethod
    def parse_s3_url(s3url: str) -> tuple[str, str]:
        bucket, _, key = s3url.removeprefix("s3://").partition("/")
        return bucket, key

    # The client, whose parameters have the names that boto3 gives them.

    def head_object(self, **request: str) -> dict[str, Any]:
        self._begin("HeadObject", request)
        return self._find(request).describe()

    def get_object(self, **request: str) -> dict[str, Any]:
        self._begin("GetObject", request)
        found = self._find(request)
        if request.get("IfMatch", found.etag) != found.etag:
            raise refuse("GetObject", 412)
        if request.get("IfNoneMatch") == found.etag:
            raise refuse("GetObject", 304)
        content, answer = found.content, found.describe()
        if span := request.get("Range"):
            first, _, last = span.removeprefix("bytes=").partition("-")
            content = content[int(first) : int(last) + 1 if last else None]
            answer["ContentRange"] = f"bytes {first}-{int(first) + len(content) - 1}/{len(found.content)}"
        return answer | {"Body": Body(content), "ContentLength": len(content)}

    def put_object(self, **request: Any) -> dict[str, Any]:
        self._begin("PutObject", request)
        self.sent_bytes += len(request["Body"])
        with self._lock:
            self._check_target("PutObject", request)
            return self._store(request, request["Body"], request.get("Metadata", {})).describe()

    def copy_object(self, **request: Any) -> dict[str, Any]:
        self._begin("CopyObject", request)
        with self._lock:
            source = self._find(request["CopySource"])
            if request.get("CopySourceIfMatch", source.etag) != source.etag:
                raise refuse("CopyObject", 412)
            self._check_target("CopyObject", request)
            stored = self._store(request, source.content, request.get("Metadata", source.metadata)).describe()
        return stored | {"CopyObjectResult": stored}

    def copy(self, source: dict[str, str], **request: Any) -> None:
        self.copy_object(CopySource=source, **_name_place(request), **request["ExtraArgs"])

    def upload_file(self, **request: Any) -> None:
        body = Path(request["Filename"]).read_bytes()
        self.put_object(Body=body, **_name_place(request), **request["ExtraArgs"])

    def download_file(self, **request: Any) -> None:
        answer = self.get_object(**_name_place(request), **request["ExtraArgs"])
        Path(request["Filename"]).write_bytes(answer["Body"].read())

    def delete_objects(self, **request: Any) -> dict[str, Any]:
        self._begin("DeleteObjects", request)
        for each in request["Delete"]["Objects"]:
            place = {"Bucket": request["Bucket"], "Key": each["Key"]}
            if version_id := each.get("VersionId"):
                versions = self._objects[place["Bucket"], place["Key"]]
                versions[:] = [version for version in versions if version.version_id != version_id]
            else:
                self._store(place, None, {})
        return {"ResponseMetadata": {"HTTPStatusCode": 200}}

    def list_objects_v2(self, **request: Any) -> dict[str, Any]:
        self._begin("ListObjectsV2", request)
        found = [
            {"Key": key, **versions[-1].describe()}
            for key, versions in self._list_below(request)
            if key > request.get("StartAfter", "") and versions[-1].body is not None
        ]
        return {"Contents": found[: request.get("MaxKeys")]}

    def list_object_versions(self, **request: str) -> dict[str, Any]:
        self._begin("ListObjectVersions", request)
        answer: dict[str, list[Any]] = {"Versions": [], "DeleteMarkers": []}
        for key, versions in self._list_below(request):
            for version in versions:
                kind = "DeleteMarkers" if version.body is None else "Versions"
                answer[kind].append({"Key": key, **version.describe()})
        return answer

    def list_multipart_uploads(self, **request: str) -> dict[str, Any]:
        self._begin("ListMultipartUploads", request)
        return {}

    def get_paginator(self, operation: str) -> Any:
        """Everything comes on one page."""
        return SimpleNamespace(paginate=lambda **request: [getattr(self, operation)(**request)])

    def _begin(self, operation: str, request: Mapping[str, Any]) -> None:
        self.requests[operation] += 1
        self.before_request(operation)
        if status := self.failures.get(operation):
            raise refuse(operation, status)
        if request["Bucket"] not in _BUCKETS:
            raise refuse(operation, 404, "NoSuchBucket")

    def _find(self, place: Mapping[str, Any]) -> Version:
        found = self._find_current(place) if "VersionId" not in place else self._find_version(place)
        if found is None or found.body is None:
            raise refuse("GetObject", 404, "NoSuchKey")
        return found

    def _find_current(self, place: Mapping[str, Any]) -> Version | None:
        return next(reversed(self._objects.get((place["Bucket"], place["Key"]), [])), None)

    def _find_version(self, place: Mapping[str, Any]) -> Version | None:
        versions = self._objects.get((place["Bucket"], place["Key"]), [])
        return next((each for each in versions if each.version_id == place["VersionId"]), None)

    def _list_below(self, request: Mapping[str, Any]) -> Iterator[tuple[str, list[Version]]]:
        with self._lock:
            objects = sorted(self._objects.items(), key=itemgetter(0))
        for (bucket, key), versions in objects:
            if bucket == request["Bucket"] and key.startswith(request.get("Prefix", "")) and versions:
                yield key, versions

    def _check_target(self, operation: str, request: Mapping[str, Any]) -> None:
        current = self._find_current(request)
        is_there = current is not None and current.body is not None
        if "IfNoneMatch" in request and is_there:
            raise refuse(operation, 412)
        if "IfMatch" in request and not (is_there and current and current.etag == request["IfMatch"]):
            raise refuse(operation, 412 if is_there else 404)

    def _store(
        self,
        place: Mapping[str, Any],
        body: bytes | None,
        metadata: dict[str, str],
        at: dt.datetime | None = None,
    ) -> Version:
        written_at = at or self.now or dt.datetime.now(dt.UTC)
        version = Version(body, f"v{next(self._numbers)}", written_at, metadata)
        with self._lock:
            self._objects.setdefault((place["Bucket"], place["Key"]), []).append(version)
        return version


def _name_place(request: Mapping[str, Any]) -> dict[str, str]:
    return {"Bucket": request["Bucket"], "Key": request["Key"]}


def refuse(operation: str, status: int, code: str = "") -> ClientError:
    """What boto raises for an answer of that status."""
    response: Any = {
        "Error": {"Code": code or str(status), "Message": "It said so."},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, operation)
