"""Shared by the DAG files: the task context, defaults, and operators that TaskFlow does not have."""
