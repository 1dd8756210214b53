"""Pictures that are given as text: paths, `file:` and `data:` URIs and base64 in every dialect; and short messages."""

import base64
import io
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from omniagent.agent import Agent
from omniagent.model.errors import BadImage, OmniAgentError
from omniagent.model.wording import SHOWN, counted, cut, shown, unknown
from omniagent.tools.intake.task import read_images
from omniagent.tools.types import RenderSettings
from tests.support.scripted_runs import scripted_agent

# Its base64 has both letters in which the two alphabets differ.
PICTURE = Image.effect_noise((61, 43), 90).convert("RGB")


def encoded(kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    PICTURE.save(buffer, kind)
    return buffer.getvalue()


def text_forms(data: bytes) -> dict[str, str]:
    """One picture as text, in every form that clients were seen to send."""
    plain = base64.b64encode(data).decode()
    urlsafe = base64.urlsafe_b64encode(data).decode()
    lines = "\n".join(plain[start : start + 76] for start in range(0, len(plain), 76))
    return {
        "bare": plain,
        "bare, no padding": plain.rstrip("="),
        "bare, URL-safe": urlsafe,
        "bare, URL-safe, no padding": urlsafe.rstrip("="),
        "bare, in lines": lines + "\n",
        "bare, percent signs": quote(plain, safe=""),
        "plain": f"data:image/png;base64,{plain}",
        "parameter": f"data:image/png;charset=utf-8;base64,{plain}",
        "two parameters": f'data:image/png;charset=utf-8;name="a b.png";base64,{plain}',
        "no type": f"data:;base64,{plain}",
        "other type": f"data:application/octet-stream;base64,{plain}",
        "wrong type": f"data:image/gif;base64,{plain}",
        "capitals": f"DATA:IMAGE/PNG;BASE64,{plain}",
        "blanks": f"  data:image/png; base64, {lines} ",
        "URL-safe": f"data:image/png;base64,{urlsafe.rstrip('=')}",
        "percent signs": f"data:image/png;base64,{quote(plain, safe='')}",
        "no base64 at all": f"data:image/png,{quote_from_bytes(data)}",
        "no data:": f"image/png;base64,{plain}",
    }


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
def test_a_picture_in_any_dialect_of_base64_is_read(kind: str) -> None:
    data = encoded(kind)
    with Image.open(io.BytesIO(data)) as image:
        pixels = image.convert("RGB").tobytes()
    for name, text in text_forms(data).items():
        assert read_images([text])[0].tobytes() == pixels, name


def test_the_dialects_of_base64_differ_in_the_picture_of_this_test() -> None:
    assert {"+", "/"} <= set(base64.b64encode(encoded()).decode())


def test_a_file_is_found_by_path_and_by_uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a b#1 100% ü.png"
    path.write_bytes(encoded())
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    forms = (
        str(path),
        path.name,
        f"  {path.name}\n",
        f"~/{path.name}",
        path.as_uri(),
        f"file://localhost{quote(str(path))}",
        f"FILE://{quote(str(path))}",
        f"file:{quote(str(path))}",
    )
    for form in forms:
        assert read_images([form])[0].size == PICTURE.size, form


def test_an_existing_file_is_itself_whatever_its_name_looks_like(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB", "~", "a%20b.png"):
        (tmp_path / name).write_bytes(encoded())
        assert read_images([name])[0].size == PICTURE.size, name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file:///C:/Users/me/a%20b.png", "'C:/Users/me/a b.png'"),
        ("file://C:/Users/me/a.png", "'C:/Users/me/a.png'"),
        ("file:///nowhere/a.png", "'/nowhere/a.png'"),
        ("file://server/share/a.png", "'server'"),
        ("data:image/png;base64,!!!", "base64"),
        ("data:image/png", "comma"),
        ("data:text/plain;base64,aGVsbG8gd29ybGQ=", "no picture"),
        ("~nobody-of-that-name/a.png", "missing"),
        ("a\0b.png", "missing"),
        ("", "folder"),
    ],
)
def test_a_text_that_leads_to_no_picture_is_told_by_what_it_is(text: str, said: str) -> None:
    with pytest.raises(BadImage, match="image 1") as caught:
        read_images([text])
    assert said in str(caught.value)


LONG: dict[str, Callable[[Path], object]] = {
    "base64 of no picture": lambda folder: read_images(["QUJD" * 300_000]),
    "a cut JPEG": lambda folder: read_images(["/9j/" + "4AAQ" * 300_000]),
    "a name": lambda folder: read_images(["name " * 100_000 + ".png"]),
    "a path": lambda folder: read_images([Path("x" * 100_000 + ".png")]),
    "a data URI": lambda folder: read_images(["data:image/png;base64," + "?" * 1_000_000]),
    "a file URI": lambda folder: read_images(["file://" + "host" * 10_000 + "/a.png"]),
    "a URL": lambda folder: read_images(["http://host/" + "long" * 10_000]),
    "no list": lambda folder: scripted_agent(folder).run("a", {"x" * 9_000: 1}.keys),  # type: ignore[arg-type]
    "a seed": lambda folder: scripted_agent(folder).run("a", seed="7" * 9_000),  # type: ignore[arg-type]
    "a thread": lambda folder: scripted_agent(folder).run("a", thread_id="x" * 9_000),
    "a folder": lambda folder: scripted_agent(folder).run("a", out=folder / ("x" * 9_000)),
    "settings": lambda folder: scripted_agent(folder).run("a", settings={"x" * 9_000: "y" * 9_000}),  # type: ignore[arg-type]
    "a model": lambda folder: Agent(model="x" * 9_000, runs_dir=folder).runtime,
    "a device": lambda folder: Agent(device="x" * 9_000, runs_dir=folder).runtime,
    "a critic": lambda folder: Agent(critic="x" * 9_000, runs_dir=folder).runtime,
    "a width": lambda folder: scripted_agent(folder).run("a", settings={"width": "y" * 9_000}),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("case", LONG)
def test_no_message_repeats_an_argument_beyond_200_characters(tmp_path: Path, case: str) -> None:
    with pytest.raises(OmniAgentError) as caught:
        LONG[case](tmp_path)
    assert len(str(caught.value)) < 600, case


@given(st.recursive(st.text() | st.binary() | st.integers() | st.none(), st.lists, max_leaves=30))
def test_a_value_is_shown_whole_or_cut_in_its_middle(value: object) -> None:
    told = shown(value)
    assert len(told) <= SHOWN
    if isinstance(value, str) and len(repr(value)) <= SHOWN:
        assert told == repr(value)


@given(st.text(max_size=400), st.integers(10, 200))
def test_a_cut_text_keeps_its_ends(text: str, most: int) -> None:
    short = cut(text, most)
    assert len(short) <= most and (short == text or (text[:3] == short[:3] and text[-3:] == short[-3:]))


def test_an_unknown_name_is_told_with_the_nearest_and_all_known_ones() -> None:
    said = unknown("widht", RenderSettings.model_fields)
    assert "'widht'" in said and "did you mean 'width'?" in said and "negative" in said
    assert "did you mean" not in unknown("zzz", RenderSettings.model_fields)


def test_numbers_agree_with_their_nouns() -> None:
    assert [counted(number, "round") for number in (0, 1, 2)] == ["0 rounds", "1 round", "2 rounds"]
