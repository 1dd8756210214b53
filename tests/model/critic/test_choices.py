"""One of several short answers: from probabilities where a critic tells them, else from what it writes."""

from pathlib import Path

import httpx2
import pytest
import torch

from omniagent.model.critic.choices import choose, written_option
from omniagent.model.critic.local import LocalCritic
from omniagent.model.errors import BadSetting, CriticBadOutput
from omniagent.model.profile import CriticProfile
from omniagent.model.requests import (
    CancelToken,
    Choosing,
    Completion,
    Critic,
    Options,
    Prompt,
    Questions,
    StandIn,
    Writing,
    YesNo,
)
from omniagent.model.runtime import ModelRuntime
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator
from tests.support.openai_stub import PROMPT, Body, Connect, Server, chat, failure
from tests.support.tiny_models import save_mllm, save_processor

LETTERS = ("A", "B", "C")


class Writer:
    """A critic that tells no probabilities of options, only writes."""

    backend = "scripted"
    model = "writer"
    profile = CriticProfile()

    def __init__(self, text: str) -> None:
        self.inner = ScriptedCritic(
            texts=[Completion(text=text, prompt_tokens=9, cached_tokens=4, completion_tokens=2)]
        )

    def yes_no(self, call: Questions, *, token: CancelToken | None = None) -> YesNo:
        return self.inner.yes_no(call, token=token)

    def write(self, call: Writing, *, token: CancelToken | None = None) -> Completion:
        return self.inner.write(call, token=token)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> LocalCritic:
    root: Path = tmp_path_factory.mktemp("critic")
    save_mllm(root / "mllm", save_processor(root / "processor"))
    return LocalCritic.load(root / "mllm", root / "processor", device=torch.device("cpu"), dtype=torch.float32)


def test_the_critic_in_this_process_tells_the_share_of_each_options_first_token(local: LocalCritic) -> None:
    for text in ("a circle", "two stars", "x"):
        asked = Prompt(system="You check pictures.", parts=(PROMPT.parts[0], text))
        chosen = local.choose(Options(asked, LETTERS))
        assert sum(chosen.probabilities) == pytest.approx(1.0)
        assert all(0 < p < 1 for p in chosen.probabilities)
        turned = local.choose(Options(asked, tuple(reversed(LETTERS))))
        assert turned.probabilities == pytest.approx(tuple(reversed(chosen.probabilities)), abs=1e-5)
        two = local.choose(Options(asked, LETTERS[:2])).probabilities
        assert two[0] / two[1] == pytest.approx(chosen.probabilities[0] / chosen.probabilities[1], rel=1e-3)
        assert chosen.prompt_tokens > 0 and chosen.completion_tokens == 1


def test_a_choice_after_questions_about_the_same_picture_does_not_read_it_again(local: LocalCritic) -> None:
    about = Prompt(system="You check pictures.", parts=(PROMPT.parts[0], "\nLook closely.\n"))
    local.yes_no(Questions(about, ("Is it red?", "Is it blue?")))
    read = local.stats["chat_prefixes"].misses
    shared = local.choose(Options(about.then("How many are there?"), LETTERS)).probabilities
    assert local.stats["chat_prefixes"].misses == read
    alone = Prompt(system=about.system, parts=(about.parts[0], "\nLook closely.\nHow many are there?"))
    assert local.choose(Options(alone, LETTERS)).probabilities == pytest.approx(shared, abs=1e-5)


@pytest.mark.parametrize("options", [(), ("A", "A"), ("A", "B", ""), ("yes", "yes, both")], ids=str)
def test_options_that_begin_alike_or_are_none_are_the_callers_mistake(
    local: LocalCritic, options: tuple[str, ...]
) -> None:
    with pytest.raises(BadSetting, match="first token; give letters"):
        local.choose(Options(PROMPT, options))


def test_a_server_tells_the_options_shares_of_its_likeliest_tokens(connect: Connect) -> None:
    def answer(body: Body) -> httpx2.Response:
        return chat("B", logprobs={" B": -0.7, "b": -2.0, "A": -1.5, "the": -1.0, "C": -9999.0})

    server = Server(answer)
    chosen = connect(server).choose(Options(PROMPT, LETTERS))
    assert sum(chosen.probabilities) == pytest.approx(1.0)
    assert chosen.probabilities[1] > chosen.probabilities[0] > chosen.probabilities[2] >= 0.0
    assert (len(server.chats), server.chats[0]["max_tokens"], server.chats[0]["logprobs"]) == (1, 1, True)


def test_a_server_without_log_probabilities_is_read_from_what_it_writes_of_the_options(connect: Connect) -> None:
    def answer(body: Body) -> httpx2.Response:
        return failure(400, "logprobs are not supported") if "logprobs" in body else chat('{"answer": "C"}')

    server = Server(answer)
    critic = connect(server)
    assert critic.choose(Options(PROMPT, LETTERS)).probabilities == (0.0, 0.0, 1.0)
    assert critic.choose(Options(PROMPT, LETTERS)).probabilities == (0.0, 0.0, 1.0)
    assert ["logprobs" in body for body in server.chats] == [True, False, False]
    schema = server.chats[-1]["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["answer"]["enum"] == list(LETTERS)


def test_a_server_that_leaves_log_probabilities_out_is_asked_again_in_words(connect: Connect) -> None:
    assert connect(Server(lambda body: chat("B."))).choose(Options(PROMPT, LETTERS)).probabilities == (0.0, 1.0, 0.0)


def test_a_server_that_names_none_of_the_options_gives_a_bad_output_with_its_words(connect: Connect) -> None:
    with pytest.raises(CriticBadOutput, match=r"one of A, B, C and answers 'purple'"):
        connect(Server(lambda body: chat("purple", logprobs={"purple": -0.1}))).choose(Options(PROMPT, LETTERS))


def test_a_critic_that_only_writes_is_read_and_its_costs_are_kept() -> None:
    writer: Critic = Writer("The answer is B.")
    assert not isinstance(writer, Choosing)
    chosen = choose(writer, Options(PROMPT, LETTERS))
    assert chosen.probabilities == (0.0, 1.0, 0.0)
    assert (chosen.prompt_tokens, chosen.cached_tokens, chosen.completion_tokens) == (9, 4, 2)
    with pytest.raises(CriticBadOutput, match="one of A, B, C and wrote 'neither'"):
        choose(Writer("neither"), Options(PROMPT, LETTERS))


def test_a_critic_that_only_writes_is_asked_the_same_behind_a_runtime() -> None:
    for stand_in in (None, ScriptedCritic()):
        with ModelRuntime(ScriptedGenerator(), Writer("c"), stand_in=stand_in) as runtime:
            assert runtime.critic.choose(Options(PROMPT, LETTERS)).probabilities == (0.0, 0.0, 1.0)


def test_a_stand_in_that_wrote_the_answer_is_told() -> None:
    other = StandIn(backend="openai", model="other", reason="gone")
    critic = ScriptedCritic(texts=[Completion(text="A", stand_in=other)])
    writer = Writer("A")
    writer.inner = critic
    assert choose(writer, Options(PROMPT, LETTERS)).stand_in == other


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("B", "B"),
        ("b) a star", "B"),
        ('{"answer": "C"}', "C"),
        ("It is C, yes: C.", "C"),
        ("B, and not C", "B"),
        ("either B or C", None),
        ("Because", None),
        ("", None),
        ("…", None),
    ],
)
def test_an_option_is_read_where_it_stands_first_or_alone(text: str, option: str | None) -> None:
    assert written_option(text, LETTERS) == option
