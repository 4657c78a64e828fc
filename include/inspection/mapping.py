"""Which dataset a file is, and which of its headers is which column of the contract."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from include.contract import Column, Dataset, Kind
from include.inspection.columns import NULL_WORDS, Finding, are_numbers, is_epoch
from include.inspection.sample import Sample

#: What shops and spreadsheets call our columns: Shopify, WooCommerce, Magento, PrestaShop, marketplaces, and
#: German, French and Spanish exports. Compared without case, blanks and punctuation.
_COMMON_HEADERS = {
    "order_id": "order, order id, order number, order no, order name, increment id, invoice, invoice "
    "no, name, invoice number, entity id, reference, bestellnummer, bestellnr, "
    "auftragsnummer, auftragsnr, commande, numéro de commande, pedido, número de pedido, "
    "bestellung, id order, purchase order",
    "order_line": "line, line number, line no, line item id, lineitem id, item id, order item id, order "
    "line, position, pos, ligne, línea, id order detail",
    "customer_id": "customer, customer number, customer no, client, client id, buyer, buyer id, user id, "
    "kunde, kundennummer, kundennr, id client, cliente, id cliente, account, email, "
    "customer email, billing email",
    "product_id": "product, sku, lineitem sku, item, item number, stock code, article, article number, "
    "artikel, artikelnummer, artikelnr, référence produit, producto, variant sku, asin, "
    "item product id, item sku, product sku",
    "quantity": "qty, qty ordered, lineitem quantity, product quantity, units, amount ordered, menge, "
    "anzahl, stück, quantité, cantidad, quantity ordered, item quantity",
    "selling_price": "price, unit price, sale price, sold price, lineitem price, item price, price each, "
    "product price, preis, einzelpreis, stückpreis, prix, prix unitaire, precio, precio unitario, item cost",
    "order_date": "created at, date, order created, invoice date, purchase date, placed at, ordered at, "
    "datum, bestelldatum, date de commande, fecha, fecha de pedido, order time, date add, "
    "date created, order purchase timestamp",
    "delivery_date": "delivered at, shipped at, delivered date, shipped date, delivery, delivered, "
    "ship date, lieferdatum, zugestellt, geliefert, date de livraison, fecha de entrega, "
    "completed at, order delivered customer date, date completed",
    "total_price": "line total, total, amount, line amount, total amount, sales, revenue, item total, row "
    "total, subtotal, lineitem total, summe, betrag, gesamt, gesamtpreis, positionssumme, "
    "montant, total ligne, importe",
    "status": "order status, fulfillment status, financial status, zustand, statut, estado",
    "products.product_id": "sku, variant sku, product, id, item, item number, stock code, article, "
    "article number, artikel, artikelnummer, artikelnr, référence produit, producto, asin, product sku",
    "customers.customer_id": "customer, customer number, customer no, id, client, client id, buyer, "
    "buyer id, user id, kunde, kundennummer, kundennr, id client, cliente, id cliente, account, email",
    "customers.name": "customer name, full name, kundenname, nom, nombre, billing name, billing full name",
    "products.name": "product name, title, name, description, lineitem name, item name, bezeichnung, "
    "artikelbezeichnung, artikelname, nom, nombre",
    "email": "mail, e-mail address, customer email, e-mail, correo",
    "city": "town, billing city, ort, stadt, ville, ciudad, customer city, default address city",
    "country": "country code, billing country, land, pays, país, country id, customer country, "
    "customer state, default address country code",
    "signup_date": "created at, registered, registration date, kunde seit, date inscription, joined, "
    "registered at, date registered",
    "category": "product category, categories, product category name, category name, type, product "
    "type, department, kategorie, warengruppe, catégorie, categoría",
    "list_price": "price, regular price, unit price, rrp, list price, listenpreis, preis, prix, precio, "
    "variant price",
}
_SIMILAR = 0.82
_MOST = 0.5
#: Words that mean an id, and words that say in what a value is measured.
_IDS = {"id", "key", "no", "nr", "num", "number", "code"}
_UNITS = {"eur", "usd", "gbp", "chf", "utc", "epoch", "unix", "seconds", "ms", "ts"}

#: What the columns of each file hold, by its name. Two columns may share a header.
Findings = Mapping[str, Sequence[Finding]]


@dataclass(frozen=True)
class Match:
    """A file taken for a dataset: the header of each column that it has, by the column's name."""

    dataset: Dataset
    sample: Sample
    findings: Mapping[str, Finding]
    headers: Mapping[str, str]

    @property
    def missing(self) -> list[str]:
        return [name for name in self.dataset.required_names if name not in self.headers]

    @property
    def found_share(self) -> float:
        """The share of the columns that every row must have."""
        return len(self._found) / len(self._needed)

    @property
    def score(self) -> float:
        """How many of these columns are there, and how many of the others."""
        return len(self._found) + len(self.headers) / 100

    @property
    def _needed(self) -> list[str]:
        return [column.name for column in self.dataset.columns if column.required and not column.nullable]

    @property
    def _found(self) -> list[str]:
        return [name for name in self._needed if name in self.headers]


def match_files(samples: Sequence[Sample], findings: Findings, datasets: Iterable[Dataset]) -> list[Match]:
    """The best dataset for each file, the best file for each dataset; a file's own name decides a tie."""
    matches = [match_sample(dataset, sample, findings) for sample in samples for dataset in datasets]
    matches = [match for match in matches if match.found_share >= _MOST]
    matches.sort(key=lambda match: (_rate(match), match.sample.path.name), reverse=True)
    chosen: list[Match] = []
    for match in matches:
        is_taken = any(
            match.dataset is other.dataset or match.sample.path == other.sample.path for other in chosen
        )
        if not is_taken:
            chosen.append(match)
    return chosen


def match_sample(dataset: Dataset, sample: Sample, findings: Findings) -> Match:
    return match_columns(dataset, sample, {each.header: each for each in findings[sample.path.name]})


def _rate(match: Match) -> float:
    """The score, and more for a file of the dataset's name, and one whose key names each row."""
    is_named = simplify(match.dataset.name) in simplify(match.sample.path.name)
    key = match.headers.get(match.dataset.id_column)
    return match.score + 0.5 * is_named + 0.2 * bool(key and match.findings[key].is_unique)


def match_columns(
    dataset: Dataset,
    sample: Sample,
    findings: Mapping[str, Finding],
    among: Sequence[str] | None = None,
) -> Match:
    """The header of each column: its own name, a declared one, a common one, or a similar one."""
    headers: dict[str, str] = {}
    present = [*sample.header] if among is None else [*among]
    by_likeness = (_find_common, _find_alike, _find_similar)
    filled = [header for header in present if findings[header].filled]
    # A column that is empty in every row is taken only if no other looks like it.
    choices = [(find, choice) for choice in (filled, present) for find in by_likeness]
    for find, choice in [(_find_declared, present), *choices]:
        for column in dataset.columns:
            left = [header for header in choice if header not in headers.values()]
            # Beside a city, a state is a part of a country.
            if column.name == "status" and any("city" in normalize(header) for header in present):
                left = [each for each in left if normalize(each) != "state"]
            # A declared header is taken whatever its values are: they are then the fault.
            if find is not _find_declared:
                left = [each for each in left if _fits(findings[each], dataset, column, sample)]
            header = find(dataset, column.name, left)
            if column.name not in headers and header is not None:
                headers[column.name] = header
    return Match(dataset, sample, findings, headers)


def _fits(finding: Finding, dataset: Dataset, column: Column, sample: Sample) -> bool:
    return _can_be(finding, column.kind, sample) and _may_name(finding, dataset, column)


def _can_be(finding: Finding, kind: Kind, sample: Sample) -> bool:
    """Whether values of that type may be of that kind; an empty column may be anything."""
    if not finding.filled or kind is Kind.TEXT:
        return True
    if kind is Kind.TIMESTAMP and finding.kind is Kind.WHOLE_NUMBER:
        values = sample.column(sample.header.index(finding.header))
        return is_epoch([value for value in values if value.strip() not in ("", *NULL_WORDS)]) is not None
    if kind is Kind.DECIMAL and finding.kind is Kind.TEXT:
        values = sample.column(sample.header.index(finding.header))
        return are_numbers([value for value in values if value.strip() not in ("", *NULL_WORDS)])
    if kind in (Kind.DECIMAL, Kind.WHOLE_NUMBER):
        # Quantities may be decimal: the proposal then declares it.
        return finding.kind in (Kind.DECIMAL, Kind.WHOLE_NUMBER)
    return finding.kind is kind


def _may_name(finding: Finding, dataset: Dataset, column: Column) -> bool:
    """Whether values may be order numbers: names of people and products have no digits."""
    is_order = bool(dataset.references) and column.name == dataset.id_column
    return not is_order or not finding.filled or "0" in finding.shape


def _find_declared(dataset: Dataset, name: str, headers: Sequence[str]) -> str | None:
    return next((header for header in headers if dataset.name_of(header) == name), None)


def _find_common(dataset: Dataset, name: str, headers: Sequence[str]) -> str | None:
    return _find_first(list_common_headers(dataset, name), headers, simplify)


def _find_alike(dataset: Dataset, name: str, headers: Sequence[str]) -> str | None:
    """A common header in other words: `Order #` and `order_key` mean `order id`."""
    return _find_first(list_common_headers(dataset, name), headers, normalize)


def _find_first(known: Sequence[str], headers: Sequence[str], rewrite: Callable[[str], str]) -> str | None:
    found = {rewrite(header): header for header in reversed(headers)}
    return next((found[rewrite(each)] for each in known if rewrite(each) in found), None)


def list_common_headers(dataset: Dataset, name: str) -> list[str]:
    """The usual headers of a column, the likeliest first."""
    known = _COMMON_HEADERS.get(f"{dataset.name}.{name}") or _COMMON_HEADERS.get(name, "")
    return [name, *filter(None, known.split(", "))]


def _find_similar(_: Dataset, name: str, headers: Sequence[str]) -> str | None:
    found = {simplify(header): header for header in headers}
    close = difflib.get_close_matches(simplify(name), found, n=1, cutoff=_SIMILAR)
    return found[close[0]] if close else None


def simplify(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))


def normalize(name: str) -> str:
    """The words of a header with one word for `id`, and without units: `unit_price_eur` is `unitprice`."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).replace("#", " id ")
    words = [word for word in re.split(r"[\W_]+", spaced.casefold()) if word and word not in _UNITS]
    return "".join("id" if word in _IDS else word for word in words)
