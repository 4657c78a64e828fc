"""The machinery around the transform: raw bytes in, Parquet out, a handful of batches in memory.

It knows the contract but no business rule, no S3 and no Airflow.
"""
