"""URLs that strangers give: only public addresses are asked, and exactly the address that was checked."""

import ipaddress
import socket
from dataclasses import dataclass, field
from typing import Any

import httpx

from omniagent.model.errors import BadImage
from omniagent.model.wording import cut

# By number: a slim container has no /etc/services to look the scheme's name up in.
_PORTS = {"http": 80, "https": 443}
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect, and what to say there."""

    url: str
    headers: dict[str, str] = field(default_factory=dict[str, str])
    extensions: dict[str, Any] = field(default_factory=dict[str, Any])


def pinned(url: str) -> Target:
    """The same URL with the address that its host has now, so that a second answer of its name server changes nothing.

    The certificate is still checked against the host's name.

    Raises:
        BadImage: it is no http(s) URL, its host is not known, or one of its addresses is not public.
    """
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise BadImage(f"{cut(url)} is no URL ({cut(str(error))}); send the picture itself") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise BadImage(f"{cut(url)} is no http(s) URL; send the picture itself")
    try:
        found = socket.getaddrinfo(parsed.host, parsed.port or _PORTS[parsed.scheme], type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise BadImage(f"{cut(url)} cannot be fetched: its host is not known; send the picture itself") from error
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    if not addresses or not all(is_public(address) for address in addresses):
        raise BadImage(f"{cut(url)} is in a private network, which is not asked; send the picture itself")
    return Target(
        str(parsed.copy_with(host=addresses[0], username=None, password=None)),
        {"Host": parsed.netloc.decode("ascii")},
        {"sni_hostname": parsed.raw_host.decode("ascii")},
    )


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open Internet, also where it is an IPv4 one written as IPv6."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed in _TRANSLATED:
            return is_public(str(ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)))
        inner = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo[1] if parsed.teredo else None)
        if inner is not None:
            return is_public(str(inner))
    return parsed.is_global and not parsed.is_multicast
