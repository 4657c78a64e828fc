"""Great Expectations' own pages, as it renders them, without its scripts and its links to other hosts.

Importing this module imports Great Expectations, which costs seconds: import it inside functions.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import nh3
from great_expectations import ExpectationSuite
from great_expectations.core import ExpectationSuiteValidationResult
from great_expectations.render import RenderedDocumentContent
from great_expectations.render.components import RenderedStringTemplateContent
from great_expectations.render.renderer import ExpectationSuitePageRenderer, ValidationResultsPageRenderer
from great_expectations.render.renderer.content_block import ValidationResultsTableContentBlockRenderer
from great_expectations.render.view import DefaultJinjaPageView
from markupsafe import Markup
from typing_extensions import override

from include.quality.findings import Outcome, find_outcome

TEMPLATES = Path(__file__).parent / "templates"
#: What the pages are made of. Everything else is dropped: scripts, styles, forms, images, frames.
TAGS = {
    *("a", "b", "br", "code", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "li", "nav", "ol"),
    *("p", "pre", "small", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}
ICONS = {Outcome.WARNING: "fa-exclamation-triangle text-warning", Outcome.SKIPPED: "fa-minus text-muted"}
ATTRIBUTES = {"*": {"class", "id", "title", "hidden", "colspan", "rowspan", "scope"}, "a": {"href"}}


def render_validation(result: ExpectationSuiteValidationResult) -> Markup:
    sections = {
        "class_name": "ValidationResultsColumnSectionRenderer",
        "table_renderer": {"class_name": OutcomeRows.__name__, "module_name": __name__},
    }
    return render(ValidationResultsPageRenderer(column_section_renderer=sections).render(result))


class OutcomeRows(ValidationResultsTableContentBlockRenderer):
    """Great Expectations has an icon for met and for failed; what only warns or was skipped gets its own."""

    @override
    @classmethod
    def _get_content_block_fn(cls, *args: Any, **kwargs: Any) -> Callable[..., Any] | None:
        make_rows = super()._get_content_block_fn(*args, **kwargs)

        def make_marked_rows(*, result: Any, **others: Any) -> Any:
            rows = make_rows(result=result, **others) if make_rows else []
            outcome = find_outcome(result)
            return [[draw_icon(outcome), *cells] for _, *cells in rows] if outcome in ICONS else rows

        return make_marked_rows


def draw_icon(outcome: Outcome) -> RenderedStringTemplateContent:
    # The filter for what failed hides the rows that carry this class.
    parent = ["hide-succeeded-validation-target-child"] if outcome is Outcome.SKIPPED else []
    return RenderedStringTemplateContent(
        content_block_type="string_template",
        string_template={
            "template": "$icon",
            "params": {"icon": ""},
            "styling": {"params": {"icon": {"classes": ["fas", *ICONS[outcome].split()], "tag": "i"}}},
        },
        styling={"parent": {"classes": parent}},
    )


def render_suite(suite: ExpectationSuite) -> Markup:
    return render(ExpectationSuitePageRenderer().render(suite))  # type: ignore[no-untyped-call] # it has no types


def render(document: RenderedDocumentContent) -> Markup:
    """The content of a page; the frame around it is the site's own."""
    html: str = page_view().render(document, template="results.j2")  # type: ignore[no-untyped-call] # it has no types
    return clean(html)


@cache
def page_view() -> DefaultJinjaPageView:
    """One for all pages of a process: it compiles each template once, which takes longer than rendering."""
    return DefaultJinjaPageView(custom_views_directory=str(TEMPLATES))


def clean(html: str) -> Markup:
    """Keep the structure and the words. Nothing that is left can run, load or lead to another host."""
    cleaned = nh3.clean(
        html,
        tags=TAGS,
        attributes=ATTRIBUTES,
        attribute_filter=keep_attribute,
        url_schemes=set(),
        link_rel=None,
    )
    return Markup(cleaned)  # noqa: S704 - it was cleaned in the line above


def keep_attribute(_tag: str, name: str, value: str) -> str | None:
    """Links lead to a place on the page, or from a validation to its suite."""
    if name != "href" or value.startswith("#"):
        return value
    return "suite.html" if "/expectations/" in value else None
