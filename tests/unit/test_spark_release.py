"""The job runs from the packaged release and the modules that Glue is told to install."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from include.aws.release import build_release
from tests.project_files import PROJECT


def test_the_job_imports_from_the_packaged_release(tmp_path: Path) -> None:
    (tmp_path / "release.zip").write_bytes(build_release())
    code = (
        "import sys; sys.path.insert(0, 'release.zip'); import include.spark.job;"
        "assert 'release.zip' in include.spark.job.__file__;"
        "print(*(name for name in sys.modules if name.startswith('include.')))"
    )

    result = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    imported = {name for module in result.stdout.split() for name in list_imports(module)}
    # A test of the templates says that Glue installs these; numpy comes with them.
    assert imported - set(sys.stdlib_module_names) == {"include", "isal", "numpy", "pandas", "pyarrow"}


def list_imports(module: str) -> Iterator[str]:
    """The packages that a module of ours imports when it is imported itself."""
    path = PROJECT / module.replace(".", "/")
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    for node in ast.parse(source.read_text()).body:
        if isinstance(node, ast.ImportFrom):
            yield str(node.module).partition(".")[0]
        elif isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
