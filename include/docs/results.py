"""Great Expectations' own pages, as it renders them, without its scripts and its links to other hosts.

Importing this module imports Great Expectations, which costs seconds: import it inside functions.
"""

from pathlib import Path

import nh3
from great_expectations import ExpectationSuite
from great_expectations.core import ExpectationSuiteValidationResult
from great_expectations.render import RenderedDocumentContent
from great_expectations.render.renderer import ExpectationSuitePageRenderer, ValidationResultsPageRenderer
from great_expectations.render.view import DefaultJinjaPageView
from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"
#: What the pages are made of. Everything else is dropped: scripts, styles, forms, images, frames.
TAGS = {
    *("a", "b", "br", "code", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "li", "nav", "ol"),
    *("p", "pre", "small", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}
ATTRIBUTES = {"*": {"class", "id", "title", "hidden", "colspan", "rowspan", "scope"}, "a": {"href"}}


def render_validation(result: ExpectationSuiteValidationResult) -> Markup:
    return render(ValidationResultsPageRenderer().render(result))


def render_suite(suite: ExpectationSuite) -> Markup:
    return render(ExpectationSuitePageRenderer().render(suite))  # type: ignore[no-untyped-call] # it has no types


def render(document: RenderedDocumentContent) -> Markup:
    """The content of a page; the frame around it is the site's own."""
    view = DefaultJinjaPageView(custom_views_directory=str(TEMPLATES))
    html: str = view.render(document, template="results.j2")  # type: ignore[no-untyped-call] # it has no types
    return clean(html)


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
