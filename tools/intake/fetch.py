"""Fetching an input picture from a URL, for those who allow it."""

import time
from collections.abc import Callable

import httpx

from omniagent.model.errors import BadImage, BadSetting
from omniagent.model.http.proxies import client_options, proxies_checked, proxy_advice
from omniagent.model.wording import cut
from omniagent.tools.intake.public import Target, pinned

TIMEOUT = 20.0
DEADLINE = 120.0
"""Seconds that a picture may take in all: a server that sends a byte now and then delays a run no longer."""

MAX_REDIRECTS = 3


def fetch(
    url: str,
    max_bytes: int,
    *,
    public_only: bool = False,
    transport: httpx.BaseTransport | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> bytes:
    """The body of an http(s) URL, at most `max_bytes` long; up to 3 redirects.

    It may take 20 seconds between any two packets, and 120 in all by the `clock`.

    With `public_only` no address of this machine or of a private network is asked, neither at first nor by a redirect:
    for URLs that strangers give.

    Raises:
        BadImage: it cannot be fetched, or is longer.
    """
    body, where, until = bytearray(), url, clock() + DEADLINE

    def check_time() -> None:
        if clock() > until:
            raise BadImage(f"{cut(url)} was not read within {DEADLINE:.0f} seconds; save the picture to a file")

    try:
        for _ in range(MAX_REDIRECTS + 1):
            check_time()
            # Each step has a client of its own, since this machine is asked without the proxy of other hosts.
            target = pinned(where) if public_only else Target(where)
            with (
                _client(target.url, transport) as client,
                client.stream("GET", target.url, headers=target.headers, extensions=target.extensions) as response,
            ):
                if response.has_redirect_location:
                    where = str(httpx.URL(where).join(response.headers["location"]))
                    continue
                response.raise_for_status()
                for part in response.iter_bytes():
                    body += part
                    check_time()
                    if len(body) > max_bytes:
                        raise BadImage(f"{cut(url)} is longer than {max_bytes:,} bytes; give a smaller picture")
                return bytes(body)
    except (httpx.HTTPError, httpx.InvalidURL, BadSetting) as error:
        advice = proxy_advice(where) if isinstance(error, httpx.TransportError) else ""
        reason = str(error) if isinstance(error, BadSetting) else cut(str(error))
        raise BadImage(
            f"{cut(url)} cannot be fetched: {reason}; check it or save the picture to a file{advice}"
        ) from error
    raise BadImage(f"{cut(url)} cannot be fetched: more than {MAX_REDIRECTS} redirects; save the picture to a file")


def _client(url: str, transport: httpx.BaseTransport | None) -> httpx.Client:
    with proxies_checked(url):
        return httpx.Client(timeout=TIMEOUT, **client_options(url, transport))
