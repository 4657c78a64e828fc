"""Looks at files that a shop exports, and writes the contract that reads them. No S3, no Airflow."""
