"""The OpenAI images API, as the official client calls it, against a real server on scripted models."""

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import openai
import pytest
from PIL import Image, ImageDraw

from omniagent.model.errors import OutOfMemory, StorageFull
from omniagent.model.profile import GeneratorProfile
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator
from omniagent.runs.result import Result
from tests.support.faces import FAILS, HOLDS
from tests.support.http_server import Served, serving
from tests.support.scripted_runs import LISTED, by_picture, plan_draft, scripted_agent, texts


def png(size: tuple[int, int] = (96, 64), color: str = "blue") -> io.BytesIO:
    return filed(Image.new("RGB", size, color))


def filed(image: Image.Image, name: str = "picture.png") -> io.BytesIO:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    buffer.seek(0)
    buffer.name = name
    return buffer


def opened(b64: str | None) -> Image.Image:
    assert b64 is not None
    return Image.open(io.BytesIO(base64.b64decode(b64)))


@pytest.fixture(scope="module")
def drawing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Draws at once, and every picture holds."""
    agent = scripted_agent(tmp_path_factory.mktemp("drawing"), by_picture(HOLDS))
    with serving(agent, model_names=("gpt-image-1",)) as served:
        yield served


@pytest.fixture(scope="module")
def editing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Edits what it is given; the second picture that is looked at holds, others do not."""
    agent = scripted_agent(tmp_path_factory.mktemp("editing"), by_picture(FAILS, HOLDS), texts(plan_draft("edit")))
    with serving(agent) as served:
        yield served


def test_a_picture_comes_with_its_seed_its_verdicts_and_its_run(drawing: Served):
    reply = drawing.openai().images.generate(prompt="a red circle", model="gpt-image-1", extra_body={"seed": 7})
    assert reply.data is not None
    (picture,) = reply.data
    told = picture.model_dump()
    assert (told["seed"], told["status"], told["accepted"], told["stop_reason"]) == (7, "accepted", True, "accepted")
    assert [one["verdict"] for one in told["checks"]] == ["yes", "yes", "yes"]
    assert reply.size == "128x128" == "x".join(map(str, opened(picture.b64_json).size))
    assert reply.usage is not None and reply.usage.total_tokens > 0
    run = drawing.http().get(f"/v1/runs/{told['run_id']}").json()
    assert (run["status"], run["seed"], run["best"]) == ("accepted", 7, told["attempt"])
    # The file carries its lineage too, and not where the server keeps it.
    info = opened(picture.b64_json).info
    assert info["omniagent:run"] == told["run_id"] and str(drawing.service.folders.home) not in str(info)


def test_the_same_seed_draws_the_same_picture_and_none_a_random_one(drawing: Served):
    client = drawing.openai()
    made = [client.images.generate(prompt="a red circle", extra_body={"seed": 11}).data for _ in range(2)]
    pictures = [opened(one[0].b64_json).tobytes() for one in made if one]
    assert pictures[0] == pictures[1]
    free = [client.images.generate(prompt="a red circle").data for _ in range(2)]
    assert len({one[0].model_dump()["seed"] for one in free if one}) == 2


def test_three_pictures_are_three_runs_with_seeds_in_a_row(drawing: Served):
    reply = drawing.openai().images.generate(prompt="a red circle", n=3, extra_body={"seed": 5})
    assert reply.data is not None
    told = [one.model_dump() for one in reply.data]
    assert [one["seed"] for one in told] == [5, 6, 7]
    assert len({one["run_id"] for one in told}) == 3
    assert len({opened(one["b64_json"]).tobytes() for one in told}) == 3


@pytest.mark.parametrize(
    ("size", "drawn"),
    [("auto", (128, 128)), (None, (128, 128)), ("64x96", (64, 96)), ("333x217", (333, 217)), ("16X16", (16, 16))],
)
def test_sizes_are_drawn_as_they_are_asked_for(drawing: Served, size: str | None, drawn: tuple[int, int]):
    reply = drawing.openai().images.generate(prompt="a red circle", size=size)
    assert reply.data is not None and opened(reply.data[0].b64_json).size == drawn
    assert reply.size == f"{drawn[0]}x{drawn[1]}"


@pytest.mark.parametrize(("form", "kind"), [("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP")])
def test_a_picture_comes_in_the_format_that_was_asked_for(drawing: Served, form: str, kind: str):
    reply = drawing.openai().images.generate(prompt="a red circle", output_format=form)  # type: ignore[arg-type]
    assert reply.data is not None and opened(reply.data[0].b64_json).format == kind
    assert reply.output_format == form


def test_stronger_compression_makes_smaller_files(drawing: Served):
    size: list[int] = []
    for quality in (5, 95):
        reply = drawing.openai().images.generate(
            prompt="a red circle", output_format="jpeg", output_compression=quality, extra_body={"seed": 1}
        )
        assert reply.data is not None and reply.data[0].b64_json is not None
        size.append(len(reply.data[0].b64_json))
    assert size[0] < size[1]


def test_a_link_opens_without_a_key_until_it_is_changed_or_expires(drawing: Served, tmp_path: Path):
    reply = drawing.openai().images.generate(prompt="a red circle", response_format="url", output_format="webp")
    assert reply.data is not None and reply.data[0].url is not None
    url = reply.data[0].url
    anyone = drawing.http(key=None)
    answer = anyone.get(url)
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/webp"
    assert Image.open(io.BytesIO(answer.content)).size == (128, 128)
    for changed in (url.replace("a1.webp", "a1.png"), url.replace("/alice/", "/bob/"), url[:-1] + "0" * 2):
        assert anyone.get(changed).status_code in (400, 403)
    agent = scripted_agent(tmp_path, by_picture(HOLDS))
    with serving(agent, link_seconds=0.001) as short:
        made = short.openai().images.generate(prompt="a red circle", response_format="url").data
        assert made is not None and made[0].url is not None
        expired = made[0].url
        assert short.http(key=None).get(expired).json()["error"]["code"] == "expired_link"


def test_an_edit_of_two_pictures_uses_both_and_keeps_what_the_mask_protects(tmp_path: Path):
    generator = ScriptedGenerator()
    agent = scripted_agent(
        tmp_path,
        generator=generator,
        critic=ScriptedCritic(by_picture(FAILS, HOLDS), texts(plan_draft("edit")), profile=LISTED),
    )
    source = Image.effect_noise((192, 128), 60).convert("RGB")
    mask = Image.new("RGBA", source.size, (0, 0, 0, 255))
    ImageDraw.Draw(mask).rectangle((48, 32, 143, 95), fill=(0, 0, 0, 0))
    with serving(agent) as served:
        reply = served.openai().images.edit(
            image=[filed(source), png(color="red")], mask=filed(mask), prompt="put image 2 in the middle of image 1"
        )
    assert reply.data is not None
    assert len(generator.calls[0].references) == 2
    picture = opened(reply.data[0].b64_json)
    assert picture.size == source.size
    changed = np.asarray(picture.convert("RGB"), dtype=int) != np.asarray(source, dtype=int)
    rows, columns = np.nonzero(changed.any(axis=2))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) >= (32, 0, 48, 0)
    assert rows.max() <= 95 and columns.max() <= 143
    assert changed.any(axis=2)[36:92, 52:140].mean() > 0.9


def test_one_picture_is_edited_in_its_own_size_through_either_name_of_the_field(editing: Served):
    single = editing.openai().images.edit(image=png((96, 64)), prompt="make the circle red")
    listed = editing.openai().images.edit(image=[png((80, 112))], prompt="make the circle red")
    for reply, size in ((single, (96, 64)), (listed, (80, 112))):
        assert reply.data is not None and opened(reply.data[0].b64_json).size == size


def test_an_edit_may_come_as_json_with_data_uris(editing: Served):
    uri = "data:image/png;base64," + base64.b64encode(png().getvalue()).decode()
    answer = editing.http().post("/v1/images/edits", json={"prompt": "make it red", "images": [{"image_url": uri}]})
    assert answer.status_code == 200, answer.text
    assert opened(answer.json()["data"][0]["b64_json"]).size == (96, 64)


def test_a_stream_sends_drafts_that_no_client_takes_for_the_picture(tmp_path: Path):
    with serving(scripted_agent(tmp_path, by_picture(FAILS, HOLDS))) as served:
        stream = served.openai().images.generate(
            prompt="a red circle", stream=True, partial_images=2, extra_body={"seed": 3}
        )
        events = list(stream)
    assert [event.type for event in events] == [
        "image_generation.partial_image",
        "image_generation.partial_image",
        "image_generation.completed",
    ]
    told = [event.model_dump() for event in events]
    assert [one["draft"] for one in told] == [True, True, False]
    assert [one["partial_image_index"] for one in told[:2]] == [0, 1]
    assert told[2]["accepted"] and told[2]["seed"] == 3 and told[2]["attempt"] == "a2"
    assert opened(told[1]["b64_json"]).tobytes() == opened(told[2]["b64_json"]).tobytes()


def test_a_streamed_edit_names_its_events_after_edits_and_needs_no_drafts(editing: Served):
    events = list(editing.openai().images.edit(image=png(), prompt="make it red", stream=True))
    assert [event.type for event in events] == ["image_edit.completed"]


def test_several_streamed_pictures_say_which_one_they_are(drawing: Served):
    events = list(drawing.openai().images.generate(prompt="a red circle", n=2, stream=True, partial_images=1))
    done = [event.model_dump()["image_index"] for event in events if event.type == "image_generation.completed"]
    assert sorted(done) == [0, 1] and len(events) == 4


def test_a_picture_of_which_something_does_not_hold_says_so(tmp_path: Path):
    with serving(scripted_agent(tmp_path, by_picture(FAILS))) as served:
        reply = served.openai().images.generate(prompt="a red circle", quality="low")
    assert reply.data is not None and reply.quality == "low"
    told = reply.data[0].model_dump()
    assert (told["status"], told["accepted"], told["attempts"]) == ("best_effort", False, 1)
    assert [one["verdict"] for one in told["checks"]] == ["yes", "no", "yes"]


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"n": 11}, "n"),
        ({"n": 0}, "n"),
        ({"size": "huge"}, "size"),
        ({"size": "5000x5000"}, "size"),
        ({"background": "transparent"}, "background"),
        ({"output_format": "gif"}, "output_format"),
        ({"output_compression": 50}, "output_compression"),
        ({"style": "vivid"}, "style"),
        ({"quality": "max"}, "quality"),
        ({"partial_images": 2}, "partial_images"),
        ({"extra_body": {"seed": -2}}, "seed"),
        ({"extra_body": {"sede": 2}}, "sede"),
        ({"extra_body": {"max_rounds": 50}}, "max_rounds"),
        ({"prompt": " "}, "prompt"),
        ({"prompt": "a\x00b"}, "prompt"),
    ],
)
def test_what_has_no_meaning_here_is_refused_by_its_name(drawing: Served, options: dict[str, object], param: str):
    with pytest.raises(openai.BadRequestError) as caught:
        drawing.openai().images.generate(**{"prompt": "a red circle", **options})  # type: ignore[arg-type]
    assert caught.value.param == param
    assert caught.value.type == "invalid_request_error"


def test_another_model_is_not_found_and_another_key_not_let_in(drawing: Served):
    with pytest.raises(openai.NotFoundError, match="there is shapes, omniagent, gpt-image-1"):
        drawing.openai().images.generate(prompt="a red circle", model="dall-e-3")
    for key in ("nobody-has-this-key-0", "", "alice"):
        with pytest.raises(openai.AuthenticationError):
            drawing.openai(key or "x").images.generate(prompt="a red circle")
    assert [one.id for one in drawing.openai().models.list()] == ["shapes", "omniagent", "gpt-image-1"]
    assert drawing.openai().models.retrieve("omniagent").id == "omniagent"


def test_failures_of_the_machine_are_told_as_such_and_not_retried(tmp_path: Path):
    broken = ScriptedGenerator(errors={number: OutOfMemory("no memory for 128x128") for number in range(9)})
    full = ScriptedGenerator(errors={number: StorageFull(f"no room in {tmp_path}") for number in range(9)})
    for index, (generator, words) in enumerate(((broken, "no memory"), (full, "disk has no room"))):
        agent = scripted_agent(tmp_path / str(index), by_picture(HOLDS), generator=generator, critic=None)
        with serving(agent) as served:
            with pytest.raises(openai.InternalServerError, match=words) as caught:
                served.openai(retries=2).images.generate(prompt="a red circle")
            assert str(tmp_path) not in caught.value.message
            assert len(generator.calls) <= 4
    assert caught.value.status_code == 507


def test_a_run_that_fails_while_it_streams_raises_in_the_client(tmp_path: Path):
    generator = ScriptedGenerator(errors={number: OutOfMemory("no memory for this") for number in range(9)})
    agent = scripted_agent(tmp_path, by_picture(HOLDS), generator=generator)
    with serving(agent) as served, pytest.raises(openai.APIError, match="no memory for this"):
        list(served.openai().images.generate(prompt="a red circle", stream=True, partial_images=1))


def test_a_refused_task_is_the_requests_fault(tmp_path: Path):
    shapes = ScriptedGenerator(profile=GeneratorProfile(domain="coloured shapes"))
    agent = scripted_agent(tmp_path, by_picture(HOLDS), texts(plan_draft("refuse")), generator=shapes)
    with serving(agent) as served, pytest.raises(openai.BadRequestError) as caught:
        served.openai().images.generate(prompt="the parliament of owls")
    assert caught.value.code == "task_refused" and "coloured shapes" in caught.value.message


def test_every_answered_run_lies_on_disk_as_any_other(drawing: Served):
    reply = drawing.openai().images.generate(prompt="a red circle")
    assert reply.data is not None
    run_id = reply.data[0].model_dump()["run_id"]
    result = Result.load(drawing.service.folders.home / "alice" / run_id)
    assert result.accepted and result.image is not None and (result.folder / "report.html").is_file()
