"""What a text means that stands for a picture: a path, a `file:` or `data:` URI, or the picture itself in base64."""

import base64
import binascii
import re
from pathlib import Path
from urllib.parse import unquote, unquote_to_bytes

from omniagent.model.errors import BadImage
from omniagent.model.wording import cut

_DATA = re.compile(r"\s*data:([^,]*)(,?)", re.IGNORECASE)
_BARE = re.compile(r"\s*(?:image/[\w.+-]+)?;base64,", re.IGNORECASE)
_FILE = re.compile(r"\s*file:", re.IGNORECASE)
_DRIVE = re.compile(r"/?([A-Za-z])[:|](?=/|$)")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
# A shorter text that decodes to no known beginning is taken for the name of a file.
_SURELY_DATA = 256
_BEGINNINGS = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"II*\x00", b"MM\x00*")


def located(text: str, name: str, home: Path = Path()) -> Path | bytes:
    """The picture that a text names: the path of its file, or its bytes where the text itself holds them.

    A path of an existing file is that file, whatever else it might be read as. Data URIs may have any media type,
    parameters, blanks, the URL-safe alphabet, percent signs, and no padding; a bare base64 text may have them too.

    Args:
        text: As it was given.
        name: What messages call the picture, for example `image 1`.
        home: Where relative paths begin.

    Raises:
        BadImage: a data URI that cannot be decoded, or a file on another machine.
    """
    if head := _DATA.match(text):
        return _data(text[head.end() :], head[1].lower().split(";"), bool(head[2]), name)
    if head := _BARE.match(text):
        return _decoded(text[head.end() :], name)
    if _FILE.match(text):
        return home / _file(text.strip(), name)
    for spelling in dict.fromkeys((text, text.strip())):
        if _exists(path := home / _expanded(spelling)):
            return path
    found = _base64(text)
    if found is not None and (_begins(found) or len(text) >= _SURELY_DATA):
        return found
    return home / _expanded(text)


def path_in(text: str, name: str) -> Path | None:
    """The path that a text names, without a look at the disk but for `~`; None where it holds the picture itself.

    Raises:
        BadImage: a file on another machine.
    """
    if _DATA.match(text) or _BARE.match(text):
        return None
    return _file(text.strip(), name) if _FILE.match(text) else _expanded(text)


def embedded(text: str) -> bytes | None:
    """The picture that a bare base64 text holds, by its first bytes; None where it holds none."""
    found = _base64(text)
    return found if found is not None and _begins(found) else None


def _data(body: str, header: list[str], comma: bool, name: str) -> bytes:
    if not comma:
        raise BadImage(f"{name} is a data: URI without a comma; give data:image/png;base64,… or a file path")
    if "base64" in (part.strip() for part in header):
        return _decoded(body, name)
    found = _base64(body)
    return found if found is not None and _begins(found) else unquote_to_bytes(body)


def _decoded(body: str, name: str) -> bytes:
    found = _base64(body)
    if found is None:
        raise BadImage(f"{name} is a data: URI that is no base64 ({len(body):,} characters); give a file path")
    return found


def _base64(text: str) -> bytes | None:
    """The bytes behind the text in whichever dialect of base64, or None."""
    plain = "".join((unquote(text) if "%" in text else text).split())
    plain = plain.translate(str.maketrans("-_", "+/"))
    if not _BASE64.fullmatch(plain):
        return None
    plain = plain.rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except binascii.Error:
        return None


def _begins(data: bytes) -> bool:
    return len(data) >= 24 and (data.startswith(_BEGINNINGS) or data[4:8] == b"ftyp")


def _file(uri: str, name: str) -> Path:
    rest = uri[len("file:") :]
    if rest.startswith("//"):
        host, slash, path = rest[2:].partition("/")
        if host and not _DRIVE.fullmatch(host) and host.lower() not in ("localhost", "127.0.0.1"):
            raise BadImage(f"{name} is a file on the machine {cut(host, 60)!r}; give a file of this machine")
        rest = (host if _DRIVE.fullmatch(host) else "") + slash + path
    path = _expanded(unquote(rest, errors="surrogateescape"))
    drive = _DRIVE.match(str(path))
    if drive and not _exists(path):
        return Path(f"{drive[1]}:{str(path)[drive.end() :]}")
    return path


def _expanded(text: str) -> Path:
    path = Path(text)
    try:
        return path.expanduser() if text.startswith("~") and not _exists(path) else path
    except RuntimeError:
        # There is no user of that name: the path is looked for as it stands, and missed by its own name.
        return path


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        # Too long for a name, or with a null byte: no file can be called so.
        return False
