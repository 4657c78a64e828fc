"""Profiles of the property tests: `--hypothesis-profile=deep` runs more cases."""

from hypothesis import settings

settings.register_profile("usual", deadline=None)
settings.register_profile("deep", deadline=None, max_examples=2_000)
settings.load_profile("usual")
