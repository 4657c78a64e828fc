"""How fast the pipeline is, beside its peers and beside the floor that Airflow itself sets."""
