"""What htmx 4 says in its requests, and what it may be told in our answers.

Headers only, so any framework's mapping serves.
"""

import json
from collections.abc import Mapping

Headers = Mapping[str, str]


def is_htmx(headers: Headers) -> bool:
    return headers.get("hx-request") == "true"


def is_partial(headers: Headers) -> bool:
    """htmx wants a fragment, not a page (boosted links and history restores ask for `full`)."""
    return is_htmx(headers) and headers.get("hx-request-type") == "partial"


def is_pane(headers: Headers) -> bool:
    """The inbox asks for one conversation's thread and side panel."""
    return headers.get("x-pane") == "1"


def source(headers: Headers) -> str | None:
    """The element that asked, such as `button#save`."""
    return headers.get("hx-source")


def target(headers: Headers) -> str | None:
    """The element that will be swapped, such as `div#list`."""
    return headers.get("hx-target")


def redirect(url: str) -> dict[str, str]:
    return {"HX-Redirect": url}


def location(url: str) -> dict[str, str]:
    return {"HX-Location": url}


def trigger(event: str, detail: Mapping[str, object] | None = None) -> dict[str, str]:
    """Header values are ASCII; JSON escapes whatever is not."""
    return {"HX-Trigger": json.dumps({event: dict(detail or {})})}


def retarget(selector: str) -> dict[str, str]:
    return {"HX-Retarget": selector}


def reswap(style: str) -> dict[str, str]:
    return {"HX-Reswap": style}
