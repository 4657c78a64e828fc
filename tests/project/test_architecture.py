"""Architecture rules that import-linter cannot express."""

import ast

from tests.project_files import PROJECT

#: Production code, without the local stack and the AWS deployment.
SOURCES = [
    path
    for folder in ("dags", "include", "plugins")
    for path in sorted((PROJECT / folder).rglob("*.py"))
    if not path.is_relative_to(PROJECT / "include/local") and not path.is_relative_to(PROJECT / "include/aws")
]


def find_callers(name: str) -> set[str]:
    """The modules that call a function of this name."""
    return {
        path.relative_to(PROJECT).as_posix()
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == name
    }


def test_only_the_s3_package_sends_requests_to_s3() -> None:
    others = {
        # Glue's and CloudWatch's own clients.
        "include/reporting/glue_catalog.py",
        "include/reporting/metrics.py",
        # Creates the client before threads use it.
        "include/publishing/manifests.py",
    }
    package = {path.relative_to(PROJECT).as_posix() for path in (PROJECT / "include" / "s3").glob("*.py")}

    assert find_callers("get_conn") == (package | others) - {"include/s3/__init__.py", "include/s3/client.py"}


def test_hook_is_created_in_one_place() -> None:
    assert find_callers("S3Hook") == {"include/operators/context.py"}
