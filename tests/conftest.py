"""How many random cases the property tests take: `--hypothesis-profile=deep` takes more."""

from hypothesis import settings

settings.register_profile("usual", deadline=None)
settings.register_profile("deep", deadline=None, max_examples=2_000)
settings.load_profile("usual")
