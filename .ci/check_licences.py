"""The licences of the packages that production installs: each one is allowed, or accepted with a reason.

Writes a software bill of materials of these packages, CycloneDX 1.6, to `.local/sbom.json`. With `--write`
also the page `docs/licences.md`, which otherwise has to be up to date.
"""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).resolve().parents[1]
SHIPPED = ("requirements.txt", "requirements-local.txt", "requirements-celery.txt")
TABLE = PROJECT / "docs" / "licences.md"
SBOM = PROJECT / ".local" / "sbom.json"

#: Licences without conditions beyond attribution, in the words of SPDX.
ALLOWED = {
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "CNRI-Python",
    "ISC",
    "MIT",
    "MIT-0",
    "PSF-2.0",
    "Python-2.0",
    "Unlicense",
    "Zlib",
}
#: The words of package metadata that name no SPDX licence.
SPDX = {
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: Artistic License": "Artistic-2.0",
    "License :: OSI Approved :: BSD License": "BSD-3-Clause",
    "License :: OSI Approved :: GNU General Public License (GPL)": "GPL-2.0-or-later",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
#: What the metadata of a package leaves out and its repository states.
STATED_ELSEWHERE = {"protobuf": ["BSD-3-Clause"]}
MPL = "file-level copyleft: we use it unchanged"
ACCEPTED = {
    "certifi": MPL,
    "pathspec": MPL,
    "psycopg": "LGPL: imported as a library and unchanged, only with CeleryExecutor",
    "psycopg-binary": "LGPL: imported as a library and unchanged, only with CeleryExecutor",
    "text-unidecode": "dual-licensed: used under the Artistic License; Airflow needs it",
    "tqdm": MPL,
}


def list_shipped() -> set[str]:
    """The packages that production installs, with all that they need on this platform."""
    lines = [line for name in SHIPPED for line in (PROJECT / name).read_text().splitlines()]
    wanted = [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]
    found: set[tuple[str, str]] = set()
    while wanted:
        requirement = wanted.pop()
        for extra in ("", *requirement.extras):
            if (key := (canonicalize_name(requirement.name), extra)) not in found:
                found.add(key)
                wanted += list_requirements(*key)
    return {name for name, _ in found}


def list_requirements(name: str, extra: str) -> Iterable[Requirement]:
    """What an installed package needs, with one of its extras."""
    try:
        needed = [Requirement(line) for line in requires(name) or ()]
    except PackageNotFoundError:
        sys.exit(f"{name} is not installed. Run `make install`.")
    return [each for each in needed if each.marker is None or each.marker.evaluate({"extra": extra})]


def read_sbom(shipped: set[str]) -> dict[str, Any]:
    """The bill of materials of this environment, without what production does not install."""
    tool = Path(sys.executable).with_name("cyclonedx-py")
    command = [tool, "environment", "--output-reproducible", "--of", "JSON", sys.executable]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603  # ours
    sbom: dict[str, Any] = json.loads(output)
    sbom["components"] = [each for each in sbom["components"] if canonicalize_name(each["name"]) in shipped]
    kept = {each["bom-ref"] for each in sbom["components"]}
    sbom["dependencies"] = [
        each | {"dependsOn": [ref for ref in each.get("dependsOn", ()) if ref in kept]}
        for each in sbom["dependencies"]
        if each["ref"] in kept
    ]
    return sbom


def list_licences(component: dict[str, Any]) -> list[str]:
    """The licences of a package as SPDX identifiers or expressions."""
    declared = [
        entry.get("expression") or entry["license"].get("id") or entry["license"]["name"]
        for entry in component.get("licenses", ())
    ]
    named = {SPDX.get(licence, licence) for licence in declared if licence != "License :: OSI Approved"}
    return sorted(named) or STATED_ELSEWHERE.get(component["name"], [])


def is_allowed(licences: list[str]) -> bool:
    """Whether all parts of all expressions are allowed. `A OR B` needs both, to be safe."""
    parts = {part for licence in licences for part in re.split(r" (?:AND|OR) ", licence)}
    return bool(parts) and parts <= ALLOWED


def describe_table(licences: dict[str, list[str]]) -> str:
    """One row for each licence, with its packages; then the accepted ones."""
    by_licence: dict[str, list[str]] = {}
    for name, named in licences.items():
        by_licence.setdefault(", ".join(named), []).append(f"`{name}`")
    rows = [f"| {licence} | {', '.join(names)} |" for licence, names in sorted(by_licence.items())]
    accepted = [f"| `{name}` | {reason} |" for name, reason in ACCEPTED.items()]
    head = (
        "# Third-party licences\n\nWhat production installs, from the metadata of the packages. "
        "`.ci/check_licences.py` writes this page, and\n`make check-security` fails on a licence that is "
        "neither allowed nor accepted there with a reason. The software bill of\nmaterials is written to "
        "`.local/sbom.json` (CycloneDX).\n"
    )
    return "\n".join(
        [
            head,
            "| licence | packages |",
            "|---|---|",
            *rows,
            "",
            "| accepted | because |",
            "|---|---|",
            *accepted,
            "",
        ]
    )


def find_faults(licences: dict[str, list[str]]) -> list[str]:
    """Licences that nobody accepted, and acceptances that nothing needs."""
    refused = [name for name, named in licences.items() if not is_allowed(named)]
    return [
        *(f"{name}: {', '.join(licences[name]) or 'no licence'}" for name in refused if name not in ACCEPTED),
        *(f"{name}: accepted, but not needed" for name in ACCEPTED if name not in refused),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.relative_to(PROJECT)}")
    is_writing = parser.parse_args().write
    sbom = read_sbom(list_shipped())
    SBOM.parent.mkdir(exist_ok=True)
    SBOM.write_text(json.dumps(sbom, indent=1))
    licences = {canonicalize_name(each["name"]): list_licences(each) for each in sbom["components"]}
    licences = dict(sorted(licences.items()))
    if is_writing:
        TABLE.write_text(describe_table(licences))
    faults = find_faults(licences)
    # Other versions of Python need a few other packages.
    if sys.version_info[:2] == (3, 11) and TABLE.read_text() != describe_table(licences):
        faults.append(f"{TABLE.relative_to(PROJECT)} is out of date: python .ci/check_licences.py --write")
    for fault in faults:
        print(f"licence: {fault}")
    print(f"{len(licences)} packages, {len(ACCEPTED)} accepted licences; {SBOM.relative_to(PROJECT)}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
