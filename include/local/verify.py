"""`make verify`: prove a published day of the local stack."""

from include.config import Settings
from include.errors import VerificationError
from include.local.direct_store import open_store
from include.local.run import parse_day
from include.local.session import make_stack
from include.local.storage import translate_s3_errors
from include.verify import Verification, list_checked, verify


def main(day_text: str) -> None:
    """Verify a day and print the verdict.

    Raises
    ------
    VerificationError: something is not as the manifest says; names each difference.
    """
    day = parse_day(day_text).isoformat()
    with open_store(make_stack(is_owned=False)) as store, translate_s3_errors():
        verification = verify(store.client, Settings(layout=store.layout), day)
    print_verdict(verification)


def print_verdict(verification: Verification) -> None:
    manifest = verification.manifest
    for note in verification.notes:
        print(f"note: {note}")
    if not verification.is_verified:
        listed = "\n".join(f"  {difference}" for difference in verification.differences)
        raise VerificationError(f"{manifest['day']} is not what its manifest says:\n{listed}")
    print(f"{manifest['day']} is verified: computed again from its snapshot, it is the same in every byte.")
    print(f"  {list_checked(manifest)}; run {manifest['run_id']}, code {manifest['code_version']}")
