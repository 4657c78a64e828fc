"""Reports to people and other systems: alerts, metrics, lineage and the Glue Data Catalog."""
