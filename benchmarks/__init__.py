"""The speed of the pipeline compared with other engines and with the overhead of Airflow."""
