"""A made-up shop for the generator: customers, products, orders, and the rows that are dirty."""
