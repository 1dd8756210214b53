"""Proxies that the environment names: other hosts are reached through them, this machine never is."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Generator as Yields
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from omniagent.model.errors import BadSetting

BYPASS = ("no_proxy", "NO_PROXY")


def is_here(url: str) -> bool:
    """Whether a URL names this machine: localhost, a loopback address in any spelling, or the unspecified address."""
    try:
        host = (urlsplit(url).hostname or "").removesuffix(".")
    except ValueError:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        try:
            # Short and hexadecimal spellings, such as 127.1.
            address = ipaddress.ip_address(socket.inet_aton(host))
        except (OSError, ValueError):
            return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified


def client_options(url: str, transport: object = None) -> dict[str, Any]:
    """Arguments for an httpx client of one server: no proxy to this machine, else those that the environment names.

    A given transport is used whatever the environment says.
    """
    if transport is not None:
        return {"transport": transport, "trust_env": False}
    if not is_here(url):
        return {}
    # Certificates that the environment names still count.
    secure = url.lower().startswith("https:")
    return {"trust_env": False} | ({"verify": httpx.create_ssl_context()} if secure else {})


@contextmanager
def proxies_checked(url: str) -> Yields[None]:
    """For making a client: a proxy setting that cannot be used is the caller's mistake.

    Raises:
        BadSetting: naming the variable and its value.
    """
    try:
        yield
    # A SOCKS proxy without its extra is an ImportError, and each version of httpx has an InvalidURL of its own.
    except Exception as error:
        raise BadSetting(
            f"{url} cannot be reached through the proxies that the environment names ({named_proxies()}): {error}; "
            "correct or unset them, or add the host to NO_PROXY"
        ) from error


def proxy_advice(url: str) -> str:
    """For the message of a failed connection: which proxy stands between, after a blank; empty for none."""
    parts = urlsplit(url)
    try:
        if is_here(url) or proxy_bypass(parts.hostname or ""):
            return ""
    except (OSError, ValueError):
        return ""
    known = getproxies()
    kind = next((kind for kind in (parts.scheme, "all") if known.get(kind)), None)
    if kind is None:
        return ""
    return f" (asked through the proxy of {_named(kind, known[kind])}; check that, or add the host to NO_PROXY)"


def named_proxies() -> str:
    """The proxies of the environment with the variables that name them, without passwords."""
    known = getproxies()
    return ", ".join(_named(kind, known[kind]) for kind in ("http", "https", "all") if known.get(kind)) or "none"


@contextmanager
def no_proxies() -> Yields[None]:
    """No proxy for anything in this process, for the block: for libraries that ask this machine through their own."""
    before = {name: os.environ.get(name) for name in BYPASS}
    os.environ.update(dict.fromkeys(BYPASS, "*"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _named(kind: str, address: str) -> str:
    """Such as `http_proxy=http://host:1`; the lower-case variable counts where both are set."""
    names = sorted((name for name in os.environ if name.lower() == f"{kind}_proxy"), reverse=True)
    user, at, rest = address.rpartition("@")
    hidden = f"{user.partition('://')[0]}://…@{rest}" if at and "://" in user else rest if at else address
    return f"{names[0] if names else 'the system settings'}={hidden}"
