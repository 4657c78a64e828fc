"""How the site answers: headers, caching, and what a caller sees when something is wrong."""

import base64
import hashlib
import logging
import re
from collections.abc import Callable

from fastapi import Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse
from starlette.exceptions import HTTPException

from include.config import CONNECTION_ID
from include.s3.streams import Opened
from include.site.pages import render_error
from include.site.summary import CONTENT_TYPES

log = logging.getLogger(__name__)

#: Never without asking again: after a logout, a browser must not show what it kept.
ASK_AGAIN = "private, no-cache"
#: No script at all, nothing from another host, forms for searches, and no frame but Airflow's own around it.
POLICY = (
    "default-src 'none'; style-src {style}; img-src data:; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'self'"
)
ERRORS = {
    401: ("Please log in", "Log in to Airflow, then open this page again."),
    403: ("Not allowed", "Your Airflow role may not see plugins. Ask an administrator for one that may."),
    404: ("There is no such page", "The address may be mistyped, or the page was never written."),
    405: ("This site is read-only", "It accepts no data."),
}


def headers(cache: str, style: str = "'self'") -> dict[str, str]:
    return {
        "Cache-Control": cache,
        "Content-Security-Policy": POLICY.format(style=style),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }


def answer_text(
    request: Request, text: str, content_type: str = CONTENT_TYPES["html"], style: str = "'self'"
) -> Response:
    """A page rendered just now; a browser that has the same one gets 304."""
    etag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
    sent = headers(ASK_AGAIN, style) | {"ETag": etag}
    if request.headers.get("If-None-Match") == etag:
        return Response(status_code=304, headers=sent)
    return Response(text, media_type=content_type, headers=sent)


def answer_report(request: Request, text: str) -> Response:
    return answer_text(request, text, style=hash_style(text))


def hash_style(page: str) -> str:
    """For a page with a style sheet of its own: the only one that a browser may apply to it."""
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = hashlib.sha256((style[1] if style else "").encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def answer_object(
    request: Request, read: Callable[[str | None], Opened | None], content_type: str
) -> Response:
    """An object of S3, in pieces as they arrive; a browser that has the same one gets 304.

    `read` is given the ETag that the browser has.
    """
    opened = read(request.headers.get("If-None-Match"))
    if opened is None:
        raise HTTPException(404)
    sent = headers(ASK_AGAIN) | {"ETag": opened.etag}
    if opened.is_unchanged:
        return Response(status_code=304, headers=sent)
    sent["Content-Length"] = str(opened.size)
    if request.method == "HEAD":
        opened.close()
        return Response(media_type=content_type, headers=sent)
    return StreamingResponse(opened.read(), media_type=content_type, headers=sent)


def show_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    title, message = ERRORS.get(status, (f"Error {status}", "The request could not be answered."))
    return show(request, status, title, message)


def show_store_trouble(request: Request, error: Exception) -> Response:
    log.error("The quality site cannot read from S3: %s", error)
    return show(
        request,
        503,
        "S3 returned an error",
        f"S3 said {type(error).__name__}. Check the Airflow connection {CONNECTION_ID} and the buckets that "
        "the Variables name; the log of the API server has the details.",
    )


def show_misconfiguration(request: Request, error: Exception) -> Response:
    return show(request, 503, "The site is not set up", str(error))


def show_bug(request: Request, error: Exception) -> Response:
    log.error("The quality site failed at %s", request.url.path, exc_info=error)
    return show(request, 500, "Something went wrong", "The log of the API server has the details.")


def show(request: Request, status: int, title: str, message: str) -> Response:
    depth = request.url.path.removeprefix(request.scope.get("root_path", "")).count("/") - 1
    page = render_error(title, message, root="../" * depth)
    return HTMLResponse(page, status, headers=headers("no-store", hash_style(page)))
