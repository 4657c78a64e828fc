"""The transform in DuckDB. Usage: `python -m benchmarks.peers.duckdb_transform RAW_DIR OUT_DIR`.

Optimisations: the raw text is loaded once and in file order, so a row id gives the line number; repeated ids
are found by grouping 64-bit hashes, and only rows with such a hash are ranked; typed rows are kept, so
nothing is cast twice; looked-up text is an ENUM, which the Parquet writer takes as a dictionary.
"""

# ruff: noqa: S608  # all names in the SQL come from the contract

import json
import sys
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.peers import read_header
from include.contract import CUSTOMERS, DATASETS, ORDERS, PRODUCTS, Dataset

Database = duckdb.DuckDBPyConnection

TIME = r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,9})?)?(Z|[+-]([01]\d|2[0-3])(:?[0-5]\d)?)?"
MACROS = rf"""
CREATE MACRO as_time(t) AS
    CASE WHEN t > '0001' AND regexp_full_match(t, '\d{{4}}-\d\d-\d\d([T ]{TIME})?')
         THEN try_cast(t AS TIMESTAMPTZ) END;
CREATE MACRO as_decimal(t) AS
    CASE WHEN regexp_full_match(t, '-?\d{{1,14}}(\.\d{{1,4}})?') THEN try_cast(t AS DECIMAL(18, 4)) END;
CREATE MACRO as_whole(t) AS
    CASE WHEN regexp_full_match(t, '-?\d{{1,18}}') THEN try_cast(t AS BIGINT) END;
"""
PARQUET = "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"

#: The condition of each reason; its position is its bit in `faults`. Repeated ids come last.
FAULTS = {
    "customers": {
        "customer_id_missing": "customer_id IS NULL",
        "signup_date_invalid": "signup_text IS NOT NULL AND signup_date IS NULL",
        "duplicate_customer_id": "false",
    },
    "products": {
        "product_id_missing": "product_id IS NULL",
        "list_price_invalid": "price_text IS NOT NULL AND list_price IS NULL",
        "duplicate_product_id": "false",
    },
    "orders": {
        "order_id_missing": "order_id IS NULL",
        "customer_id_missing": "typed.customer_id IS NULL",
        "product_id_missing": "typed.product_id IS NULL",
        "order_date_missing": "order_text IS NULL",
        "order_date_invalid": "order_text IS NOT NULL AND order_date IS NULL",
        "delivery_date_invalid": "delivery_text IS NOT NULL AND delivery_date IS NULL",
        "quantity_missing": "quantity_text IS NULL",
        "quantity_invalid": "quantity_text IS NOT NULL AND quantity IS NULL",
        "quantity_not_positive": "quantity < 1",
        "selling_price_missing": "price_text IS NULL",
        "selling_price_invalid": "price_text IS NOT NULL AND selling_price IS NULL",
        "selling_price_negative": "selling_price < 0",
        "delivery_before_order": "delivery_date < order_date",
        "unknown_customer": "typed.customer_id IS NOT NULL AND c.customer_id IS NULL",
        "unknown_product": "typed.product_id IS NOT NULL AND p.product_id IS NULL",
        "duplicate_order_id": "false",
    },
}
PUBLISHED_ORDERS = """
    order_id, order_line, customer_id, product_id, order_date, delivery_date, quantity, selling_price,
    (quantity * selling_price)::DECIMAL(38, 4) AS total_price,
    (epoch_us(delivery_date) - epoch_us(order_date)) // 86_400_000_000 AS shipping_time_days,
    customer_country, customer_city, product_name, product_category"""


def transform(raw_dir: Path, out_dir: Path) -> dict[str, Any]:
    (out_dir / "quarantine").mkdir(parents=True, exist_ok=True)
    db = duckdb.connect()
    db.execute("SET TimeZone = 'UTC'")
    db.execute(MACROS)
    for dataset in DATASETS.values():
        load(db, dataset, raw_dir)
        find_repeated(db, dataset)
    judge_customers(db)
    judge_products(db)
    refuse(db, CUSTOMERS)
    refuse(db, PRODUCTS)
    prepare_look_ups(db)
    judge_orders(db)
    refuse(db, ORDERS)
    write(db, CUSTOMERS, ", ".join(CUSTOMERS.column_names), out_dir)
    write(db, PRODUCTS, ", ".join(PRODUCTS.column_names), out_dir)
    write(db, ORDERS, PUBLISHED_ORDERS, out_dir)
    return count(db)


def load(db: Database, dataset: Dataset, raw_dir: Path) -> None:
    file = raw_dir / f"{dataset.name}.csv"
    delivered = read_header(file)
    columns = (name if name in delivered else f"NULL::VARCHAR AS {name}" for name in dataset.column_names)
    db.execute(f"""
        CREATE TEMP TABLE raw_{dataset.name} AS
        SELECT {", ".join(columns)}
        FROM read_csv({quote(file)}, header = true, all_varchar = true,
                      delim = ',', quote = '"', escape = '"', nullstr = '')""")


def quote(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def find_repeated(db: Database, dataset: Dataset) -> None:
    """Rows that equal an earlier one, and other rows with the key of an earlier one."""
    key, rest = dataset.id_column, dataset.key_columns[1:]
    db.execute(f"""
        CREATE TEMP TABLE repeated_{dataset.name} AS
        WITH
        hashes AS (SELECT hash({key}) AS id FROM raw_{dataset.name} GROUP BY id HAVING count(*) > 1),
        candidates AS (
            SELECT rowid AS line, {", ".join((f"{key} AS id", *rest))},
                   row_number() OVER (PARTITION BY {", ".join(dataset.column_names)} ORDER BY rowid) > 1
                   AS is_same_row
            FROM raw_{dataset.name} SEMI JOIN hashes ON hash({key}) = hashes.id)
        SELECT line, is_same_row FROM candidates
        QUALIFY is_same_row
             OR (id IS NOT NULL AND row_number() OVER (
                     PARTITION BY {", ".join(("id", *rest))}, is_same_row ORDER BY line) > 1)""")


def judge_customers(db: Database) -> None:
    db.execute(f"""
        CREATE TEMP TABLE judged_customers AS
        SELECT line, {bits("customers")} AS faults, customer_id, name, email, country, city, signup_date
        FROM (SELECT * RENAME (signup_date AS signup_text), rowid AS line, as_time(signup_date) AS signup_date
              FROM raw_customers)""")


def judge_products(db: Database) -> None:
    db.execute(f"""
        CREATE TEMP TABLE judged_products AS
        SELECT line, {bits("products")} AS faults, product_id, name, category, list_price
        FROM (SELECT * RENAME (list_price AS price_text), rowid AS line, as_decimal(list_price) AS list_price
              FROM raw_products)""")


def prepare_look_ups(db: Database) -> None:
    for dataset, column in (
        (CUSTOMERS, "country"),
        (CUSTOMERS, "city"),
        (PRODUCTS, "name"),
        (PRODUCTS, "category"),
    ):
        table = f"judged_{dataset.name}"
        db.execute(
            f"CREATE TYPE {column} AS ENUM (SELECT DISTINCT {column} FROM {table} WHERE {column} IS NOT NULL)"
        )
    db.execute("""
        CREATE TEMP TABLE customers AS
        SELECT customer_id, country::country AS customer_country, city::city AS customer_city
        FROM judged_customers ANTI JOIN rejected_customers USING (line)""")
    db.execute("""
        CREATE TEMP TABLE products AS
        SELECT product_id, name::name AS product_name, category::category AS product_category
        FROM judged_products ANTI JOIN rejected_products USING (line)""")


def judge_orders(db: Database) -> None:
    db.execute(f"""
        CREATE TEMP TABLE judged_orders AS
        SELECT line, {bits("orders")} AS faults,
               order_id, order_line, typed.customer_id, typed.product_id, order_date, delivery_date,
               quantity, selling_price, customer_country, customer_city, product_name, product_category
        FROM (SELECT rowid AS line, order_id, order_line, customer_id, product_id,
                     order_date AS order_text, as_time(order_date) AS order_date,
                     delivery_date AS delivery_text, as_time(delivery_date) AS delivery_date,
                     quantity AS quantity_text, as_whole(quantity) AS quantity,
                     selling_price AS price_text, as_decimal(selling_price) AS selling_price
              FROM raw_orders) AS typed
        LEFT JOIN customers AS c USING (customer_id)
        LEFT JOIN products AS p USING (product_id)""")


def bits(name: str) -> str:
    """All faults of a row in one number."""
    return " + ".join(
        f"{1 << place} * coalesce({condition}, false)::USMALLINT"
        for place, condition in enumerate(FAULTS[name].values())
    )


def refuse(db: Database, dataset: Dataset) -> None:
    """The rows that are not published: rejected ones and duplicates."""
    duplicate_id = 1 << (len(FAULTS[dataset.name]) - 1)
    db.execute(f"""
        CREATE TEMP TABLE rejected_{dataset.name} AS
        SELECT line, coalesce(is_same_row, false) AS is_same_row,
               coalesce(faults, 0) + {duplicate_id} * coalesce(NOT is_same_row, false)::INT AS faults
        FROM (SELECT line, faults FROM judged_{dataset.name} WHERE faults <> 0)
        FULL JOIN repeated_{dataset.name} USING (line)""")


def write(db: Database, dataset: Dataset, columns: str, out_dir: Path) -> None:
    name = dataset.name
    reasons = ", ".join(
        f"CASE WHEN faults & {1 << place} <> 0 THEN '{reason}' END"
        for place, reason in enumerate(FAULTS[name])
    )
    db.execute(f"""
        COPY (SELECT {columns} FROM judged_{name} ANTI JOIN rejected_{name} USING (line))
        TO {quote(out_dir / f"{name}.parquet")} {PARQUET}""")
    db.execute(f"""
        CREATE TEMP TABLE quarantine_{name} AS
        SELECT raw.*, list_filter([{reasons}], lambda reason: reason IS NOT NULL) AS reasons,
               '{name}.csv' AS source_key, line + 2 AS line_number, NULL::VARCHAR AS raw_line
        FROM raw_{name} AS raw JOIN rejected_{name} ON raw.rowid = line WHERE NOT is_same_row""")
    db.execute(f"""
        COPY (FROM quarantine_{name} ORDER BY line_number)
        TO {quote(out_dir / "quarantine" / f"{name}.parquet")} {PARQUET}""")


def count(db: Database) -> dict[str, Any]:
    def ask(question: str) -> list[tuple[Any, ...]]:
        return db.execute(question).fetchall()

    rows, reasons = {}, {}
    for name, faults in FAULTS.items():
        [(read,)] = ask(f"SELECT count(*) FROM raw_{name}")
        [(duplicates,)] = ask(f"SELECT count(*) FROM rejected_{name} WHERE is_same_row")
        found = dict(
            ask(f"SELECT unnest(reasons) AS reason, count(*) FROM quarantine_{name} GROUP BY reason")
        )
        [(quarantined,)] = ask(f"SELECT count(*) FROM quarantine_{name}")
        rows[name] = {
            "read": read,
            "published": read - quarantined - duplicates,
            "quarantined": quarantined,
            "duplicates": duplicates,
        }
        reasons[name] = dict.fromkeys(faults, 0) | found
    [(total,)] = ask("""
        SELECT sum(quantity * selling_price) FROM judged_orders ANTI JOIN rejected_orders USING (line)""")
    return {"rows": rows, "reasons": reasons, "total_price": str(total or 0)}


if __name__ == "__main__":
    print(json.dumps(transform(Path(sys.argv[1]), Path(sys.argv[2]))))
