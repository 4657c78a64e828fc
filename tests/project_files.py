"""Read the project's own files."""

import dataclasses
import importlib.util
import re
from pathlib import Path
from types import ModuleType

from include.config import VARIABLE_PREFIX, Settings
from include.keys import Layout

PROJECT = Path(__file__).parents[1]


def load_check(name: str) -> ModuleType:
    """A script of `.ci/`, which is no package, as a module."""
    spec = importlib.util.spec_from_file_location(name, PROJECT / ".ci" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read_pins(name: str) -> dict[str, str]:
    """The pinned packages and versions of a requirements file."""
    pattern = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==([^\s;]+)", re.MULTILINE)
    return {package.lower(): version for package, version in pattern.findall((PROJECT / name).read_text())}


def list_settings() -> dict[str, str]:
    """All Variables with their defaults as text."""
    own = {field.name: field.default for field in dataclasses.fields(Settings) if field.name != "layout"}
    layout = {field.name: field.default for field in dataclasses.fields(Layout)}
    return {VARIABLE_PREFIX + name: str(default) for name, default in (layout | own).items()}
