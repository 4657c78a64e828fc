"""The transform in Polars. Usage: `python -m benchmarks.peers.polars_transform RAW_DIR OUT_DIR`.

Optimisations: everything is lazy and streams; repeated ids are found by counting 64-bit hashes, and only rows
with such a hash are compared; the usual form of a timestamp is parsed first, and only the others are
rewritten; looked-up text is categorical; one query feeds both output files.
"""

import json
import sys
from pathlib import Path
from typing import Any

import polars as pl
from polars import col

from benchmarks.peers import read_header
from include.contract import CUSTOMERS, ORDERS, PRODUCTS, Dataset

Faults = dict[str, pl.Expr]

TIME = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?(Z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?"
TIMESTAMP = rf"^[0-9]{{4}}-[0-9][0-9]-[0-9][0-9]([T ]{TIME})?$"
DECIMAL = r"^-?[0-9]{1,14}(\.[0-9]{1,4})?$"
WHOLE_NUMBER = r"^-?[0-9]{1,18}$"
USUAL_TIME, ANY_TIME = "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S%.f%#z"
#: Normalise bare dates, spaces, missing seconds and missing offsets to `ANY_TIME`, in this order.
REWRITES = {
    r"^(.{10})$": "${1}T00:00Z",
    r"^(.{10}) ": "${1}T",
    r"(T..:..)(Z|[+-]|$)": "${1}:00${2}",
    r"(T[0-9:.]+)$": "${1}Z",
}
UTC = pl.Datetime("us", "UTC")


def transform(raw_dir: Path, out_dir: Path) -> dict[str, Any]:
    (out_dir / "quarantine").mkdir(parents=True, exist_ok=True)
    sources = {dataset.name: scan(raw_dir, dataset) for dataset in (CUSTOMERS, PRODUCTS, ORDERS)}
    counts = {
        "customers": judge_customers(sources["customers"], out_dir),
        "products": judge_products(sources["products"], out_dir),
        "orders": judge_orders(sources["orders"], out_dir),
    }
    total = pl.scan_parquet(out_dir / "orders.parquet").select(col("total_price").sum()).collect().item()
    return {
        "rows": {name: rows for name, (rows, _) in counts.items()},
        "reasons": {name: reasons for name, (_, reasons) in counts.items()},
        "total_price": str(total),
    }


def scan(raw_dir: Path, dataset: Dataset) -> pl.LazyFrame:
    """All text; only an empty field is null, and a column that the file lacks."""
    file = raw_dir / f"{dataset.name}.csv"
    lacking = set(dataset.column_names) - set(read_header(file))
    rows = pl.scan_csv(
        file,
        infer_schema=False,
        null_values=[""],
        row_index_name="line_number",
        row_index_offset=2,
    )
    return rows.with_columns(pl.lit(None, pl.String).alias(name) for name in lacking).select(
        "line_number", *dataset.column_names
    )


def judge_customers(raw: pl.LazyFrame, out_dir: Path) -> tuple[dict[str, int], dict[str, int]]:
    faults = {
        "customer_id_missing": col("customer_id").is_null(),
        "signup_date_invalid": col("signup_date").is_not_null() & col("time").is_null(),
        "duplicate_customer_id": col("is_same_id"),
    }
    published = [*map(col, CUSTOMERS.column_names[:-1]), col("time").alias("signup_date")]
    return write(raw, raw.with_columns(time=as_time("signup_date")), faults, CUSTOMERS, published, out_dir)


def judge_products(raw: pl.LazyFrame, out_dir: Path) -> tuple[dict[str, int], dict[str, int]]:
    faults = {
        "product_id_missing": col("product_id").is_null(),
        "list_price_invalid": col("list_price").is_not_null() & col("price").is_null(),
        "duplicate_product_id": col("is_same_id"),
    }
    published = [*map(col, PRODUCTS.column_names[:-1]), col("price").alias("list_price")]
    return write(raw, raw.with_columns(price=as_decimal("list_price")), faults, PRODUCTS, published, out_dir)


def judge_orders(raw: pl.LazyFrame, out_dir: Path) -> tuple[dict[str, int], dict[str, int]]:
    faults = {
        "order_id_missing": col("order_id").is_null(),
        "customer_id_missing": col("customer_id").is_null(),
        "product_id_missing": col("product_id").is_null(),
        "order_date_missing": col("order_date").is_null(),
        "order_date_invalid": col("order_date").is_not_null() & col("ordered").is_null(),
        "delivery_date_invalid": col("delivery_date").is_not_null() & col("delivered").is_null(),
        "quantity_missing": col("quantity").is_null(),
        "quantity_invalid": col("quantity").is_not_null() & col("units").is_null(),
        "quantity_not_positive": col("units") < 1,
        "selling_price_missing": col("selling_price").is_null(),
        "selling_price_invalid": col("selling_price").is_not_null() & col("price").is_null(),
        "selling_price_negative": col("price") < 0,
        "delivery_before_order": col("delivered") < col("ordered"),
        "unknown_customer": col("customer_id").is_not_null() & col("is_customer").is_null(),
        "unknown_product": col("product_id").is_not_null() & col("is_product").is_null(),
        "duplicate_order_id": col("is_same_id"),
    }
    published = [
        col("order_id"),
        col("order_line"),
        col("customer_id"),
        col("product_id"),
        col("ordered").alias("order_date"),
        col("delivered").alias("delivery_date"),
        col("units").alias("quantity"),
        col("price").alias("selling_price"),
        (col("units") * col("price")).alias("total_price"),
        (col("delivered") - col("ordered")).dt.total_days().alias("shipping_time_days"),
        col("customer_country"),
        col("customer_city"),
        col("product_name"),
        col("product_category"),
    ]
    typed = raw.with_columns(
        ordered=as_time("order_date"),
        delivered=as_time("delivery_date"),
        units=as_whole("quantity"),
        price=as_decimal("selling_price"),
    )
    customers = look_up(
        out_dir, CUSTOMERS, is_customer=True, customer_country="country", customer_city="city"
    )
    products = look_up(out_dir, PRODUCTS, is_product=True, product_name="name", product_category="category")
    joined = typed.join(customers, on="customer_id", how="left").join(products, on="product_id", how="left")
    return write(raw, joined, faults, ORDERS, published, out_dir)


def look_up(out_dir: Path, dataset: Dataset, **columns: str | bool) -> pl.LazyFrame:
    """The accepted rows by id: renamed columns and a flag."""
    values = {
        name: pl.lit(value) if isinstance(value, bool) else col(value).cast(pl.Categorical)
        for name, value in columns.items()
    }
    return pl.scan_parquet(out_dir / f"{dataset.name}.parquet").select(dataset.id_column, **values)


def as_time(name: str) -> pl.Expr:
    return col(name).map_batches(parse_times, return_dtype=UTC, is_elementwise=True)


def parse_times(text: pl.Series) -> pl.Series:
    has_grammar = text.str.contains(TIMESTAMP) & (text > "0001")
    valid = text.set(~has_grammar, None)
    times = to_datetime(valid, USUAL_TIME)
    is_unusual = valid.is_not_null() & times.is_null()
    if not is_unusual.any():
        return times
    unusual = valid.filter(is_unusual)
    for pattern, replacement in REWRITES.items():
        unusual = unusual.str.replace(pattern, replacement)
    return times.scatter(is_unusual.arg_true(), to_datetime(unusual, ANY_TIME))


def to_datetime(text: pl.Series, form: str) -> pl.Series:
    return text.str.to_datetime(form, time_unit="us", time_zone="UTC", strict=False)


def as_decimal(name: str) -> pl.Expr:
    return pl.when(col(name).str.contains(DECIMAL)).then(col(name)).cast(pl.Decimal(18, 4), strict=False)


def as_whole(name: str) -> pl.Expr:
    return pl.when(col(name).str.contains(WHOLE_NUMBER)).then(col(name)).cast(pl.Int64, strict=False)


def find_repeated(raw: pl.LazyFrame, dataset: Dataset) -> pl.DataFrame:
    """Lines that equal an earlier one, and other lines with the key of an earlier one."""
    row_id, key = col(dataset.id_column), pl.struct(dataset.key_columns)
    id_hash = row_id.hash()
    counts = raw.group_by(id_hash.alias("hash")).len().filter(col("len") > 1).collect(engine="streaming")
    candidates = (
        raw.filter(id_hash.is_in(counts["hash"].implode())).collect(engine="streaming").sort("line_number")
    )
    is_first = pl.struct(pl.exclude("line_number")).is_first_distinct()
    judged = candidates.with_columns(is_same_row=~is_first)
    same_rows = judged.filter("is_same_row")
    others = judged.filter(~col("is_same_row"))
    same_ids = others.filter(row_id.is_not_null() & ~key.is_first_distinct())
    return pl.concat([same_rows, same_ids]).select(
        "line_number", "is_same_row", is_same_id=~col("is_same_row")
    )


def write(
    raw: pl.LazyFrame,
    typed: pl.LazyFrame,
    faults: Faults,
    dataset: Dataset,
    published: list[pl.Expr],
    out_dir: Path,
) -> tuple[dict[str, int], dict[str, int]]:
    """Write both files of a dataset; count rows and reasons."""
    repeated = find_repeated(raw, dataset)
    certain = {reason: fault.fill_null(value=False) for reason, fault in faults.items()}
    judged = (
        typed.join(repeated.lazy(), on="line_number", how="left")
        .filter(~col("is_same_row").fill_null(value=False))
        .with_columns(is_rejected=pl.any_horizontal(certain.values()))
    )
    reasons = pl.concat_list([pl.when(fault).then(pl.lit(reason)) for reason, fault in certain.items()])
    rejected = judged.filter("is_rejected").select(
        *dataset.column_names,
        reasons=reasons.list.drop_nulls(),
        source_key=pl.lit(f"{dataset.name}.csv"),
        line_number=col("line_number").cast(pl.Int64),
        raw_line=pl.lit(None, pl.String),
    )
    accepted = judged.filter(~col("is_rejected")).select(published)
    pl.collect_all(
        [
            sink(accepted, out_dir / f"{dataset.name}.parquet"),
            sink(rejected.sort("line_number"), out_dir / "quarantine" / f"{dataset.name}.parquet"),
        ],
        engine="streaming",
    )
    return count(dataset, faults, repeated.filter("is_same_row").height, out_dir)


def sink(rows: pl.LazyFrame, path: Path) -> pl.LazyFrame:
    return rows.sink_parquet(path, compression="zstd", compression_level=1, lazy=True)


def count(
    dataset: Dataset, faults: Faults, duplicates: int, out_dir: Path
) -> tuple[dict[str, int], dict[str, int]]:
    published = pl.scan_parquet(out_dir / f"{dataset.name}.parquet").select(pl.len()).collect().item()
    reasons = pl.read_parquet(out_dir / "quarantine" / f"{dataset.name}.parquet")["reasons"]
    found = dict(reasons.explode().value_counts().iter_rows())
    rows = {
        "read": published + len(reasons) + duplicates,
        "published": published,
        "quarantined": len(reasons),
        "duplicates": duplicates,
    }
    return rows, dict.fromkeys(faults, 0) | found


if __name__ == "__main__":
    print(json.dumps(transform(Path(sys.argv[1]), Path(sys.argv[2]))))
