"""Shopify: the exports of orders, customers and products. Orders name the customer by e-mail address."""

from include.contract.datasets import CUSTOMERS, ORDERS, PRODUCTS

CUSTOMERS = CUSTOMERS.adapt(file="customers_export*.csv",
    headers={"customer_id": "Email", "country": "Default Address Country Code",
             "city": "Default Address City"},
    columns={"customer_id": {"personal": True}})
PRODUCTS = PRODUCTS.adapt(file="products_export*.csv",
    headers={"product_id": "Variant SKU", "name": "Title", "category": "Type", "list_price": "Variant Price"})
ORDERS = ORDERS.adapt(file="orders_export*.csv", key=("order_id", "product_id"),
    headers={"order_id": "Name", "customer_id": "Email", "product_id": "Lineitem sku",
             "order_date": "Created at", "quantity": "Lineitem quantity", "selling_price": "Lineitem price"},
    columns={"customer_id": {"personal": True, "in_orders": None}, "delivery_date": {"required": False}})
