"""Where the chat listens: a port that is free, the address to open, and whether others can open it too."""

import ipaddress
import socket

from omniagent.model.errors import BadSetting

_ANY = ("0.0.0.0", "::", "")


def free_port(host: str, port: int) -> int:
    """The port itself, or any free one for 0.

    Raises:
        BadSetting: the host is no address of this machine, or the port is taken.
    """
    try:
        family, kind, _, _, where = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            # Connections of a server that has just ended do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(where)
            return int(probe.getsockname()[1])
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise BadSetting(f"cannot listen on {host}:{port}: {reason}; give another host or port") from error


def address_of(host: str, port: int) -> str:
    """The URL to open; where all addresses of this machine are listened on, the one that its network knows."""
    name = _own_address() if host in _ANY else host
    return f"http://{f'[{name}]' if ':' in name else name}:{port}"


def open_to_others(host: str) -> bool:
    """Whether other machines can reach what listens on that host."""
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() != "localhost"


def _own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent: this only asks which of the own addresses faces the network. The other is for examples.
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()
