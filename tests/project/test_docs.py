"""Links, paths, commands, settings, keys, functions and packages that the docs name exist."""

import ast
import importlib.util
import re
import shlex
from pathlib import Path

import pytest
import yaml

from dags.ecommerce_etl import ORDERS_BY_DAY, PUBLISHED_ORDERS
from include import keys
from include.aws.__main__ import make_parser as make_aws_parser
from include.config import CONNECTION_ID
from include.keys import Layout
from include.local.__main__ import make_parser as make_local_parser
from include.manifest import Manifest
from include.reporting.alerts import SMTP_CONNECTION_ID
from tests.project_files import PROJECT, list_settings, read_pins

DOCS = PROJECT / "docs"
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "dags/*.md", "include/**/*.md")
    for path in PROJECT.glob(pattern)
)
TOP_FOLDERS = "benchmarks|dags|docs|include|plugins|tests|\\.ci"
#: Paths relative to `.local/output/{day}/`, and a file that a shop adds.
OUTPUTS = {"docs/index.html", "include/contract/shop.py"}
DATASETS_OF_KEYS = "(?:customers|products|orders)"

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(PROJECT).as_posix())


def read_code(page: Path) -> list[str]:
    """The code of a page: the lines of its blocks, and its code spans."""
    text = page.read_text()
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    spans = re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL))
    return [line for block in blocks for line in block.splitlines()] + [
        span.replace("\n", " ") for span in spans
    ]


def list_anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_every_link_leads_somewhere(page: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()) if "://" not in link]
    dead = []
    for link in links:
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in list_anchors(target)):
            dead.append(link)

    assert dead == []


@each_page
def test_every_path_exists(page: Path) -> None:
    paths = {
        path
        for code in read_code(page)
        for path in re.findall(rf"(?<![\w/.-])(?:{TOP_FOLDERS})/[\w./*@-]*", code)
    }

    assert [path for path in paths - OUTPUTS if not list(PROJECT.glob(path.rstrip("/.")))] == []


@each_page
def test_every_test_file_exists(page: Path) -> None:
    named = {name for code in read_code(page) for name in re.findall(r"\btest_\w+\.py", code)}

    assert named <= {path.name for path in (PROJECT / "tests").rglob("test_*.py")}


@each_page
def test_every_make_target_exists(page: Path) -> None:
    rules = re.findall(r"^([a-z -]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    targets = {target for rule in rules for target in rule.split()}
    named = {target for code in read_code(page) for target in re.findall(r"(?:^|\s)make ([a-z-]+)", code)}

    assert named <= targets


@each_page
def test_every_command_parses(page: Path) -> None:
    parsers = {"include.aws": make_aws_parser(), "include.local": make_local_parser()}
    runs = [run for code in read_code(page) for run in re.findall(r"python3? -m ([\w.]+) ?([^#]*)", code)]

    assert [module for module, _ in runs if importlib.util.find_spec(module) is None] == []
    for module, arguments in runs:
        if module in parsers and arguments:
            parsers[module].parse_args(shlex.split(arguments))


@each_page
def test_every_setting_dag_connection_and_pool_exists(page: Path) -> None:
    declared = yaml.safe_load((PROJECT / "airflow_settings.yaml").read_text())["airflow"]
    known = {
        *list_settings(),
        *(path.stem for folder in ("dags", "examples/dags") for path in (PROJECT / folder).glob("*.py")),
        *(asset.name for asset in (PUBLISHED_ORDERS, ORDERS_BY_DAY)),
        *(pool["pool_name"] for pool in declared["pools"]),
        CONNECTION_ID,
        SMTP_CONNECTION_ID,
    }
    named = {name for code in read_code(page) for name in re.findall(r"\becommerce_[a-z_]+[a-z]\b", code)}

    assert named - known == set()


def list_key_patterns() -> list[str]:
    """Each kind of key as a regular expression that accepts values and placeholders."""
    layout, day, run, name = Layout(), "DAY", "RUN", "NAME"
    of_datasets = [
        location(layout, day, "DATASET")
        for location in (keys.raw, keys.published, keys.quarantine, keys.repair)
    ] + [location(layout, day, run, "DATASET") for location in (keys.snapshot, keys.late)]
    others = [
        keys.staged(layout, day, run, name),
        keys.manifest(layout, day),
        keys.alerts(layout, day),
        keys.docs(layout, name),
    ]
    parts = {
        "DAY": r"(?:\{day\}|[\d-]{10})",
        "DATASET": rf"(?:\{{dataset\}}|{DATASETS_OF_KEYS})",
        "RUN": r"(?:\{run\}|[\w.+:-]+)",
        "NAME": r"(?:…|\{\w+\}|[\w./{}-]+)",
    }
    patterns = [re.escape(key) for key in of_datasets + others]
    return [re.sub("|".join(parts), lambda found: parts[found[0]], pattern) for pattern in patterns]


@each_page
def test_every_key_matches_the_layout(page: Path) -> None:
    layout = Layout()
    buckets = "|".join((layout.raw_bucket, layout.curated_bucket, layout.quality_bucket))
    named = {
        key
        for code in read_code(page)
        for key in re.findall(rf"s3://(?:{buckets})/[^\s`'\",)]+[^\s`'\",:;.)]", code)
    }
    patterns = list_key_patterns()

    assert [key for key in named if not any(re.fullmatch(pattern, key) for pattern in patterns)] == []


def test_every_kind_of_key_has_a_row() -> None:
    section = (DOCS / "how-it-works.md").read_text().partition("## Where everything is")[2]
    shown = re.findall(r"`(s3://[^`]+)`", section)

    assert [
        pattern for pattern in list_key_patterns() if not any(re.fullmatch(pattern, key) for key in shown)
    ] == []


def list_definitions(path: str) -> set[str]:
    """The functions, classes and constants of a module, and the keyword arguments of its calls."""
    nodes = list(ast.walk(ast.parse((PROJECT / path).read_text())))
    defined = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    defined |= {node.arg for node in nodes if isinstance(node, ast.keyword) and node.arg}
    return defined | {
        target.id
        for node in nodes
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def test_every_step_of_an_order_names_a_function() -> None:
    page = (DOCS / "how-it-works.md").read_text()
    rows = re.findall(r"\| `(\w+)` \| `([\w/]+\.py)` \|$", page, re.MULTILINE)

    assert len(rows) > 15
    assert [(name, path) for name, path in rows if name not in list_definitions(path)] == []


@each_page
def test_every_name_is_in_the_module_it_is_attributed_to(page: Path) -> None:
    named = re.findall(r"`(\w+)` in\s`((?:include|dags|plugins|tests)/[\w/]+\.py)`", page.read_text())

    assert [(name, path) for name, path in named if name not in list_definitions(path)] == []


def test_every_package_is_described() -> None:
    page = (DOCS / "how-it-works.md").read_text()
    packages = [path.parent.name for path in (PROJECT / "include").glob("*/__init__.py")]

    assert [name for name in packages if f"| `include/{name}/` |" not in page] == []


@pytest.mark.parametrize("index", [DOCS / "README.md", DOCS / "adr" / "README.md"], ids=["docs", "decisions"])
def test_every_page_is_in_its_index(index: Path) -> None:
    linked = set(re.findall(r"\]\(([^)#]+)\)", index.read_text()))

    assert {page.name for page in index.parent.glob("*.md")} - {"README.md"} <= linked


def test_every_decision_has_its_own_number() -> None:
    numbers = sorted(path.name[:4] for path in (DOCS / "adr").glob("0*.md"))

    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]


@pytest.mark.parametrize("name", [path.name for path in sorted(PROJECT.glob("requirements*.txt"))])
def test_every_dependency_is_explained(name: str) -> None:
    sections = re.split(r"^## ", (DOCS / "dependencies.md").read_text(), flags=re.MULTILINE)
    (section,) = [section for section in sections if section.splitlines()[0].endswith(f"`{name}`")]
    cells = re.findall(r"^\| (`[^|]+`) \|", section, re.MULTILINE)

    assert {package for cell in cells for package in re.findall(r"`([^`]+)`", cell)} == set(read_pins(name))


def test_every_manifest_field_is_documented() -> None:
    section = (DOCS / "contract.md").read_text().partition("## The manifest")[2]
    cells = re.findall(r"^\| (`[^|]+`) \|", section, re.MULTILINE)

    assert {name for cell in cells for name in re.findall(r"`(\w+)`", cell)} == set(Manifest.__annotations__)


def test_schedule_of_each_dag_is_documented() -> None:
    page = (DOCS / "operate.md").read_text()
    documented = dict(re.findall(r"^\| `(ecommerce_\w+)` \| ([^|]+) \|", page, re.MULTILINE))
    crons = {
        path.stem: re.findall(r'schedule=cron_utc\("(\d+) (\S+) \* \* \*"\)', path.read_text())
        for path in (PROJECT / "dags").glob("*.py")
    }

    assert documented.keys() == crons.keys()
    assert [dag for dag, cron in crons.items() if not cron] == ["ecommerce_verify"]
    for dag, ((minute, hour),) in ((dag, cron) for dag, cron in crons.items() if cron):
        words = f"{minute} minutes past" if hour == "*" else f"at {int(hour):02}:{int(minute):02}"
        assert words in documented[dag]


def test_pools_are_listed_with_their_slots() -> None:
    declared = yaml.safe_load((PROJECT / "airflow_settings.yaml").read_text())["airflow"]["pools"]
    page = (DOCS / "settings.md").read_text().replace("\n", " ")

    assert [pool for pool in declared if f"`{pool['pool_name']}` ({pool['pool_slot']} slot" not in page] == []


def test_settings_page_shows_what_airflow_shows() -> None:
    declared = yaml.safe_load((PROJECT / "airflow_settings.yaml").read_text())["airflow"]["variables"]
    lines = []
    for entry in declared:
        default = f"`{entry['variable_value']}`" if entry["variable_value"] else "empty"
        lines.append(f"| `{entry['variable_name']}` | {default} | {entry['variable_description']} |")

    assert sorted(lines) == sorted(
        re.findall(r"^\| `ecommerce_\w+` \| .* \| .* \|$", (DOCS / "settings.md").read_text(), re.M)
    )


@each_page
def test_no_page_has_conflict_markers(page: Path) -> None:
    assert not re.search(r"^(<<<<<<<|>>>>>>>) ", page.read_text(), re.MULTILINE)


def test_changelog_has_one_heading_of_each_kind_per_version() -> None:
    for version in re.split(r"^## ", (PROJECT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)[1:]:
        headings = re.findall(r"^### (\w+)$", version, re.MULTILINE)
        assert len(headings) == len(set(headings)), version.partition("\n")[0]
