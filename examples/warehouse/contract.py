"""Tables of a data warehouse: `NULL`, timestamps in UTC and in seconds since 1970."""

from include.contract.datasets import CUSTOMERS, ORDERS, PRODUCTS
from include.contract.model import FileFormat

FORMAT = FileFormat(null_words=("NULL",))
CUSTOMERS = CUSTOMERS.adapt(file="dim_customer.csv", format=FORMAT,
    headers={"customer_id": "customer_key", "name": "full_name", "country": "country_code",
             "signup_date": "registered_at"})
PRODUCTS = PRODUCTS.adapt(file="dim_product.csv", format=FORMAT,
    headers={"product_id": "product_key", "name": "product_name", "category": "category_name",
             "list_price": "list_price_eur"})
ORDERS = ORDERS.adapt(file="fact_order_line.csv", format=FORMAT,
    headers={"order_id": "order_key", "order_line": "line_number", "customer_id": "customer_key",
             "product_id": "product_key", "order_date": "ordered_at", "delivery_date": "delivered_epoch",
             "quantity": "qty", "selling_price": "unit_price_eur", "status": "order_status"},
    columns={"delivery_date": {"timestamp_formats": ("epoch_seconds",)}})
