"""Posters read by the installed reader: right ones pass, misspelt ones are found, over photographs."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from omniagent.model.perception.text import RapidReader, installed_reader
from tests.support.posters import FIRST, LEAST, SECOND, judged_right, misspelt, posters


@pytest.fixture(scope="module")
def reader() -> RapidReader:
    found = installed_reader()
    assert isinstance(found, RapidReader), "the extra ocr is part of the set-up"
    return found


@pytest.mark.slow
def test_right_posters_pass_and_misspelt_ones_are_found(reader: RapidReader) -> None:
    tried = [*posters(5, 384, seed=2, printing=FIRST), *posters(5, 384, seed=3, printing=SECOND)]
    assert sum(judged_right(poster, reader) for poster in tried) >= LEAST * len(tried)


@pytest.mark.slow
def test_of_sixty_posters_at_least_95_percent_are_judged_right(reader: RapidReader) -> None:
    # Sixty of each printing: `python -m tests.bench posters`.
    tried = [*posters(30, 512, printing=FIRST), *posters(30, 512, printing=SECOND)]
    wrong = [poster.says for poster in tried if not judged_right(poster, reader)]
    assert len(wrong) <= (1 - LEAST) * 60, wrong


def test_words_of_a_leaning_row_are_read_in_their_order_and_placed_in_the_picture(reader: RapidReader) -> None:
    picture = Image.new("RGB", (600, 300), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(44)
    draw.text((40, 120), "NO", font=font, fill="black")
    draw.text((330, 120), "PARKING", font=font, fill="black")
    leaning = picture.rotate(9, Image.Resampling.BICUBIC, fillcolor="white")
    first, second = reader.placed(leaning)
    assert (first.text, second.text) == ("NO", "PARKING")
    assert 20 < first.left < first.right < 150 < second.left < second.right < 590
    assert second.top < first.top and reader.lines(Image.new("RGB", (64, 64), "white")) == ()


@pytest.mark.parametrize(
    ("text", "known"), [("Café 9 PM!", True), ("欢迎光临", True), ("Привет", False), ("안녕", False)]
)
def test_the_reader_knows_which_letters_it_can_read(reader: RapidReader, text: str, known: bool) -> None:
    assert reader.knows(text) is known


def test_a_misspelt_text_is_one_letter_away_from_the_right_one() -> None:
    rng = np.random.default_rng(1)
    for text in (*FIRST.latin, *SECOND.chinese):
        assert misspelt(text, rng) != text and abs(len(misspelt(text, rng)) - len(text)) <= 1
