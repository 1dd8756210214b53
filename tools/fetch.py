"""Fetching an input picture from a URL, for those who allow it."""

import httpx

from omniagent.model.errors import BadImage
from omniagent.model.wording import cut

TIMEOUT = 20.0


def fetch(url: str, max_bytes: int, *, transport: httpx.BaseTransport | None = None) -> bytes:
    """The body of an http(s) URL, at most `max_bytes` long; up to 3 redirects, 20 seconds between any two packets.

    Raises:
        BadImage: it cannot be fetched, or is longer.
    """
    body = bytearray()
    try:
        with (
            httpx.Client(follow_redirects=True, max_redirects=3, timeout=TIMEOUT, transport=transport) as client,
            client.stream("GET", url) as response,
        ):
            response.raise_for_status()
            for part in response.iter_bytes():
                body += part
                if len(body) > max_bytes:
                    raise BadImage(f"{cut(url)} is longer than {max_bytes:,} bytes; give a smaller picture")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise BadImage(
            f"{cut(url)} cannot be fetched: {cut(str(error))}; check it or save the picture to a file"
        ) from error
    return bytes(body)
