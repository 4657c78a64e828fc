"""A made-up shop, for the generator: its people, goods and sales, and what is wrong in its files."""
