"""Where the chat listens: a port of its own, the address to open, and whether others can open it too."""

import ipaddress
import socket

from omniagent.model.errors import BadSetting

_ANY = ("0.0.0.0", "::", "")


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens on the host's port, or on any free one for 0; no other program can take it meanwhile.

    Raises:
        BadSetting: the host is no address of this machine, or the port is taken.
    """
    try:
        family, kind, _, _, where = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)[0]
        taken = socket.socket(family, kind)
        try:
            # Connections of a server that has just ended do not count.
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(where)
            taken.listen(128)
        except OSError:
            taken.close()
            raise
        return taken
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
