"""The transform on Spark, for days that one machine cannot take: the same functions, over many machines.

Imports no Airflow: AWS Glue runs it. Only what Spark 3.5 and 4 both have is used.
"""
