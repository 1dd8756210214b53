"""Which files a client of the MCP server may have read: those in its roots, in `--root`, and earlier runs."""

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp import Client
from mcp.client.context import ClientRequestContext
from mcp_types import CallToolResult, ListRootsResult, Root, TextContent
from PIL import Image
from pydantic import FileUrl

from omniagent.integrations.mcp import build_server
from omniagent.model.errors import BadImage
from omniagent.model.wording import shown
from omniagent.tools.intake.confined import Confined
from tests.support.faces import repaired

QUESTION = "Is there a circle?"


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (24, 24), "red").save(path, "PNG")
    return path


def said(result: CallToolResult) -> str:
    return "".join(block.text for block in result.content if isinstance(block, TextContent))


def look(
    folder: Path,
    texts: list[str],
    *,
    roots: Any = None,
    client_roots: list[Path] | None = None,
    mode: str = "auto",
    local: bool = True,
) -> list[CallToolResult]:
    """Ask for each of these pictures."""

    async def named(context: ClientRequestContext) -> ListRootsResult:
        return ListRootsResult(roots=[Root(uri=FileUrl(path.as_uri())) for path in client_roots or ()])

    async def talk() -> list[CallToolResult]:
        server = build_server(repaired(folder / "runs"), roots=roots, local=local)
        callback = None if client_roots is None else named
        async with Client(server, list_roots_callback=callback, mode=mode) as client:  # pyright: ignore
            return [await client.call_tool("check_image", {"image": one, "questions": QUESTION}) for one in texts]

    return asyncio.run(talk())


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_the_roots_of_a_local_client_are_what_may_be_read(tmp_path: Path, mode: str) -> None:
    inside, outside = picture(tmp_path / "mine" / "a b.png"), picture(tmp_path / "other" / "a.png")
    good, uri, bad = look(
        tmp_path, [str(inside), inside.as_uri(), str(outside)], client_roots=[tmp_path / "mine"], mode=mode
    )
    assert not good.is_error and not uri.is_error, said(good)
    assert bad.is_error and "lies outside the folders" in said(bad)


def test_the_command_lines_roots_stand_above_the_clients(tmp_path: Path) -> None:
    inside, outside = picture(tmp_path / "allowed" / "a.png"), picture(tmp_path / "mine" / "a.png")
    good, bad = look(
        tmp_path, [str(inside), str(outside)], roots=[tmp_path / "allowed"], client_roots=[tmp_path / "mine"]
    )
    assert not good.is_error and bad.is_error


def test_a_client_of_another_machine_reads_no_file_that_nobody_allowed(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png")
    data = "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
    bad, good = look(tmp_path, [str(path), data], client_roots=[tmp_path], local=False)
    assert bad.is_error and not good.is_error


def test_without_roots_the_working_folder_is_read_and_a_home_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = picture(tmp_path / "here" / "a.png")
    monkeypatch.chdir(path.parent)
    for text in ("a.png", str(path)):
        (good,) = look(tmp_path, [text])
        assert not good.is_error
    monkeypatch.setenv("HOME", str(path.parent))
    (bad,) = look(tmp_path, [str(path)])
    assert bad.is_error


def test_what_lies_outside_is_told_in_the_same_words_whether_it_is_there_or_not(tmp_path: Path) -> None:
    secret = picture(tmp_path / "secret" / "there.png")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "link.png").symlink_to(secret)
    (tmp_path / "mine" / "folder").symlink_to(secret.parent)
    # A path that is long enough, and of such characters, may also be read as base64.
    long = "/" * 300 + str(secret)[1:].removesuffix(".png")
    picture(secret.with_suffix(""))
    pairs = [
        (str(secret), str(secret).replace("there", "thera")),
        (f"{tmp_path}/mine/../secret/there.png", f"{tmp_path}/mine/../secret/thera.png"),
        (f"{tmp_path}/mine/folder/there.png", f"{tmp_path}/mine/folder/thera.png"),
        (secret.as_uri(), secret.as_uri().replace("there", "thera")),
        (long, long.replace("there", "thera")),
        ("/etc/passwd", "/etc/passwe"),
        ("~/../../etc/passwd", "~/../../etc/passwe"),
        ("/", "/x"),
        (str(tmp_path / "secret"), str(tmp_path / "secreu")),
    ]
    for there, missing in pairs:
        one, other = look(tmp_path, [there, missing], roots=[tmp_path / "mine"])
        assert one.is_error and other.is_error
        words = said(one).replace(shown(there), "IT")
        assert words == said(other).replace(shown(missing), "IT") and "(IT) lies outside the folders" in words
    (link,) = look(tmp_path, [f"{tmp_path}/mine/link.png"], roots=[tmp_path / "mine"])
    assert link.is_error and "lies outside" in said(link)


@pytest.mark.parametrize(
    "text", ["\0", "a\0b.png", "x" * 5_000, "file://elsewhere/a.png", "https://127.0.0.1:9/a.png", "data:,", "..", ""]
)
def test_what_is_no_file_of_this_machine_is_refused_in_a_line(tmp_path: Path, text: str) -> None:
    (refused,) = look(tmp_path, [text], roots=[tmp_path])
    assert refused.is_error and "\n" not in said(refused) and len(said(refused)) < 900
    assert "Error executing" not in said(refused)


@settings(max_examples=300, deadline=None)
@given(
    parts=st.lists(st.sampled_from(["..", ".", "mine", "other", "link", "a.png", "%2e%2e", "~", "", "…"]), max_size=7),
    form=st.sampled_from(["{}", "file://{}", "file:{}", " {} "]),
)
def test_no_spelling_of_a_path_leads_out_of_the_folders(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str], form: str
) -> None:
    home = tmp_path_factory.getbasetemp() / "confined"
    if not home.exists():
        picture(home / "mine" / "a.png")
        picture(home / "other" / "a.png")
        (home / "mine" / "link").symlink_to(home / "other")
    allowed = Confined([home / "mine"])
    try:
        found = allowed.located(form.format("/".join((str(home / "mine"), *parts))), "image 1")
    except BadImage:
        return
    assert isinstance(found, Path) and found.resolve().is_relative_to((home / "mine").resolve())
