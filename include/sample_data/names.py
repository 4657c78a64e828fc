"""Names and places from Faker, the same on every machine."""

from functools import cache

from faker import Faker

LOCALES = ("pt_BR", "de_DE", "es_ES", "fr_FR", "en_GB", "ja_JP", "pl_PL", "en_US")
PEOPLE_PER_COUNTRY, TOWNS_PER_COUNTRY, BRANDS = 400, 40, 50


@cache
def list_people() -> tuple[tuple[str, str], ...]:
    """Full names and mailbox names by country; a few contain a comma or quotes."""
    return tuple(
        (f"{fake.name()}{suffix}", fake.user_name())
        for fake in map(make_faker, LOCALES)
        for suffix in (", jr.", ' "Max"', *[""] * (PEOPLE_PER_COUNTRY - 2))
    )


@cache
def list_towns() -> tuple[str, ...]:
    """Names of towns by country; some end with a comma and the country."""
    return tuple(
        f"{fake.city()}{suffix}"
        for fake, locale in zip(map(make_faker, LOCALES), LOCALES, strict=True)
        for suffix in (f", {locale[-2:]}", *[""] * (TOWNS_PER_COUNTRY - 1))
    )


@cache
def list_brands() -> tuple[str, ...]:
    fake = make_faker("de_DE")
    return tuple(fake.last_name() for _ in range(BRANDS))


def make_faker(locale: str) -> Faker:
    fake = Faker(locale)
    fake.seed_instance(1)
    return fake
