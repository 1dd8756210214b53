"""A flat scene of two things, of which an edit was to change one: drawn for tests of what edits change beside that."""

from PIL import Image, ImageDraw


def scene(square: str, star: str = "blue", side: int = 128) -> Image.Image:
    made = Image.new("RGB", (side, side), "white")
    pen = ImageDraw.Draw(made)
    pen.rectangle((10, side // 2 - 12, 34, side // 2 + 12), fill=square)
    pen.polygon([(side - 34, side // 2 + 12), (side - 22, side // 2 - 14), (side - 10, side // 2 + 12)], fill=star)
    return made


GIVEN, WANTED, STRAY = scene("red"), scene("green"), scene("green", "purple")
