"""WooCommerce: orders with one row per item, customers, and the built-in export of products."""

from include.contract.datasets import CUSTOMERS, ORDERS, PRODUCTS
from include.contract.model import FileFormat

FORMAT = FileFormat(time_zone="Europe/London")
CUSTOMERS = CUSTOMERS.adapt(file="customers-export-*.csv", format=FORMAT,
    headers={"name": "billing_full_name", "country": "billing_country", "city": "billing_city",
             "signup_date": "date_registered"})
PRODUCTS = PRODUCTS.adapt(file="wc-product-export-*.csv",
    headers={"product_id": "ID", "name": "Name", "category": "Categories", "list_price": "Regular price"})
ORDERS = ORDERS.adapt(file="orders-export-*.csv", format=FORMAT,
    headers={"order_line": "item_id", "product_id": "item_product_id", "quantity": "item_quantity",
             "selling_price": "item_price"},
    columns={"customer_id": {"nullable": True, "null_words": ("0",)}, "delivery_date": {"required": False}})
