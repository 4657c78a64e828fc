"""Profiles of the property tests: `--hypothesis-profile=deep` runs more cases."""

from hypothesis import HealthCheck, settings

# On a busy machine, the first examples of a fresh checkout take long, because Hypothesis writes its tables of
# Unicode then. That is no failure of what is tested. A real one prints how to repeat it.
settings.register_profile(
    "usual", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.register_profile("deep", settings.get_profile("usual"), max_examples=2_000)
settings.load_profile("usual")
