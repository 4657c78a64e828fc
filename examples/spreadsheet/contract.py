"""A German spreadsheet: semicolons, cp1252, decimal commas, day-first dates."""

from include.contract.datasets import CUSTOMERS, ORDERS, PRODUCTS
from include.contract.model import FileFormat

FORMAT = FileFormat(delimiter=";", encoding="cp1252", decimal_separator=",", thousands_separator=".",
                    time_zone="Europe/Berlin", timestamp_formats=("%d.%m.%Y %H:%M", "%d.%m.%Y"))
CUSTOMERS = CUSTOMERS.adapt(file="Kunden.csv", format=FORMAT,
    headers={"customer_id": "Kundennr.", "name": "Name", "email": "E-Mail", "country": "Land", "city": "Ort",
             "signup_date": "Kunde seit"})
PRODUCTS = PRODUCTS.adapt(file="Artikel.csv", format=FORMAT,
    headers={"product_id": "Artikelnr.", "name": "Bezeichnung", "category": "Warengruppe",
             "list_price": "Listenpreis"})
ORDERS = ORDERS.adapt(file="Bestellungen.csv", format=FORMAT,
    headers={"order_id": "Bestellnr.", "order_line": "Pos.", "customer_id": "Kundennr.",
             "product_id": "Artikelnr.", "order_date": "Bestelldatum", "delivery_date": "Lieferdatum",
             "quantity": "Menge", "selling_price": "Einzelpreis"})
