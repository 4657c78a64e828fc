"""What must hold of a day in S3: at any moment, and once everything has come to rest.

The truth is a list of deliveries, each with the bytes that an undisturbed transform makes of it.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from include import keys
from include.config import Settings
from include.contract import DATASETS
from include.engine.raw_file import RawSource
from include.keys import Layout
from include.manifest import Counts
from include.s3.listing import list_versions
from include.transform import transform_files

LAYOUT = Layout()


@dataclass(frozen=True)
class Delivery:
    """The raw files of a day as delivered together, and what must become of them."""

    raw: Mapping[str, bytes]
    tables: Mapping[str, bytes]
    counts: Counts

    @property
    def etags(self) -> dict[str, str]:
        """S3's ETags of raw files that were put in one piece."""
        return {name: hashlib.md5(body).hexdigest() for name, body in self.raw.items()}  # noqa: S324 - S3's own


def expect_delivery(day: str, raw: Mapping[str, bytes], folder: Path) -> Delivery:
    """Transform the files with nothing in the way: no Airflow, no S3."""
    folder = Path(mkdtemp(dir=folder, prefix=day))
    sources = {}
    for name, dataset in DATASETS.items():
        path = folder / f"{name}.csv"
        path.write_bytes(raw[name])
        sources[name] = RawSource(dataset, path, keys.raw(LAYOUT, day, name))
    counts = transform_files(sources, folder / "out", Settings().batch_bytes, dt.date.fromisoformat(day))
    tables = {
        str(path.relative_to(folder / "out")): path.read_bytes()
        for path in sorted((folder / "out").rglob("*.parquet"))
    }
    return Delivery(raw, tables, counts)


@dataclass
class Watched:
    """A day and everything that was delivered for it so far, in order."""

    day: str
    deliveries: list[Delivery]
    hook: Any
    folder: Path

    @property
    def _s3(self) -> Any:
        return self.hook.get_conn()

    def check_now(self) -> None:
        """At any moment: whoever follows the manifest gets one delivery, complete, and raw is untouched."""
        if self.read_manifest() is not None:
            self.check_vouched()
        self.check_raw()

    def check_at_rest(self, *expected: Delivery) -> Delivery:
        """After recovery: one of the expected deliveries is published, and the plain keys hold it.

        Returns the one that is published.
        """
        delivery = self.check_vouched()
        assert any(delivery is each for each in expected), f"{self.day} publishes another delivery"
        for name, body in delivery.tables.items():
            assert self._read(self._url(name)) == body, f"{self._url(name)} is not what the manifest names"
        self.check_raw()
        return delivery

    def check_unpublished(self) -> None:
        assert self.read_manifest() is None
        self.check_raw()

    def check_raw(self) -> None:
        """Each raw file has the versions that were delivered, and no other; the last one is current."""
        for name in DATASETS:
            url = keys.raw(LAYOUT, self.day, name)
            versions = list(list_versions(self.hook, url))
            assert len(versions) == len(self.deliveries), f"{url} was changed"
            assert not any(version.is_delete_marker for version in versions), f"{url} was deleted"
            assert self._read(url) == self.deliveries[-1].raw[name], f"{url} was changed"

    def read_manifest(self) -> Mapping[str, Any] | None:
        url = keys.manifest(LAYOUT, self.day)
        bucket, key = self.hook.parse_s3_url(url)
        try:
            body = self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except self._s3.exceptions.NoSuchKey:
            return None
        manifest: Mapping[str, Any] = json.loads(body)
        return manifest

    def check_vouched(self) -> Delivery:
        """The manifest tells of exactly one delivery, and the versions that it names are that delivery's."""
        manifest = self.read_manifest()
        assert manifest is not None, f"{self.day} is not published"
        delivery = self._find_delivery({name: raw["etag"] for name, raw in manifest["inputs"].items()})
        counted = {name: manifest[name] for name in delivery.counts}
        assert counted == delivery.counts, f"{self.day}: counted {counted}"
        for name, rows in manifest["rows"].items():
            parts = rows["published"] + rows["quarantined"] + rows["duplicates"]
            assert rows["read"] == parts, f"{self.day}: rows of {name} were lost: {rows}"
        self._check_outputs(manifest["outputs"], delivery)
        return delivery

    def _find_delivery(self, etags: Mapping[str, str]) -> Delivery:
        """The delivery with these files.

        Three files are delivered one after the other, and nothing in them says that they belong together: a
        run that pins them at that very moment works on files of two deliveries, and says so in its manifest.
        """
        for delivery in self.deliveries:
            if delivery.etags == etags:
                return delivery
        known = {etag: each.raw[name] for each in self.deliveries for name, etag in each.etags.items()}
        assert set(etags.values()) <= set(known), f"{self.day}: the manifest names files nobody delivered"
        raw = {name: known[etag] for name, etag in etags.items()}
        return expect_delivery(self.day, raw, self.folder)

    def _check_outputs(self, outputs: Mapping[str, Any], delivery: Delivery) -> None:
        assert {f"{name}.parquet" for name in outputs} == set(delivery.tables)
        for name, output in outputs.items():
            body = self._read(output["key"], output["version_id"])
            expected = delivery.tables[f"{name}.parquet"]
            assert body == expected, f"{self.day}: the named version of {name} is not the delivery's"
            assert output["bytes"] == len(expected)
            dataset = name.rpartition("/")[2]
            rows = delivery.counts["rows"][dataset]
            assert output["rows"] == (rows["quarantined"] if "/" in name else rows["published"])

    def _url(self, name: str) -> str:
        dataset = Path(name).stem
        of = keys.quarantine if name.startswith("quarantine/") else keys.published
        return of(LAYOUT, self.day, dataset)

    def _read(self, url: str, version_id: str | None = None) -> bytes:
        bucket, key = self.hook.parse_s3_url(url)
        version = {"VersionId": version_id} if version_id else {}
        body: bytes = self._s3.get_object(Bucket=bucket, Key=key, **version)["Body"].read()
        return body


def list_unfinished_uploads(hook: Any, buckets: Sequence[str]) -> list[str]:
    """The uploads in parts that were begun and neither completed nor given up."""
    found = []
    for bucket in buckets:
        answer = hook.get_conn().list_multipart_uploads(Bucket=bucket)
        found += [f"s3://{bucket}/{upload['Key']}" for upload in answer.get("Uploads", [])]
    return found
