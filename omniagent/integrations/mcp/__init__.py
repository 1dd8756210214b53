"""OmniAgent as an MCP server: tools that draw, edit, check and describe pictures. Needs `omniagent[mcp]`.

Every answer stays under the 1 MiB that hosts allow. A result has text for hosts that show no pictures, a preview, a
link to a resource, and the verdicts as structured content. The resource of a picture that is larger is a JPEG of it
that fits; the full file is where `path` says, or in parts. Work that takes longer than a host waits is answered by a
handle, with which `get_run` goes on. Over stdio nothing but the protocol is written to stdout: the transport turns
every other writer to stderr.
"""

from omniagent.integrations.mcp.http import serve_http
from omniagent.integrations.mcp.server import build_server

__all__ = ["build_server", "serve_http"]
