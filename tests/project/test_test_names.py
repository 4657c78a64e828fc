"""Test names are short statements of behaviour."""

import ast

from tests.project_files import PROJECT

MOST_CHARACTERS = 70


def list_test_names() -> dict[str, str]:
    """The name of each test function with the file that it is in."""
    return {
        node.name: path.relative_to(PROJECT).as_posix()
        for path in (PROJECT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_no_test_name_is_too_long() -> None:
    names = list_test_names()

    assert len(names) > 500
    assert {name: path for name, path in names.items() if len(name) > MOST_CHARACTERS} == {}
