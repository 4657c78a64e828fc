"""Airflow's settings on AWS, as environment variables. None is secret: access comes from the IAM role."""

import json

from include.aws.stacks import Deployment
from include.config import CONNECTION_ID, LOG_LEVELS, VARIABLE_PREFIX


def make_environment(deployment: Deployment) -> dict[str, str]:
    """The connection, the Variables and the remote logs of a deployment."""
    layout = deployment.layout
    variables = {
        "raw_bucket": layout.raw_bucket,
        "raw_key_template": layout.raw_key_template,
        "curated_bucket": layout.curated_bucket,
        "quality_bucket": layout.quality_bucket,
        "docs_prefix": layout.docs_prefix,
        "metrics_namespace": deployment.metrics_namespace,
        "alert_topic_arn": deployment.alert_topic_arn,
        "glue_job": f"{deployment.name}-transform",
        "catalog_database": deployment.catalog_database,
    }
    if hour := deployment.overrides.get("DeadlineHour"):
        variables["deadline_hour"] = hour
    connection = {"conn_type": "aws", "extra": {"region_name": deployment.region}}
    return {
        "AWS_DEFAULT_REGION": deployment.region,
        f"AIRFLOW_CONN_{CONNECTION_ID.upper()}": json.dumps(connection),
        **{f"AIRFLOW_VAR_{VARIABLE_PREFIX.upper()}{name.upper()}": text for name, text in variables.items()},
        "AIRFLOW__LOGGING__NAMESPACE_LEVELS": LOG_LEVELS,
        "AIRFLOW__LOGGING__REMOTE_LOGGING": "True",
        "AIRFLOW__LOGGING__REMOTE_LOG_CONN_ID": CONNECTION_ID,
        "AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER": f"cloudwatch://{task_log_group(deployment)}",
        "GX_ANALYTICS_ENABLED": "false",
    }


def task_log_group(deployment: Deployment) -> str:
    """The ARN of the tasks' log group."""
    place = f"{deployment.region}:{deployment.account}"
    return f"arn:{deployment.partition}:logs:{place}:log-group:/{deployment.name}/tasks"


def format_environment(environment: dict[str, str]) -> str:
    """One `NAME=value` per line without quotes, as systemd, Docker and the Astro CLI read it."""
    return "".join(f"{name}={value}\n" for name, value in environment.items())
