"""The release: the pipeline's sources as one zip file.

The same sources give the same bytes, so that an unchanged deployment stays unchanged.
"""

import hashlib
import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

from include.aws.errors import ReleaseError
from include.contract_file import CONTRACT_VARIABLE, PROJECT, SHOP_FILE

FOLDERS = ("dags", "include", "plugins")
FILES = ("requirements.txt", "requirements.lock")
#: Only for one machine, or generated.
LEFT_OUT = ("include/local/",)
SUFFIXES_LEFT_OUT = (".pyc",)
#: The earliest time in a zip file.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def build_release(project: Path = PROJECT) -> bytes:
    """The zip file's bytes.

    Raises
    ------
    ReleaseError: ECOMMERCE_CONTRACT names a file, which a release does not hold.
    """
    if contract := os.environ.get(CONTRACT_VARIABLE):
        raise ReleaseError(
            f"{CONTRACT_VARIABLE} applies to this machine alone. Copy {contract} to "
            f"{SHOP_FILE.relative_to(PROJECT)}, which every deployment takes along, and unset the variable."
        )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in find_files(project):
            entry = zipfile.ZipInfo(path.relative_to(project).as_posix(), date_time=_EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def find_files(project: Path) -> Iterator[Path]:
    """The files of a release, sorted by name."""
    found = [project / name for name in FILES]
    for folder in FOLDERS:
        found += [path for path in (project / folder).rglob("*") if path.is_file()]
    for path in sorted(found):
        name = path.relative_to(project).as_posix()
        if not name.startswith(LEFT_OUT) and path.suffix not in SUFFIXES_LEFT_OUT:
            yield path


def release_key(release: bytes) -> str:
    """The key of a release in the artifact bucket; it contains a digest of the release."""
    return f"releases/{hashlib.sha256(release).hexdigest()[:16]}.zip"
