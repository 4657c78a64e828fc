"""The environment variables of the stack's processes."""

import os
from pathlib import Path

from include.config import LOG_LEVELS
from include.local.ports import LOOPBACK
from include.local.state import ADMIN, PROJECT, Secrets, State

#: Enough for a backfill of a few days on a small machine; the tasks of one day run one after another.
_PARALLEL_TASKS = 4


def clean_environment() -> dict[str, str]:
    """The environment of this process, without the user's Airflow and AWS settings and without a proxy."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW", "AWS_"))}
    direct = ",".join(filter(None, (LOOPBACK, "localhost", kept.get("no_proxy") or kept.get("NO_PROXY"))))
    path = os.pathsep.join(filter(None, (str(PROJECT), kept.get("PYTHONPATH"))))
    return kept | {"NO_PROXY": direct, "no_proxy": direct, "PYTHONPATH": path}


def airflow_environment(
    state: State, secrets: Secrets, *, ui_port: int, task_port: int, dags_dir: Path, is_scheduled: bool
) -> dict[str, str]:
    """The variables of Airflow's components.

    Without `is_scheduled` no scheduled runs are created: `make run` publishes one day and nothing else.
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
                # Looking up the full name of a machine can take seconds.
                "hostname_callable": "socket.gethostname",
            },
            # SQLite has one writer at a time; on a busy machine the default of five seconds is too short.
            database={"sql_alchemy_conn": f"sqlite:///{state.airflow_home / 'airflow.db'}?timeout=15"},
            logging={"base_log_folder": state.airflow_home / "logs", "namespace_levels": LOG_LEVELS},
            api={"host": LOOPBACK, "port": ui_port, "base_url": url, "secret_key": secrets.api_secret_key},
            api_auth={"jwt_secret": secrets.jwt_secret},
            scheduler={
                # `make run` should end quickly; a stack that stays up should not keep the CPU busy.
                "scheduler_idle_sleep_time": 1.0 if is_scheduled else 0.3,
                "use_job_schedule": is_scheduled,
                # Tasks queued by a scheduler that died are found after one minute, not five.
                "orphaned_tasks_check_interval": 60,
            },
            aws={"session_factory": "include.local.aws_data.SharedDataSessionFactory"},
            dag_processor={"refresh_interval": 30, "parsing_processes": 1},
            # On two busy cores a response may take longer than the default of five seconds.
            workers={"execution_api_timeout": 30},
        )
    )


def make_variables(**sections: dict[str, object]) -> dict[str, str]:
    """Airflow options as environment variables."""
    return {
        f"AIRFLOW__{section}__{option}".upper(): str(value)
        for section, options in sections.items()
        for option, value in options.items()
    }
