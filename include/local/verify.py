"""`make verify`: prove a published day of the local stack."""

from include.config import Settings
from include.local.run import parse_day
from include.local.session import make_stack, open_store
from include.local.storage import translate_s3_errors
from include.verify import prove_day


def main(day_text: str) -> None:
    """Verify a day and print the result.

    Raises
    ------
    VerificationError: lists each difference from the manifest.
    """
    day = parse_day(day_text).isoformat()
    with open_store(make_stack(is_owned=False)) as store, translate_s3_errors():
        print(prove_day(store.client, Settings(layout=store.layout), day))
