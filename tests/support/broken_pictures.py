"""Files that are called pictures and are none."""

import struct
import zlib

_HEADER = b"IHDR" + bytes(5)
TORN_PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 5) + _HEADER + struct.pack(">I", zlib.crc32(_HEADER))
"""A PNG whose header is too short, of which Pillow says so by a ValueError and not by an OSError."""
