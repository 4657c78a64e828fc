"""The stack on one machine: a real object store and a real Airflow, all on the loopback address."""
