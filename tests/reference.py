"""The transform once more, slow and obvious: one row at a time, with the standard library.

Written from the contract's words, not from the pipeline's code, so that the two can disagree.
"""

import csv
import datetime as dt
import gzip
import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

RAW_COLUMNS = {
    "customers": ["customer_id", "name", "email", "country", "city", "signup_date"],
    "products": ["product_id", "name", "category", "list_price"],
    "orders": [
        "order_id",
        "order_line",
        "customer_id",
        "product_id",
        "order_date",
        "delivery_date",
        "quantity",
        "selling_price",
        "status",
    ],
}
PUBLISHED_ORDERS = [
    *RAW_COLUMNS["orders"][:-1],
    *("total_price", "shipping_time_days"),
    *("customer_country", "customer_city", "product_name", "product_category"),
]
#: The columns that hold no text.
TYPED = {"signup_date", "list_price", "order_date", "delivery_date", "quantity", "selling_price"}
#: The columns of each published table.
PUBLISHED = {**RAW_COLUMNS, "orders": PUBLISHED_ORDERS}
KEYS = {"customers": ["customer_id"], "products": ["product_id"], "orders": ["order_id", "order_line"]}
#: Ids and references, which nobody may write with blanks around them.
IDENTIFIERS = {"customer_id", "product_id", "order_id", "order_line"}


def transform(folder: Path) -> dict[str, Any]:
    """Published rows, rejected rows (reasons and line), and counts of each dataset."""
    customers = _process(folder, "customers", {})
    products = _process(folder, "products", {})
    known = {
        f"{name}_id": {row[f"{name}_id"]: row for row in table["published"]}
        | {f"rejected {row_id}": {} for row_id in table["rejected_ids"]}
        for name, table in (("customer", customers), ("product", products))
    }
    return {"customers": customers, "products": products, "orders": _process(folder, "orders", known)}


def _process(folder: Path, dataset: str, known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    published, refused, duplicates, blank = [], [], 0, 0
    seen_rows: set[tuple[str | None, ...]] = set()
    seen_keys: set[tuple[str | None, ...]] = set()
    rejected_ids: set[str] = set()
    text = _read_text(folder, dataset)
    header = re.match(r"[^\r\n]*(\r\n|\r|\n|$)", text).group()  # type: ignore[union-attr]  # matches anything
    names = next(csv.reader([header.strip("\r\n")]))
    for number, fields in read_records(text[len(header) :], len(names)):
        if isinstance(fields, str):
            refused.append((["malformed_row"], number))
            continue
        if not any(fields):
            blank += 1
            continue
        delivered = {name: value or None for name, value in zip(names, fields, strict=True)}
        raw = {name: delivered.get(name) for name in RAW_COLUMNS[dataset]}
        if tuple(raw.values()) in seen_rows:
            duplicates += 1
            continue
        seen_rows.add(tuple(raw.values()))
        stripped = {
            name: strip_blanks(text) if name in TYPED | IDENTIFIERS else text for name, text in raw.items()
        }
        row, reasons = _judge(dataset, stripped, known)
        reasons += [
            f"{name}_untrimmed"
            for name, text in raw.items()
            if name in IDENTIFIERS and stripped[name] not in (None, text)
        ]
        key = tuple(raw[name] for name in KEYS[dataset])
        reasons += [
            f"{name}_too_long"
            for name, text in zip(KEYS[dataset], key, strict=True)
            if len((text or "").encode()) > 256
        ]
        if key in seen_keys:
            reasons.append(f"duplicate_{KEYS[dataset][0]}")
        if strip_blanks(key[0]):
            seen_keys.add(key)
        if reasons:
            refused.append((sorted(reasons), number))
            rejected_ids |= {stripped[KEYS[dataset][0]] or ""}
        else:
            published.append(row)
    read = len(published) + len(refused) + duplicates
    return {
        "published": published,
        "refused": refused,
        "duplicates": duplicates,
        "read": read,
        "blank": blank,
        "rejected_ids": rejected_ids,
    }


def _read_text(folder: Path, dataset: str) -> str:
    plain, zipped = folder / f"{dataset}.csv", folder / f"{dataset}.csv.gz"
    data = plain.read_bytes() if plain.exists() else gzip.decompress(zipped.read_bytes())
    return data.decode("utf-8-sig")


def read_records(text: str, column_count: int) -> Iterator[tuple[int, list[str] | str]]:
    """The records below the header, each with its line: its fields, or its text where it is malformed.

    A field that begins with a quote ends at the next quote that is not doubled. A quoted field may hold
    line ends. A record with another number of fields is malformed as a whole. Where a record is not well
    formed up to its end, its first line is malformed alone, and reading continues after that line. A blank
    line has no fields.
    """
    position, line = 0, 2
    while position < len(text):
        end = _find_line_end(text, position)
        fields, record_end = _read_record(text, position)
        if fields is None:
            record_end = end
        record = text[position:record_end].rstrip("\r\n")
        if fields is None or (len(fields) != column_count and record):
            yield line, record
        else:
            yield line, fields if record else []
        line += len(re.findall(r"\r\n|\r|\n", text[position:record_end]))
        position = record_end


def _find_line_end(text: str, position: int) -> int:
    """Behind the line end that comes next, or the end of the text."""
    match = re.compile(r"\r\n|\r|\n").search(text, position)
    return match.end() if match else len(text)


def _read_record(text: str, position: int) -> tuple[list[str] | None, int]:
    """The fields of the record that starts here, and where it ends; None where it is not well formed."""
    fields = []
    while True:
        field, position = _read_field(text, position)
        if field is None:
            return None, position
        fields.append(field)
        if text[position : position + 1] != ",":
            return fields, _find_line_end(text, position)
        position += 1


def _read_field(text: str, position: int) -> tuple[str | None, int]:
    if text[position : position + 1] != '"':
        end = position
        while end < len(text) and text[end] not in ",\r\n":
            end += 1
        return text[position:end], end
    value, position = "", position + 1
    while position < len(text):
        if text[position] != '"':
            value += text[position]
            position += 1
        elif text[position : position + 2] == '""':
            value += '"'
            position += 2
        else:
            position += 1
            is_closed = position == len(text) or text[position] in ",\r\n"
            return (value, position) if is_closed else (None, position)
    return None, position


def _judge(
    dataset: str, raw: dict[str, str | None], known: dict[str, dict[str, Any]]
) -> tuple[dict[str, Any], list[str]]:
    if dataset == "customers":
        return _judge_customer(raw)
    if dataset == "products":
        return _judge_product(raw)
    return _judge_order(raw, known)


def _judge_customer(raw: dict[str, str | None]) -> tuple[dict[str, Any], list[str]]:
    reasons = [] if raw["customer_id"] is not None else ["customer_id_missing"]
    signup_date = read_timestamp(raw["signup_date"])
    if raw["signup_date"] is not None and signup_date is None:
        reasons.append("signup_date_invalid")
    reasons += _list_implausible({"signup_date": signup_date})
    return {**raw, "signup_date": signup_date}, reasons


def _judge_product(raw: dict[str, str | None]) -> tuple[dict[str, Any], list[str]]:
    reasons = [] if raw["product_id"] is not None else ["product_id_missing"]
    list_price = read_decimal(raw["list_price"])
    if raw["list_price"] is not None and list_price is None:
        reasons.append("list_price_invalid")
    return {**raw, "list_price": list_price}, reasons


def _judge_order(
    raw: dict[str, str | None], known: dict[str, dict[str, Any]]
) -> tuple[dict[str, Any], list[str]]:
    reasons = [
        f"{name}_missing"
        for name in ("order_id", "customer_id", "product_id", "order_date")
        if raw[name] is None
    ]
    reasons += [f"{name}_missing" for name in ("quantity", "selling_price") if raw[name] is None]
    order_date, delivery_date = read_timestamp(raw["order_date"]), read_timestamp(raw["delivery_date"])
    quantity, price = read_whole_number(raw["quantity"]), read_decimal(raw["selling_price"])
    values = {
        "order_date": order_date,
        "delivery_date": delivery_date,
        "quantity": quantity,
        "selling_price": price,
    }
    reasons += [
        f"{name}_invalid" for name, value in values.items() if raw[name] is not None and value is None
    ]
    if quantity is not None and quantity < 1:
        reasons.append("quantity_not_positive")
    if price is not None and price < 0:
        reasons.append("selling_price_negative")
    reasons += _list_implausible({"order_date": order_date, "delivery_date": delivery_date})
    shipping_days = _count_days(order_date, delivery_date, raw["delivery_date"])
    if shipping_days is not None and shipping_days < 0:
        reasons.append("delivery_before_order")
    for name in ("customer_id", "product_id"):
        if raw[name] is not None and raw[name] not in known[name]:
            what = "rejected" if f"rejected {raw[name]}" in known[name] else "unknown"
            reasons.append(f"{what}_{name.removesuffix('_id')}")
    if reasons:
        return {}, reasons
    assert quantity is not None
    assert price is not None
    assert order_date is not None
    customer, product = (known[name][str(raw[name])] for name in ("customer_id", "product_id"))
    return {
        **{name: raw[name] for name in ("order_id", "order_line", "customer_id", "product_id")},
        **values,
        "total_price": quantity * price,
        "shipping_time_days": shipping_days,
        "customer_country": customer["country"],
        "customer_city": customer["city"],
        "product_name": product["name"],
        "product_category": product["category"],
    }, reasons


def _list_implausible(moments: dict[str, dt.datetime | None]) -> list[str]:
    return [
        f"{name}_implausible" for name, moment in moments.items() if moment and not 1980 <= moment.year < 2100
    ]


def _count_days(ordered: dt.datetime | None, delivered: dt.datetime | None, text: str | None) -> int | None:
    """Whole days; calendar days where the delivery is a date alone."""
    if not ordered or not delivered or not text:
        return None
    if len(text) == len("2026-11-21"):
        return (delivered.date() - ordered.date()).days
    return (delivered - ordered).days


def strip_blanks(text: str | None) -> str | None:
    """Without blanks and invisible characters at either end; None where nothing is left."""
    text = text or ""
    while text and _is_blank(text[0]):
        text = text[1:]
    while text and _is_blank(text[-1]):
        text = text[:-1]
    return text or None


def _is_blank(character: str) -> bool:
    return unicodedata.category(character) in ("Zs", "Zl", "Zp", "Cc", "Cf")


def read_whole_number(text: str | None) -> int | None:
    number = _read_number(text, digits=18, places=0)
    return None if number is None else int(number)


def read_decimal(text: str | None) -> Decimal | None:
    return _read_number(text, digits=14, places=4)


def _read_number(text: str | None, digits: int, places: int) -> Decimal | None:
    """Digits with a sign and a point, if any; None where the value has more digits or places than it may."""
    if not text or not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)", text):
        return None
    number = Decimal(text)
    is_kept = number == round(number, places) and abs(number) < Decimal(10) ** digits
    return number if is_kept else None


def read_timestamp(text: str | None) -> dt.datetime | None:
    """ISO 8601; UTC unless it says otherwise; fractions beyond microseconds are cut."""
    time_of_day = r"([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(\.[0-9]{1,9}0*)?"
    zone = r"(?: ?(Z|z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?))?"
    match = re.fullmatch(rf"([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})(?:[T ]{time_of_day}{zone})?", text or "")
    if not match:
        return None
    date, time, fraction, offset = match.groups()
    if fraction and len(time) == len("00:00"):
        return None
    try:
        moment = dt.datetime.fromisoformat(f"{date}T{time or '00:00'}{(fraction or '')[:7]}")
        return (moment - _read_offset(offset)).replace(tzinfo=dt.UTC)
    except (ValueError, OverflowError):
        return None


def _read_offset(offset: str | None) -> dt.timedelta:
    if offset in (None, "Z", "z", "UTC"):
        return dt.timedelta()
    assert offset is not None
    digits = offset[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 23 or minutes > 59:
        raise ValueError(offset)
    size = dt.timedelta(hours=hours, minutes=minutes)
    return size if offset[0] == "+" else -size
