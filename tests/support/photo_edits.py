"""Edits of real photos, right and wrong ones, made by code, with what is true of each: what a judge should say.

Every new picture goes through what an editor does to all of it (`rendered`): a slightly soft decoder, a small drift of
colours, noise, sometimes a view some percent closer.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from tests.support.photo_effects import (
    Corners,
    Photo,
    beach,
    drawn,
    ellipse,
    encoded,
    foggy,
    gone,
    hat,
    lit,
    lit_from_the_left,
    masked,
    painting,
    photo,
    recoloured,
    rendered,
    sketch,
    subject,
    sunset,
    view,
    with_face,
)

Reach = Literal["part", "surroundings", "look", "view"]

FACES: Final[dict[Photo, Corners]] = {"astronaut": (86, 20, 142, 74), "camera": (82, 36, 130, 84)}
SUBJECTS: Final[dict[Photo, Corners]] = {
    "astronaut": (10, 8, 200, 256), "camera": (6, 34, 170, 256), "coffee": (32, 6, 208, 166),
    "rocket": (110, 44, 146, 170), "stereo_motorcycle": (30, 24, 236, 160), "chelsea": (0, 0, 212, 170),
}  # fmt: skip


@dataclass(frozen=True)
class PhotoEdit:
    """One edit and what is true of it.

    Attributes:
        name: Of the edit.
        photo: What it is of.
        request: The person's words.
        after: The new picture.
        reach: What the request is about.
        boxes: Of what the request asks to change, in pixels of the given picture; empty where that is all of it.
        made: Whether the change was made.
        scene: Whether the scene was kept.
        people: Whether the people were kept.
    """

    name: str
    photo: Photo
    request: str
    after: Image.Image
    reach: Reach = "part"
    boxes: tuple[Corners, ...] = ()
    made: bool = True
    scene: bool = True
    people: bool = True

    @property
    def before(self) -> Image.Image:
        """The given picture."""
        return photo(self.photo)

    @property
    def right(self) -> bool:
        """Whether it is as asked for."""
        return self.made and self.scene and self.people


@functools.cache
def right_edits() -> tuple[PhotoEdit, ...]:
    """Edits that are as asked for."""
    return tuple(_right())


@functools.cache
def wrong_edits() -> tuple[PhotoEdit, ...]:
    """Edits that are not."""
    return tuple(_wrong())


HEAD: Final = (66, 0, 152, 34)
SUIT: Final = (10, 110, 186, 256)
SHUTTLE: Final = (178, 0, 232, 140)
EYES: Final = (76, 44, 200, 96)
SPOON: Final = (134, 26, 176, 142)
BIKE: Final = (26, 50, 204, 134)
CUP: Final = (28, 4, 210, 168)
LANTERNS: Final = ((20, 8, 40, 36), (120, 4, 140, 32), (232, 10, 252, 38))
BIRDS: Final = tuple((x, y, x + 10, y + 7) for x, y in ((46, 20), (60, 60), (96, 30), (150, 26), (196, 40), (160, 70)))


def _right() -> Iterator[PhotoEdit]:
    astronaut, cat, coffee = photo("astronaut"), photo("chelsea"), photo("coffee")
    rocket, camera, bike = photo("rocket"), photo("camera"), photo("stereo_motorcycle")
    number = 0

    def made(
        name: str, of: Photo, request: str, picture: Image.Image, reach: Reach, *boxes: Corners, closer: float = 1
    ):
        nonlocal number
        number += 1
        return PhotoEdit(name, of, request, rendered(picture, number, closer=closer), reach, boxes)

    def local(name: str, of: Photo, request: str, picture: Image.Image, *boxes: Corners, closer: float = 1):
        return made(name, of, request, picture, "part", *boxes, closer=closer)

    def whole(name: str, of: Photo, request: str, picture: Image.Image):
        return made(name, of, request, picture, "look")

    def behind(name: str, of: Photo, request: str, picture: Image.Image):
        return made(name, of, request, picture, "surroundings")

    hatted = drawn(astronaut, hat(111, 24, 72, "#2b4a8b"))
    blue_suit = _blue_suit()
    yield local("hat", "astronaut", "put a blue hat on her", hatted, HEAD)
    yield local("hat, closer", "astronaut", "give the woman a blue hat", hatted, HEAD, closer=1.03)
    yield behind(
        "beach", "astronaut", "put her on a beach", masked(astronaut, beach(astronaut.size), subject("astronaut"))
    )
    yield whole("warm light", "astronaut", "make the light warmer", lit(astronaut, (1.15, 1.0, 0.8)))
    yield whole("brighter", "astronaut", "brighten the photo", lit(astronaut, (1, 1, 1), gamma=0.65))
    yield whole("sketch of a woman", "astronaut", "turn it into a pencil sketch", sketch(astronaut))
    yield local("blue suit", "astronaut", "make her suit blue", blue_suit, SUIT)
    yield local("no shuttle", "astronaut", "remove the shuttle", gone(astronaut, SHUTTLE), SHUTTLE)
    yield whole("black and white", "astronaut", "make it black and white", ImageOps.grayscale(astronaut).convert("RGB"))
    yield whole("night", "astronaut", "make it night", lit(astronaut, (0.35, 0.4, 0.6), gamma=1.3))
    glasses = drawn(drawn(cat, ellipse((84, 50, 124, 84), "#101010")), ellipse((164, 56, 200, 92), "#101010"))
    yield local("glasses", "chelsea", "put sunglasses on the cat", glasses, EYES)
    yield local("blue eyes", "chelsea", "make its eyes blue", recoloured(cat, EYES, 110, (25, 60)), EYES)
    yield local(
        "blue eyes, closer", "chelsea", "give it blue eyes", recoloured(cat, EYES, 110, (25, 60)), EYES, closer=1.03
    )
    yield whole("sketch of a cat", "chelsea", "a pencil drawing of this", sketch(cat))
    yield whole("cool light", "chelsea", "make the light colder", lit(cat, (0.8, 1.0, 1.2)))
    yield whole("strong colours", "chelsea", "more saturation", ImageEnhance.Color(cat).enhance(1.3))
    yield local(
        "small hat", "chelsea", "put a red hat on the cat", drawn(cat, hat(120, 26, 70, "#b02020")), (80, 0, 160, 36)
    )
    yield local("blue cup", "coffee", "make the cup and saucer blue", recoloured(coffee, CUP, 150, (245, 12)), CUP)
    yield local("no spoon", "coffee", "remove the spoon", gone(coffee, (148, 96, 174, 140)), SPOON)
    marble = Image.effect_noise(coffee.size, 60).filter(ImageFilter.GaussianBlur(3)).convert("RGB")
    marble = lit(marble, (0.6, 0.6, 0.6), 130)
    yield behind("marble table", "coffee", "put it on a marble table", masked(coffee, marble, subject("coffee")))
    yield local(
        "biscuit",
        "coffee",
        "add a biscuit",
        drawn(coffee, ellipse((212, 110, 248, 144), "#d9a55a")),
        (208, 106, 252, 148),
    )
    yield whole("oil painting", "coffee", "make it an oil painting", painting(coffee))
    yield whole("lamp on the left", "coffee", "light it from the left", lit_from_the_left(coffee))
    evening = masked(lit(rocket, (1.25, 1.05, 0.9)), sunset(rocket.size), subject("rocket"))
    yield behind("sunset", "rocket", "replace the sky by a sunset", evening)
    yield local("moon", "rocket", "add a moon", drawn(rocket, ellipse((40, 14, 66, 40), "#f2f0e0")), (36, 10, 70, 44))
    birds = rocket
    for box in BIRDS:
        birds = drawn(birds, ellipse(box, "#ffffff"))
    yield local("six birds", "rocket", "add six white birds", birds, *BIRDS)
    yield local("no rocket", "rocket", "remove the rocket", gone(rocket, (112, 46, 144, 160)), (108, 42, 148, 164))
    yield whole("day", "rocket", "make it day", lit(rocket, (1.2, 1.2, 1.2), 40, gamma=0.6))
    yield whole("fog", "rocket", "add fog", foggy(rocket))
    yield whole("sepia", "camera", "make it sepia", ImageOps.colorize(ImageOps.grayscale(camera), "#20120a", "#ffe8c0"))
    yield local(
        "grey hat", "camera", "give him a white hat", drawn(camera, hat(104, 40, 60, "#f4f4f4")), (70, 4, 138, 48)
    )
    yield behind("clouds", "camera", "an evening sky behind him", masked(camera, _sky_over(camera), subject("camera")))
    yield local("no tower", "camera", "remove the tower", gone(camera, (200, 58, 218, 98)), (196, 54, 222, 102))
    blurred = masked(camera, camera.filter(ImageFilter.GaussianBlur(5)), subject("camera"))
    yield behind("blurred background", "camera", "blur the background", blurred)
    green = recoloured(bike, BIKE, 85, (240, 15))
    yield local("green bike", "stereo_motorcycle", "make the motorcycle green", green, BIKE)
    yield local(
        "green bike, closer", "stereo_motorcycle", "paint the bike green", view(green, 1.0, 2, -2), BIKE, closer=1.02
    )
    yield whole("sketch of a bike", "stereo_motorcycle", "as a pencil sketch", sketch(bike))
    yield whole("dusk", "stereo_motorcycle", "make it dusk", lit(bike, (0.75, 0.55, 0.6)))
    lanterns = bike
    for box in LANTERNS:
        lanterns = drawn(lanterns, ellipse(box, "#ffb347"))
    yield local("three lanterns", "stereo_motorcycle", "hang up three lanterns", lanterns, *LANTERNS)
    sharp = bike.filter(ImageFilter.UnsharpMask(2, 160, 0))
    yield PhotoEdit("sharper", "stereo_motorcycle", "sharpen it", encoded(sharp, 88), "look")


def _blue_suit() -> Image.Image:
    astronaut = photo("astronaut")
    turned = recoloured(astronaut, (0, 94, 256, 256), 150, (250, 22))
    return masked(turned, astronaut, subject("astronaut"))


def _sky_over(picture: Image.Image) -> Image.Image:
    made = picture.copy()
    made.paste(sunset((picture.width, 96)), (0, 0))
    return made


def _wrong() -> Iterator[PhotoEdit]:
    astronaut, cat, coffee = photo("astronaut"), photo("chelsea"), photo("coffee")
    rocket, camera, bike = photo("rocket"), photo("camera"), photo("stereo_motorcycle")
    hatted = drawn(astronaut, hat(111, 24, 72, "#2b4a8b"))
    blue_suit = _blue_suit()
    face, other = FACES["astronaut"], FACES["camera"]
    number = 100

    def bad(
        name: str, of: Photo, request: str, picture: Image.Image, *boxes: Corners, reach: Reach = "part",
        made: bool = True, scene: bool = True, people: bool = True,
    ):  # fmt: skip
        nonlocal number
        number += 1
        return PhotoEdit(name, of, request, rendered(picture, number), reach, boxes, made, scene, people)

    swapped = with_face(hatted, (90, 26, 138, 74), camera, other)
    yield bad("his face", "astronaut", "put a blue hat on her", swapped, HEAD, people=False)
    turned = with_face(blue_suit, face, cat, (70, 20, 210, 170))
    yield bad("a cat's face", "astronaut", "make her suit blue", turned, SUIT, people=False)
    hers = with_face(drawn(camera, hat(104, 40, 60, "#f4f4f4")), other, astronaut, (90, 26, 138, 74))
    yield bad("her face", "camera", "give him a white hat", hers, (70, 4, 138, 48), people=False)
    flag = recoloured(astronaut, (0, 0, 60, 256), 150, (235, 25))
    yield bad("the flag's colour", "astronaut", "make the shuttle blue", flag, SHUTTLE, made=False, scene=False)
    replaced = masked(blue_suit, beach(astronaut.size), subject("astronaut"))
    yield bad("on a beach besides", "astronaut", "make her suit blue", replaced, SUIT, scene=False)
    yield bad("no hat", "astronaut", "put a blue hat on her", astronaut, HEAD, made=False)
    yield bad("not blue", "coffee", "make the cup and saucer blue", encoded(coffee, 70), CUP, made=False)
    yield bad("not green", "stereo_motorcycle", "make the motorcycle green", view(bike, 1.02), BIKE, made=False)
    yield bad("mirrored woman", "astronaut", "put a blue hat on her", ImageOps.mirror(hatted), HEAD, scene=False)
    glasses = drawn(drawn(cat, ellipse((84, 50, 124, 84), "#101010")), ellipse((164, 56, 200, 92), "#101010"))
    yield bad("mirrored cat", "chelsea", "put sunglasses on the cat", ImageOps.mirror(glasses), EYES, scene=False)
    yield bad(
        "another photo",
        "astronaut",
        "make her suit blue",
        cat.resize(astronaut.size),
        SUIT,
        made=False,
        scene=False,
        people=False,
    )
    yield bad("a motorcycle", "coffee", "remove the spoon", bike.resize(coffee.size), SPOON, scene=False)
    both = drawn(gone(coffee, (148, 96, 174, 140)), ellipse((96, 10, 176, 90), "#3a2a20"))
    yield bad("the cup gone too", "coffee", "remove the spoon", both, SPOON, scene=False)
    cup = recoloured(coffee, CUP, 150, (245, 12))
    yield bad("a blue cup", "coffee", "add a biscuit", cup, (208, 106, 252, 148), made=False, scene=False)
    dark = drawn(recoloured(cat, EYES, 110, (25, 60)), ellipse((20, 96, 210, 168), "#2a2522"))
    yield bad("black fur", "chelsea", "make its eyes blue", dark, EYES, scene=False)
    evening = gone(masked(rocket, sunset(rocket.size), subject("rocket")), (100, 40, 148, 164))
    yield bad(
        "the rocket gone too", "rocket", "replace the sky by a sunset", evening, reach="surroundings", scene=False
    )
    moon = drawn(masked(rocket, sunset(rocket.size), subject("rocket")), ellipse((40, 14, 66, 40), "#f2f0e0"))
    yield bad("another sky", "rocket", "add a moon", moon, (36, 10, 70, 44), scene=False)
    sky = _sky_over(camera)
    yield bad(
        "the man gone",
        "camera",
        "an evening sky behind him",
        gone(sky, (2, 30, 168, 250)),
        reach="surroundings",
        scene=False,
        people=False,
    )
    room = masked(recoloured(bike, BIKE, 85, (240, 15)), beach(bike.size), subject("stereo_motorcycle"))
    yield bad("a bike on a beach", "stereo_motorcycle", "make the motorcycle green", room, BIKE, scene=False)
    yield bad(
        "a sketch of a cup",
        "chelsea",
        "a pencil drawing of this",
        sketch(coffee.resize(cat.size)),
        reach="look",
        scene=False,
    )
    drawn_anew = view(recoloured(bike, BIKE, 85, (240, 15)).rotate(12, Image.Resampling.BICUBIC), 1.3, 10, 8)
    yield bad("drawn anew", "stereo_motorcycle", "make the motorcycle green", drawn_anew, BIKE, scene=False)
    mirrored = ImageOps.mirror(lit(astronaut, (1.15, 1.0, 0.8)))
    yield bad("warm and mirrored", "astronaut", "make the light warmer", mirrored, reach="look", scene=False)
