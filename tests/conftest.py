"""How many examples chance gives the tests that hold for all: `--hypothesis-profile=deep` looks further."""

from hypothesis import settings

settings.register_profile("usual", deadline=None)
settings.register_profile("deep", deadline=None, max_examples=2_000)
settings.load_profile("usual")
