"""The transform in pandas as in a tutorial: each file is one frame, one step after the other.

Usage: `python -m benchmarks.peers.pandas_transform RAW_DIR OUT_DIR`.
"""

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from include.contract import CUSTOMERS, ORDERS, PRODUCTS, Dataset

Faults = dict[str, pd.Series]

TIME = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?(Z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?"
TIMESTAMP = rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}([T ]{TIME})?"
DECIMAL = r"-?[0-9]{1,14}(\.[0-9]{1,4})?"
WHOLE_NUMBER = r"-?[0-9]{1,18}"


def transform(raw_dir: Path, out_dir: Path) -> dict[str, Any]:
    (out_dir / "quarantine").mkdir(parents=True, exist_ok=True)
    counts: dict[str, Any] = {"rows": {}, "reasons": {}}
    customers = transform_customers(raw_dir, out_dir, counts)
    products = transform_products(raw_dir, out_dir, counts)
    orders = transform_orders(raw_dir, out_dir, counts, customers, products)
    return {**counts, "total_price": str(orders["total_price"].sum())}


def transform_customers(raw_dir: Path, out_dir: Path, counts: dict[str, Any]) -> pd.DataFrame:
    raw, duplicates = read(raw_dir, CUSTOMERS)
    customers = raw.assign(signup_date=to_time(raw["signup_date"]))
    faults = {
        "customer_id_missing": raw["customer_id"].isna(),
        "signup_date_invalid": raw["signup_date"].notna() & customers["signup_date"].isna(),
        "duplicate_customer_id": is_repeated(raw, CUSTOMERS),
    }
    return split(customers, raw, faults, duplicates, CUSTOMERS, out_dir, counts)


def transform_products(raw_dir: Path, out_dir: Path, counts: dict[str, Any]) -> pd.DataFrame:
    raw, duplicates = read(raw_dir, PRODUCTS)
    products = raw.assign(list_price=to_decimal(raw["list_price"]))
    faults = {
        "product_id_missing": raw["product_id"].isna(),
        "list_price_invalid": raw["list_price"].notna() & products["list_price"].isna(),
        "duplicate_product_id": is_repeated(raw, PRODUCTS),
    }
    return split(products, raw, faults, duplicates, PRODUCTS, out_dir, counts)


def transform_orders(
    raw_dir: Path, out_dir: Path, counts: dict[str, Any], customers: pd.DataFrame, products: pd.DataFrame
) -> pd.DataFrame:
    raw, duplicates = read(raw_dir, ORDERS)
    orders = raw[["order_id", "order_line", "customer_id", "product_id"]].copy()
    orders["order_date"] = to_time(raw["order_date"])
    orders["delivery_date"] = to_time(raw["delivery_date"])
    orders["quantity"] = to_whole(raw["quantity"])
    orders["selling_price"] = to_decimal(raw["selling_price"])
    faults = {
        "order_id_missing": raw["order_id"].isna(),
        "customer_id_missing": raw["customer_id"].isna(),
        "product_id_missing": raw["product_id"].isna(),
        "order_date_missing": raw["order_date"].isna(),
        "order_date_invalid": raw["order_date"].notna() & orders["order_date"].isna(),
        "delivery_date_invalid": raw["delivery_date"].notna() & orders["delivery_date"].isna(),
        "quantity_missing": raw["quantity"].isna(),
        "quantity_invalid": raw["quantity"].notna() & orders["quantity"].isna(),
        "quantity_not_positive": orders["quantity"] < 1,
        "selling_price_missing": raw["selling_price"].isna(),
        "selling_price_invalid": raw["selling_price"].notna() & orders["selling_price"].isna(),
        "selling_price_negative": orders["selling_price"] < 0,
        "delivery_before_order": orders["delivery_date"] < orders["order_date"],
        "unknown_customer": raw["customer_id"].notna() & ~raw["customer_id"].isin(customers["customer_id"]),
        "unknown_product": raw["product_id"].notna() & ~raw["product_id"].isin(products["product_id"]),
        "duplicate_order_id": is_repeated(raw, ORDERS),
    }
    orders["total_price"] = orders["quantity"] * orders["selling_price"]
    orders["shipping_time_days"] = (orders["delivery_date"] - orders["order_date"]).dt.days.astype("Int64")
    customer_columns = {"country": "customer_country", "city": "customer_city"}
    product_columns = {"name": "product_name", "category": "product_category"}
    orders = orders.merge(
        customers[["customer_id", *customer_columns]].rename(columns=customer_columns),
        on="customer_id",
        how="left",
    ).merge(
        products[["product_id", *product_columns]].rename(columns=product_columns),
        on="product_id",
        how="left",
    )
    orders.index = raw.index
    return split(orders, raw, faults, duplicates, ORDERS, out_dir, counts)


def read(raw_dir: Path, dataset: Dataset) -> tuple[pd.DataFrame, int]:
    """All text, without rows that equal an earlier one; the index is the line number."""
    path = raw_dir / f"{dataset.name}.csv"
    delivered = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
    raw = delivered.reindex(columns=list(dataset.column_names)).astype(str)
    raw.index += 2
    distinct = raw.drop_duplicates()
    return distinct, len(raw) - len(distinct)


def to_time(text: pd.Series) -> pd.Series:
    valid = text.where(text.str.fullmatch(TIMESTAMP) & (text > "0001"))
    if valid.str.len().max() > len("2026-11-21T00:00:00.000000"):
        valid = valid.str.replace(r"(\.[0-9]{6})[0-9]+", r"\1", regex=True)
    return pd.to_datetime(valid, format="ISO8601", utc=True, errors="coerce")


def to_decimal(text: pd.Series) -> pd.Series:
    return text.where(text.str.fullmatch(DECIMAL)).astype(pd.ArrowDtype(pa.decimal128(18, 4)))


def to_whole(text: pd.Series) -> pd.Series:
    return text.where(text.str.fullmatch(WHOLE_NUMBER)).astype(pd.ArrowDtype(pa.int64()))


def is_repeated(raw: pd.DataFrame, dataset: Dataset) -> pd.Series:
    return raw[dataset.id_column].notna() & raw.duplicated(list(dataset.key_columns))


def split(
    rows: pd.DataFrame,
    raw: pd.DataFrame,
    faults: Faults,
    duplicates: int,
    dataset: Dataset,
    out_dir: Path,
    counts: dict[str, Any],
) -> pd.DataFrame:
    """Write and count the accepted rows and, as delivered, the rejected ones."""
    flags = pd.DataFrame(faults).fillna(False).astype(bool)
    is_rejected = flags.any(axis="columns")
    accepted, rejected = rows[~is_rejected], raw[is_rejected]
    rejected = rejected.assign(
        reasons=pd.Series(
            [list(flags.columns[row]) for row in flags[is_rejected].to_numpy()], rejected.index
        ),
        source_key=f"{dataset.name}.csv",
        line_number=rejected.index,
        raw_line=None,
    )
    write(accepted, out_dir / f"{dataset.name}.parquet")
    write(rejected, out_dir / "quarantine" / f"{dataset.name}.parquet")
    counts["rows"][dataset.name] = {
        "read": len(rows) + duplicates,
        "published": len(accepted),
        "quarantined": len(rejected),
        "duplicates": duplicates,
    }
    counts["reasons"][dataset.name] = {name: int(count) for name, count in flags.sum().items()}
    return accepted


def write(rows: pd.DataFrame, path: Path) -> None:
    rows.to_parquet(path, index=False, compression="zstd", compression_level=1)


if __name__ == "__main__":
    print(json.dumps(transform(Path(sys.argv[1]), Path(sys.argv[2]))))
