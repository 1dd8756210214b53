"""Pages of the site that are made of files elsewhere in the repository, and the links between them.

The command line's page is made of its own help, the examples' page of `examples/`.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from omniagent.cli import build_app

ROOT = Path(__file__).parents[2]
BROUGHT = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "omniagent/checkpoints/shapes/README.md": "model-card.md",
    "omniagent/calibration/photos/LICENSES.md": "photo-licences.md",
}
"""Files of the repository that are pages, by their place in the site."""

STANDS_FOR = {**BROUGHT, "README.md": "index.md", "examples": "examples.md"}
"""Where a link to something outside of docs/ leads."""

_FOREIGN = re.compile(r"""<(?:script|img|iframe|source|link)\b[^>]*?\b(?:src|href)=["']?((?:https?:)?//[^"'\s>]+)""")
_LINK = re.compile(r"(\]\()(?!https?://|#|mailto:)([^)#\s]+)(#[^)\s]*)?(?=\))")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made of other files."""
    made = {target: (ROOT / source).read_text() for source, target in BROUGHT.items()}
    made |= {"cli.md": _command_line(), "examples.md": _examples()}
    for target, text in made.items():
        files.append(File.generated(config, target, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links out of docs/ to the pages that stand for those files."""
    here = page.file.src_uri
    origin = next((source for source, target in BROUGHT.items() if target == here), f"docs/{here}")

    def led(link: re.Match[str]) -> str:
        place = os.path.normpath(PurePosixPath(origin).parent / link[2])
        if place.startswith("docs/"):
            target = place.removeprefix("docs/")
        elif (found := STANDS_FOR.get(place)) is not None:
            target = found
        else:
            return link[0]
        return f"{link[1]}{os.path.relpath(target, PurePosixPath(here).parent)}{link[3] or ''}"

    return _LINK.sub(led, markdown)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Refuse a page that loads something from another machine."""
    if found := _FOREIGN.search(output):
        raise PluginError(f"{page.file.src_uri} loads {found[1]} from another machine; keep it beside the pages")
    return output


def _examples() -> str:
    parts = ["# Examples", "Short programs of `examples/` in the repository; each runs as it is.", ""]
    for path in sorted((ROOT / "examples").glob("*.py")):
        parts += [f"## {path.stem.replace('_', ' ').capitalize()}", f"`{path.relative_to(ROOT)}`", ""]
        parts += ["```python", path.read_text().rstrip(), "```", ""]
    return "\n".join(parts)


def _command_line() -> str:
    parts = ["# Command line", "What each `--help` says.", ""]
    for title, text in _helps(typer.main.get_command(build_app()), "omniagent", None):
        parts += [f"## {title}", "", "```text", text, "```", ""]
    return "\n".join(parts)


def _helps(command: object, name: str, parent: object) -> Iterator[tuple[str, str]]:
    context = command.make_context(name, [], parent=parent, resilient_parsing=True, max_content_width=88)
    yield context.command_path, command.get_help(context)
    for below, inner in getattr(command, "commands", {}).items():
        yield from _helps(inner, below, context)
