"""What the rules for imports in pyproject.toml cannot say about the rooms."""

import ast

from tests.project import PROJECT

#: What runs in production: not the stack on one machine, nor what deploys to AWS.
SOURCES = [
    path
    for folder in ("dags", "include", "plugins")
    for path in sorted((PROJECT / folder).rglob("*.py"))
    if not path.is_relative_to(PROJECT / "include/local") and not path.is_relative_to(PROJECT / "include/aws")
]


def find_callers(name: str) -> set[str]:
    """The modules that call something of this name."""
    return {
        path.relative_to(PROJECT).as_posix()
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == name
    }


def test_only_the_object_modules_send_requests_to_s3() -> None:
    others = {
        # Glue's and CloudWatch's own clients.
        "include/catalog.py",
        "include/metrics.py",
        # Only has the hook make its client before threads ask for it.
        "include/lookback.py",
    }
    objects = {path.relative_to(PROJECT).as_posix() for path in (PROJECT / "include").glob("object*.py")}

    assert find_callers("get_conn") == objects | others


def test_the_hook_is_made_in_one_place() -> None:
    assert find_callers("S3Hook") == {"include/tasks.py"}
