"""What a person has to know or decide about the proposed contract; nothing in the files says it."""

import re
from collections.abc import Iterator, Sequence

from include.contract import DELIVERED, Dataset, Kind
from include.contract.model import UTC
from include.inspection.mapping import Match
from include.inspection.proposal import measure_repeated
from include.inspection.references import list_values

_LOCAL_TIME = re.compile(r"[T ]\d{1,2}:\d\d(:\d\d(\.\d+)?)?( ?[AaPp][Mm])?$")


def list_hints(proposed: Sequence[Dataset], matches: Sequence[Match]) -> list[str]:
    by_name = {match.dataset.name: match for match in matches}
    return [
        *_list_missing_files(by_name),
        *(hint for dataset in proposed for hint in _list_hints(dataset, by_name[dataset.name])),
    ]


def _list_missing_files(matches: dict[str, Match]) -> Iterator[str]:
    for name, dataset in DELIVERED.items():
        if name not in matches:
            yield (
                f"No file looks like {name}: each day needs one, with at least the column "
                f"{dataset.id_column}. Export it too."
            )
        elif file := matches[name].dataset.delivered_in:
            yield f"No file looks like {name}: the contract reads them from that of {file}."


def _list_hints(dataset: Dataset, match: Match) -> Iterator[str]:
    for column in dataset.columns:
        if column.required and column.name not in match.headers and not column.taken_from:
            yield (
                f"{dataset.name}: nothing in {match.sample.path.name} looks like {column.name}, which is "
                f'needed. If a column is it, name it: headers={{"{column.name}": "…"}}.'
            )
    moments = [
        match.headers[column.name]
        for column in dataset.columns
        if column.kind is Kind.TIMESTAMP
        and column.name in match.headers
        and dataset.format_of(column).time_zone == UTC
        and any(_LOCAL_TIME.search(value) for value in list_values(match, match.headers[column.name])[:100])
    ]
    if moments:
        yield (
            f"{dataset.name}: {', '.join(moments)}: no time zone, read as UTC. If it is the shop's local "
            'time, add time_zone="Europe/Berlin", or what it is, to the FileFormat.'
        )
    repeated = measure_repeated(match, dataset.key_columns)
    if repeated > 0 and not dataset.delivered_in and not dataset.numbered_column:
        key = " and ".join(match.headers[name] for name in dataset.key_columns if name in match.headers)
        yield (
            f"{dataset.name}: {repeated:.1%} of the rows repeat {key} with other content, and are rejected "
            "as duplicates. If each is a line of its own, find the column that tells them apart, for `key`."
        )
