"""`make query`: SQL over the published days, each in the version that its manifest names.

DuckDB reads local copies of the published objects, cached by version under `.local/query/`: a second query
downloads only new versions.
"""

import json
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from include import keys
from include.contract import DATASETS
from include.local.errors import LocalError
from include.local.session import StoreAccess, make_stack, open_store
from include.local.storage import translate_s3_errors
from include.manifest import Manifest, Output
from include.s3.listing import Listed, list_objects
from include.s3.objects import download_file

if TYPE_CHECKING:
    import duckdb

#: The views, each with the name of its output in the manifest.
VIEWS = {dataset: dataset for dataset in DATASETS} | {
    f"quarantine_{dataset}": f"quarantine/{dataset}" for dataset in DATASETS
}
_DOWNLOADS = 8
_PROMPT, _CONTINUED = "query> ", "   ...> "
_HELP = f"Views: {', '.join(VIEWS)}. End a statement with a semicolon; leave with Ctrl-D."


def main(sql: str, out: Path | None) -> None:
    """Run one query, or prompt for queries.

    Raises
    ------
    LocalError: nothing is published, or DuckDB rejects the SQL.
    """
    if out and (not sql or out.suffix not in {".csv", ".parquet"}):
        raise LocalError("OUT must be a .csv or .parquet file and needs SQL=…, too.")
    stack = make_stack(is_owned=False)
    with open_store(stack) as store, translate_s3_errors():
        published = PublishedTables(store, stack.state.query_cache)
        if sql:
            published.run(sql, out)
        else:
            _prompt(published)


class PublishedTables:
    """The published tables as DuckDB views, created when a statement first uses them.

    The first column of every view is the delivery day, `day`, also for files of earlier releases without it.
    """

    def __init__(self, store: StoreAccess, cache: Path) -> None:
        import duckdb

        self._store = store
        self._cache = cache
        self._manifests = _read_manifests(store, cache)
        self._views: set[str] = set()
        self._connection = duckdb.connect()
        self._connection.execute("SET TimeZone = 'UTC'")
        _remove_outdated(cache, self._manifests.values())

    def run(self, sql: str, out: Path | None = None) -> None:
        """Print the result of a statement, or write it to a file.

        Raises
        ------
        LocalError: DuckDB rejects the statement.
        """
        import duckdb

        try:
            for view in _find_views(sql):
                self._create_view(view)
            for statement in duckdb.extract_statements(sql):
                result = self._connection.sql(statement)
                if result is not None:
                    _write(result, out) if out else _print(result)
        except duckdb.Error as error:
            raise LocalError(str(error)) from error

    def _create_view(self, view: str) -> None:
        if view in self._views:
            return
        outputs = {
            day: manifest["outputs"][VIEWS[view]]
            for day, manifest in self._manifests.items()
            if VIEWS[view] in manifest["outputs"]
        }
        if not outputs:
            raise LocalError(f"No published day has {view}.")
        files = self._download(outputs)
        read = self._connection.read_parquet([*files], union_by_name=True, hive_partitioning=True)
        # The day comes from the path of each file, because files of earlier releases have no such column.
        read.project("CAST(day AS DATE) AS day, * EXCLUDE (day)").create_view(view)
        self._views.add(view)

    def _download(self, outputs: Mapping[str, Output]) -> list[str]:
        """The local copies of the objects, in the versions that the manifests name."""

        def fetch(day: str) -> str:
            output, path = outputs[day], _cached_path(self._cache, day, outputs[day])
            if not path.exists():
                unfinished = path.with_suffix(".unfinished")
                download_file(self._store.client, output["key"], unfinished, version_id=output["version_id"])
                unfinished.replace(path)
            return str(path)

        with ThreadPoolExecutor(_DOWNLOADS) as pool:
            return list(pool.map(fetch, outputs))


def _read_manifests(store: StoreAccess, cache: Path) -> dict[str, Manifest]:
    """The manifest of every published day; unchanged ones come from the cache."""
    cache.mkdir(parents=True, exist_ok=True)
    listed = list(list_objects(store.client, keys.manifests(store.layout)))
    if not listed:
        raise LocalError("No day is published yet. `make run` publishes one.")

    def read(manifest: Listed) -> Manifest:
        path = cache / f"manifest-{manifest.etag.strip(chr(34))}.json"
        if not path.exists():
            download_file(store.client, manifest.url, path)
        document: Manifest = json.loads(path.read_text())
        return document

    with ThreadPoolExecutor(_DOWNLOADS) as pool:
        return {manifest["day"]: manifest for manifest in pool.map(read, listed)}


def _cached_path(cache: Path, day: str, output: Output) -> Path:
    table = output["key"].rpartition("/dt=")[0].rpartition("/")[2]
    is_quarantine = "/quarantine/" in output["key"]
    folder = cache / ("quarantine" if is_quarantine else "published") / table / f"day={day}"
    return folder / f"{output['version_id'] or output['etag']}.parquet"


def _remove_outdated(cache: Path, manifests: Iterable[Manifest]) -> None:
    """Remove copies that no manifest names any more, because they may hold erased or corrected rows."""
    named = {
        _cached_path(cache, manifest["day"], output)
        for manifest in manifests
        for output in manifest["outputs"].values()
    }
    for path in cache.rglob("*.parquet"):
        if path not in named:
            path.unlink()


def _find_views(sql: str) -> list[str]:
    return [view for view in VIEWS if re.search(rf"\b{view}\b", sql, re.IGNORECASE)]


def _print(result: "duckdb.DuckDBPyRelation") -> None:
    columns = shutil.get_terminal_size((140, 40)).columns
    result.show(max_width=columns, max_rows=40)


def _write(result: "duckdb.DuckDBPyRelation", out: Path) -> None:
    if out.suffix == ".csv":
        result.write_csv(str(out), header=True)
    else:
        result.write_parquet(str(out))
    print(f"Wrote {out}")


def _prompt(published: PublishedTables) -> None:
    print(_HELP)
    for statement in _read_statements():
        try:
            published.run(statement)
        except LocalError as error:
            print(f"error: {error}", file=sys.stderr)


def _read_statements() -> Iterator[str]:
    """Statements from the terminal or a pipe, each up to its semicolon."""
    # Adds history and editing to the prompt, if the platform supports it.
    with suppress(ImportError):
        import_module("readline")
    is_terminal = sys.stdin.isatty()
    lines: list[str] = []
    while True:
        try:
            line = input((_CONTINUED if lines else _PROMPT) if is_terminal else "")
        except EOFError:
            break
        lines.append(line)
        if line.rstrip().endswith(";"):
            yield "\n".join(lines)
            lines = []
    if "".join(lines).strip():
        yield "\n".join(lines)
