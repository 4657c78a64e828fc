"""The fictitious shop of the generator: customers, products, orders, and dirty rows."""
