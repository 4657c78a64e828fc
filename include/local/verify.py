"""`make verify`: prove a published day of the local stack."""

from include.config import Settings
from include.local.direct_store import open_store
from include.local.run import parse_day
from include.local.session import make_stack
from include.local.storage import translate_s3_errors
from include.verify import prove_day


def main(day_text: str) -> None:
    """Verify a day and print the verdict.

    Raises
    ------
    VerificationError: something is not as the manifest says; names each difference.
    """
    day = parse_day(day_text).isoformat()
    with open_store(make_stack(is_owned=False)) as store, translate_s3_errors():
        print(prove_day(store.client, Settings(layout=store.layout), day))
