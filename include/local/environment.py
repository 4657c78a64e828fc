"""The environment variables that the processes of the stack run with."""

import os
from pathlib import Path

from include.config import LOG_LEVELS
from include.local.ports import LOOPBACK
from include.local.state import ADMIN, PROJECT, Secrets, State

#: A day runs one task after another; four at once serve a few days of a backfill on a small machine.
_PARALLEL_TASKS = 4


def clean_environment() -> dict[str, str]:
    """The variables of this process without those that would bend Airflow or the S3 client.

    An `AWS_PROFILE` or `AIRFLOW__…` of somebody's daily work must not reach the local stack, and a proxy
    must not be asked for addresses of this machine.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW", "AWS_"))}
    direct = ",".join(filter(None, (LOOPBACK, "localhost", kept.get("no_proxy") or kept.get("NO_PROXY"))))
    path = os.pathsep.join(filter(None, (str(PROJECT), kept.get("PYTHONPATH"))))
    return kept | {"NO_PROXY": direct, "no_proxy": direct, "PYTHONPATH": path}


def airflow_environment(
    state: State, secrets: Secrets, *, ui_port: int, task_port: int, dags_dir: Path, is_scheduled: bool
) -> dict[str, str]:
    """The variables for Airflow's components.

    `is_scheduled` off leaves out the scheduled runs: a `make run` of one day does not want another day's
    run beside it.
    """
    url = f"http://{LOOPBACK}:{ui_port}"
    return (
        clean_environment()
        | {"AIRFLOW_HOME": str(state.airflow_home), "GX_ANALYTICS_ENABLED": "false"}
        | make_variables(
            core={
                "dags_folder": dags_dir,
                "plugins_folder": PROJECT / "plugins",
                "load_examples": False,
                "executor": "LocalExecutor",
                "parallelism": _PARALLEL_TASKS,
                "fernet_key": secrets.fernet_key,
                "execution_api_server_url": f"http://{LOOPBACK}:{task_port}/execution/",
                "simple_auth_manager_users": f"{ADMIN}:admin",
                "simple_auth_manager_passwords_file": state.passwords,
                # The full name of a machine can take seconds of waiting for a name server.
                "hostname_callable": "socket.gethostname",
            },
            # SQLite has one writer at a time; on a busy machine others may need more than the five seconds
            # that are the default.
            database={"sql_alchemy_conn": f"sqlite:///{state.airflow_home / 'airflow.db'}?timeout=15"},
            logging={"base_log_folder": state.airflow_home / "logs", "namespace_levels": LOG_LEVELS},
            api={"host": LOOPBACK, "port": ui_port, "base_url": url, "secret_key": secrets.api_secret_key},
            api_auth={"jwt_secret": secrets.jwt_secret},
            scheduler={
                # A run of one day is over the sooner; a stack that stays should not heat the machine.
                "scheduler_idle_sleep_time": 1.0 if is_scheduled else 0.3,
                "use_job_schedule": is_scheduled,
                # What a scheduler that died had queued is found a minute later, not five.
                "orphaned_tasks_check_interval": 60,
            },
            aws={"session_factory": "include.local.aws_data.SharedDataSessionFactory"},
            dag_processor={"refresh_interval": 30, "parsing_processes": 1},
            # On two busy cores an answer may take longer than the five seconds that are the default.
            workers={"execution_api_timeout": 30},
        )
    )


def make_variables(**sections: dict[str, object]) -> dict[str, str]:
    """Settings of airflow.cfg in the form of environment variables."""
    return {
        f"AIRFLOW__{section}__{option}".upper(): str(value)
        for section, options in sections.items()
        for option, value in options.items()
    }
