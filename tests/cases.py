"""Raw orders as real shops write them, each with what must become of it; for the engine and for Spark.

Ids differ from case to case, so that all cases also make one file.
"""

import datetime as dt
from decimal import Decimal
from typing import Any

CUSTOMERS = """\
customer_id,name,email,city,country,signup_date
K1,,,Graz,AT,2020-05-01 08:00:00 +0200
K2,,,Lyon,FR,0000-00-00 00:00:00
K3\u00a0,,,Bern,CH,
"""
PRODUCTS = 'product_id,name,category,list_price\nA1,Cup,Kitchen,3.5000000\nA2,Bowl,Kitchen,"3,50"\n'
HEADER = "order_id,order_line,customer_id,product_id,order_date,delivery_date,quantity,selling_price,status\n"


def utc(hour: int, minute: int = 0, second: int = 0, microsecond: int = 0) -> dt.datetime:
    return dt.datetime(2025, 3, 9, hour, minute, second, microsecond, dt.UTC)


#: By column and text: the value that is published, or None for `<column>_invalid`.
VALUES: dict[tuple[str, str], Any] = {
    ("quantity", "+3"): 3,
    ("quantity", "4."): 4,
    ("quantity", "5.00"): 5,
    ("quantity", "6.000000"): 6,
    ("quantity", " 7"): 7,
    ("quantity", "8 "): 8,
    ("quantity", "3.5"): None,
    ("quantity", "2e1"): None,
    ("quantity", "٤"): None,
    ("quantity", '"2,000"'): None,
    ("selling_price", "7.250000"): Decimal("7.25"),
    ("selling_price", ".75"): Decimal("0.75"),
    ("selling_price", "6."): Decimal(6),
    ("selling_price", "+3.10"): Decimal("3.1"),
    ("selling_price", " 8.20 "): Decimal("8.2"),
    ("selling_price", "7.25678"): None,
    ("selling_price", "29.990000000000002"): None,
    ("selling_price", "(7.25)"): None,
    ("selling_price", "€2.20"): None,
    ("selling_price", "2.20 USD"): None,
    ("order_date", "2025-03-09 08:30:00 -0330"): utc(12),
    ("order_date", "2025-03-09 08:30:00 +0200"): utc(6, 30),
    ("order_date", "2025-03-09 08:30:00 UTC"): utc(8, 30),
    ("order_date", "2025-03-09 08:30:00.654321 UTC"): utc(8, 30, 0, 654_321),
    ("order_date", "2025-03-09 08:30:00 +00:00"): utc(8, 30),
    ("order_date", "2025-03-09 08:30:00.1230000 +00:00"): utc(8, 30, 0, 123_000),
    ("order_date", "2025-03-09T08:30:01z"): utc(8, 30, 1),
    ("order_date", "2025-03-09T08:30Z"): utc(8, 30),
    ("order_date", "2025-03-09 08:30:00 PM"): None,
    ("order_date", "09/03/2025"): None,
    ("order_date", "45725.35417"): None,
    ("order_date", "1741509000"): None,
    ("order_date", "2025-03-09T24:00:00"): None,
}

DUPLICATE, BLANK = "dropped as a duplicate", "skipped as blank"


def order(
    order_id: str, line: str = "", customer: str = "K1", ordered: str = "2025-03-09", delivered: str = ""
) -> str:
    return f"{order_id},{line},{customer},A1,{ordered},{delivered},2,4.50,"


#: By what it is about: lines of the file, each with its reject reasons; none for a row that is published.
ROWS: dict[str, list[tuple[str, list[str] | str]]] = {
    "a blank id": [(order(" "), ["order_id_missing"])],
    "a no-break space as id": [(order("\u00a0"), ["order_id_missing"])],
    "a zero-width space as id": [(order("\u200b"), ["order_id_missing"])],
    "a tab as id": [(order("\t"), ["order_id_missing"])],
    "ids that look the same": [
        (order("look"), []),
        (order("look "), ["order_id_untrimmed"]),
        (order("look\u2060"), ["order_id_untrimmed"]),
        (order("\ufefflook"), ["order_id_untrimmed"]),
    ],
    "an untrimmed id before the right one": [
        (order(" before"), ["order_id_untrimmed"]),
        (order("before"), []),
    ],
    "a reference with a blank": [
        (order("blank reference", customer="K1 "), ["customer_id_untrimmed"]),
        (order("blank product").replace("A1", "A1\u3000"), ["product_id_untrimmed"]),
    ],
    "a line number with a blank": [(order("blank line", "1 "), ["order_line_untrimmed"])],
    "a rejected customer": [(order("of rejected", customer="K2"), ["rejected_customer"])],
    "a customer with an untrimmed id": [(order("of untrimmed", customer="K3"), ["rejected_customer"])],
    "an unknown customer": [(order("of nobody", customer="K9"), ["unknown_customer"])],
    "a rejected product": [(order("of a bowl").replace("A1", "A2"), ["rejected_product"])],
    "delivered long after": [(order("d1", delivered="9999-12-31"), ["delivery_date_implausible"])],
    "ordered in the year 1": [(order("d2", ordered="0001-01-01T00:00:00"), ["order_date_implausible"])],
    "ordered in a hundred years": [(order("d3", ordered="2125-03-09"), ["order_date_implausible"])],
    "ordered on the last plausible day": [(order("d4", ordered="2099-12-31T23:59:59Z"), [])],
    "ordered on the first plausible day": [(order("d7", ordered="1980-01-01"), [])],
    "ordered on the first day that is too late": [
        (order("d8", ordered="2100-01-01"), ["order_date_implausible"])
    ],
    "ordered at the epoch": [(order("d5", ordered="1970-01-01"), ["order_date_implausible"])],
    "delivered on the day before": [
        (order("d6", ordered="2025-03-09T10:00:00Z", delivered="2025-03-08"), ["delivery_before_order"])
    ],
    "several lines of an order": [(order("#77", str(line)), []) for line in (1, 2, 3)],
    "a line of an order twice": [
        (order("#78", "1"), []),
        (order("#78", "1", ordered="2025-03-10"), ["duplicate_order_id"]),
        (order("#78", "1"), DUPLICATE),
    ],
    "an order without lines twice": [
        (order("#79"), []),
        (order("#79", ordered="2025-03-10"), ["duplicate_order_id"]),
    ],
    "a field too many": [(order("wide") + ",", ["malformed_row"])],
    "a field too few": [(order("narrow")[:-1], ["malformed_row"])],
    "no customer": [(order("guest", customer=""), ["customer_id_missing"])],
    "a header in the middle": [
        (
            HEADER.rstrip(),
            [
                *("order_date_invalid", "delivery_date_invalid", "quantity_invalid", "selling_price_invalid"),
                *("unknown_customer", "unknown_product"),
            ],
        )
    ],
    "a line of totals": [("Total,,,,,,2,9.00", ["malformed_row"])],
    "a line of a database client": [("(3 rows affected)", ["malformed_row"])],
    "empty fields": [(",,,,,,,,", BLANK), ('"","",,,,,,,', BLANK), ("", BLANK)],
    "a long id": [(order("x" * 257), ["order_id_too_long"]), (order("x" * 256), [])],
    "a long line number": [(order("long line", "1" * 257), ["order_line_too_long"])],
}
#: By order and delivery: days.
SHIPPING = {
    ("2025-03-09T10:00:00Z", "2025-03-09"): 0,
    ("2025-03-09T10:00:00Z", "2025-03-10"): 1,
    ("2025-03-09T10:00:00Z", "2025-03-10T00:00:00Z"): 0,
    ("2025-03-09T23:59:59Z", " 2025-03-11 "): 2,
    ("2025-03-09", "2025-03-09"): 0,
    ("2025-03-09", "2025-03-10T09:00:00Z"): 1,
}
#: What the malformed rows of the cases have in place of the header's nine fields.
MALFORMED = {
    "8 fields, the header has 9": 2,
    "1 fields, the header has 9": 1,
    "10 fields, the header has 9": 1,
}


def write_value(number: int, column: str, text: str) -> str:
    fields = {"order_date": "2025-03-09", "quantity": "2", "selling_price": "4.50", column: text}
    return f"v{number},,K1,A1,{fields['order_date']},,{fields['quantity']},{fields['selling_price']},"


def write_all() -> str:
    """One file of all cases."""
    values = [write_value(number, *case) for number, case in enumerate(VALUES)]
    shipped = [
        order(f"s{number}", ordered=ordered, delivered=delivered)
        for number, (ordered, delivered) in enumerate(SHIPPING)
    ]
    rows = [line for case in ROWS.values() for line, _ in case]
    return HEADER + "".join(f"{line}\n" for line in (*values, *shipped, *rows))
