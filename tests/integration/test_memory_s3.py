"""S3 in memory answers as the real store does, as far as publishing depends on it."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from include.keys import Layout
from include.local.storage import create_buckets
from include.s3.conditional import ObjectChangedError, copy_object, replace_json, replace_object
from include.s3.listing import find_first_name, list_objects, list_versions
from include.s3.objects import delete_objects, find_object, head_object, read_object, write_json, write_text
from include.s3.streams import open_object, open_unless_known
from tests.integration.own_store import run_own_store
from tests.memory_s3 import MemoryS3

FOLDER = "s3://ecommerce-curated/rules/"


@pytest.fixture(scope="module", params=["memory", "store"])
def hook(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if request.param == "memory":
        yield MemoryS3()
        return
    with run_own_store(tmp_path_factory.mktemp("own-store")) as store:
        create_buckets(store.hook(), Layout())
        yield store.hook()


def test_conditional_write_needs_the_same_object(hook: Any) -> None:
    url = f"{FOLDER}a.json"

    replace_json(hook, {"number": 1}, url, None)
    first = head_object(hook, url)["etag"]
    with pytest.raises(ObjectChangedError):
        replace_json(hook, {"number": 2}, url, None)
    replace_json(hook, {"number": 2}, url, first)
    with pytest.raises(ObjectChangedError):
        replace_json(hook, {"number": 3}, url, first)
    with pytest.raises(ObjectChangedError):
        replace_json(hook, {"number": 3}, f"{FOLDER}missing.json", first)


def test_conditional_copy_needs_the_same_source_and_target(hook: Any) -> None:
    source, target = f"{FOLDER}source.txt", f"{FOLDER}target.txt"
    write_text(hook, "one", source, "text/plain")
    old = head_object(hook, source)
    write_text(hook, "two", source, "text/plain")

    with pytest.raises(ObjectChangedError):
        copy_object(hook, source, target, if_etag=old["etag"])
    copied = replace_object(hook, source, target, None)
    with pytest.raises(ObjectChangedError):
        replace_object(hook, source, target, None)
    restored = replace_object(hook, source, target, copied["etag"], version_id=old["version_id"])

    assert (restored["etag"], find_object(hook, target)) == (old["etag"], head_object(hook, target))
    assert len({version.version_id for version in list_versions(hook, target)}) == 2


def test_reading_knows_ranges_conditions_and_missing_objects(hook: Any) -> None:
    url = f"{FOLDER}read.txt"
    write_text(hook, "0123456789", url, "text/plain")
    etag = head_object(hook, url)["etag"]

    assert open_object(hook, url, 2, 5).read() == b"234"
    known = open_unless_known(hook, url, f'"{etag}"')
    assert known
    assert known.is_unchanged
    with pytest.raises(ClientError, match=r"412|PreconditionFailed"):
        open_object(hook, url, if_etag="other")
    delete_objects(hook, [url])
    assert (read_object(hook, url), open_unless_known(hook, url, None)) == (None, None)


def test_listings_are_ordered_and_start_after_a_name(hook: Any) -> None:
    for name in ("b/2.json", "a.json", "b/1.json", "c.json"):
        write_json(hook, {}, f"{FOLDER}list/{name}")

    assert [each.name for each in list_objects(hook, f"{FOLDER}list/")] == [
        *("a.json", "b/1.json", "b/2.json", "c.json")
    ]
    assert [each.name for each in list_objects(hook, f"{FOLDER}list/", after="b/1.json")] == [
        *("b/2.json", "c.json")
    ]
    assert find_first_name(hook, f"{FOLDER}list/b/") == "1.json"
    assert find_first_name(hook, f"{FOLDER}none/") is None
