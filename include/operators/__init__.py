"""What the DAG files share: the task context, defaults, and operators that TaskFlow does not have."""
