"""Which dataset a file is, and which of its headers is which column of the contract."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from include.contract import Dataset, Kind
from include.inspection.columns import Finding, is_epoch
from include.inspection.sample import Sample

#: What shops and spreadsheets call our columns: Shopify, WooCommerce, Magento, PrestaShop, marketplaces, and
#: German, French and Spanish exports. Compared without case, blanks and punctuation.
_COMMON_HEADERS = """
order_id: order, order number, order no, order name, increment id, invoice, invoice no, name
order_id: invoice number, entity id, reference, bestellnummer, auftragsnummer, numéro de
order_id: commande, commande, pedido, número de pedido, bestellung, id order
order_line: line, line number, line no, line item id, lineitem id, item id, order item id
order_line: position, pos, ligne, línea, id order detail
customer_id: customer, customer number, customer no, client, client id, buyer, buyer id, user id
customer_id: kunde, kundennummer, kundennr, id client, cliente, id cliente, account, email
product_id: product, sku, lineitem sku, item, item number, stock code, article, article number
product_id: artikel, artikelnummer, artikelnr, référence produit, producto, variant sku, asin
quantity: qty, qty ordered, lineitem quantity, product quantity, units, amount ordered, menge
quantity: anzahl, stück, quantité, cantidad, quantity ordered
selling_price: price, unit price, lineitem price, item price, price each, product price, preis
selling_price: einzelpreis, stückpreis, prix, prix unitaire, precio, precio unitario, item cost
order_date: created at, date, order created, invoice date, purchase date, placed at, ordered at
order_date: datum, bestelldatum, date de commande, fecha, fecha de pedido, order time, date add
order_date: order purchase timestamp, date created
delivery_date: delivered at, fulfilled at, shipped at, delivery, delivered, ship date
delivery_date: lieferdatum, zugestellt, geliefert, date de livraison, fecha de entrega, completed
delivery_date: at, order delivered customer date, date completed
status: state, order status, fulfillment status, financial status, zustand, statut, estado
name: customer name, full name, title, product name, description, lineitem name, bezeichnung
name: kundenname, artikelbezeichnung, nom, nombre, billing name
email: mail, e-mail address, customer email, e-mail, correo
city: town, billing city, ort, stadt, ville, ciudad, customer city
country: country code, billing country, land, pays, país, country id, customer country, customer
country: state
signup_date: created at, registered, registration date, kunde seit, date inscription, joined
category: product category, type, product type, department, kategorie, warengruppe, catégorie
category: categoría, product category name
list_price: price, regular price, rrp, list price, listenpreis, preis, prix, precio, variant
list_price: price
"""
_SIMILAR = 0.82


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
    def score(self) -> float:
        """How much of what the dataset requires is there, and how many of its columns besides."""
        required = self.dataset.required_names
        return (len(required) - len(self.missing)) / len(required) + len(self.headers) / 100


def match_files(
    samples: Sequence[Sample], findings: Mapping[str, Sequence[Finding]], datasets: Iterable[Dataset]
) -> list[Match]:
    """The best dataset for each file, the best file for each dataset; a file's own name decides a tie."""
    matches = [
        match_columns(dataset, sample, {each.header: each for each in findings[sample.path.name]})
        for sample in samples
        for dataset in datasets
    ]
    matches = [match for match in matches if match.score >= 0.5]
    matches.sort(key=lambda match: (match.score + _is_named(match), match.sample.path.name), reverse=True)
    chosen: list[Match] = []
    for match in matches:
        is_taken = any(
            match.dataset is other.dataset or match.sample.path == other.sample.path for other in chosen
        )
        if not is_taken:
            chosen.append(match)
    return chosen


def _is_named(match: Match) -> float:
    return 0.5 if simplify(match.dataset.name) in simplify(match.sample.path.name) else 0.0


def match_columns(dataset: Dataset, sample: Sample, findings: Mapping[str, Finding]) -> Match:
    """The header of each column: its own name, a declared one, a common one, or a similar one."""
    headers: dict[str, str] = {}
    for find in (_find_declared, _find_common, _find_similar):
        for column in dataset.columns:
            left = [header for header in sample.header if header not in headers.values()]
            fitting = [each for each in left if _can_be(findings.get(each), column.kind, sample)]
            header = find(dataset, column.name, fitting)
            if column.name not in headers and header is not None:
                headers[column.name] = header
    return Match(dataset, sample, findings, headers)


def _can_be(finding: Finding | None, kind: Kind, sample: Sample) -> bool:
    """Whether values of that type may be of that kind; an empty column may be anything."""
    if finding is None or not finding.filled or kind is Kind.TEXT:
        return True
    if kind is Kind.TIMESTAMP and finding.kind is Kind.WHOLE_NUMBER:
        values = sample.column(sample.header.index(finding.header))
        return is_epoch([value for value in values if value.strip()]) is not None
    if kind is Kind.DECIMAL:
        return finding.kind in (Kind.DECIMAL, Kind.WHOLE_NUMBER)
    return finding.kind is kind


def _find_declared(dataset: Dataset, name: str, headers: Sequence[str]) -> str | None:
    return next((header for header in headers if dataset.name_of(header) == name), None)


def _find_common(_: Dataset, name: str, headers: Sequence[str]) -> str | None:
    known = [simplify(name), *_list_common_headers().get(name, ())]
    found = {simplify(header): header for header in reversed(headers)}
    return next((found[each] for each in known if each in found), None)


@cache
def _list_common_headers() -> dict[str, list[str]]:
    """For each column its common headers, simplified, the likeliest first."""
    found: dict[str, list[str]] = {}
    for line in _COMMON_HEADERS.strip().splitlines():
        name, _, headers = line.partition(":")
        found.setdefault(name, []).extend(map(simplify, headers.split(",")))
    return found


def _find_similar(_: Dataset, name: str, headers: Sequence[str]) -> str | None:
    found = {simplify(header): header for header in headers}
    close = difflib.get_close_matches(simplify(name), found, n=1, cutoff=_SIMILAR)
    return found[close[0]] if close else None


def simplify(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))
