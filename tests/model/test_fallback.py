"""The circuit breaker and the critic that stands in."""

import pytest
from PIL import Image

from omniagent.model.critic.fallback import CircuitBreaker, GuardedByBreaker
from omniagent.model.errors import BadTask, CriticBadOutput, CriticTimeout, CriticUnavailable
from omniagent.model.profile import CriticProfile
from omniagent.model.requests import Critic, Options, Prompt, Questions, StandIn, Writing
from omniagent.model.runtime import ModelRuntime
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator

PROMPT = Prompt(system="s", parts=(Image.new("RGB", (8, 8)), "?"))


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_circuit_opens_after_so_many_faults_in_a_row_and_a_success_between_starts_the_count_again() -> None:
    breaker = CircuitBreaker(threshold=3, clock=Clock())
    for told in (breaker.failed, breaker.failed, breaker.succeeded, breaker.failed, breaker.failed):
        told()
        assert breaker.admits()
    breaker.failed()
    assert not breaker.admits() and breaker.wait == 10


def test_an_open_circuit_lets_one_caller_try_after_each_wait_and_waits_longer_each_time() -> None:
    clock = Clock()
    breaker = CircuitBreaker(threshold=1, cool=10, longest=35, clock=clock)
    waits: list[float] = []
    for _ in range(4):
        breaker.failed()
        waits.append(breaker.wait)
        clock.now += breaker.wait
        assert [breaker.admits(), breaker.admits()] == [True, False]
    assert waits == [10, 20, 35, 35]
    breaker.succeeded()
    assert [breaker.admits(), breaker.admits(), breaker.wait] == [True, True, 0]


def test_a_time_out_opens_the_circuit_at_once() -> None:
    first = ScriptedCritic(errors={0: CriticTimeout("slow")})
    critic = GuardedByBreaker(first)
    with pytest.raises(CriticTimeout):
        critic.yes_no(Questions(PROMPT, ("?",)))
    with pytest.raises(CriticUnavailable, match="left alone"):
        critic.yes_no(Questions(PROMPT, ("?",)))
    assert len(first.calls) == 1


def test_the_stand_in_answers_and_says_so_until_the_first_is_well_again() -> None:
    clock = Clock()
    first = ScriptedCritic([0.1], texts=["mine"], errors={0: CriticUnavailable("gone")}, model="first")
    critic = GuardedByBreaker(first, ScriptedCritic([0.9], model="other"), CircuitBreaker(1, cool=10, clock=clock))
    reply = critic.yes_no(Questions(PROMPT, ("?",)))
    assert reply.probabilities == (0.9,) and reply.stand_in is not None
    assert (reply.stand_in.model, reply.stand_in.reason) == ("other", "CriticUnavailable: gone")
    clock.now = 11
    again = critic.yes_no(Questions(PROMPT, ("?",)))
    assert again.probabilities == (0.1,) and again.stand_in is None
    assert critic.write(Writing(PROMPT)).text == "mine"
    assert (critic.backend, critic.model) == ("scripted", "first")


def test_what_is_no_fault_of_the_server_is_nobody_elses_to_answer() -> None:
    other = ScriptedCritic([0.9])
    critic = GuardedByBreaker(ScriptedCritic(errors={0: BadTask("long")}), other, CircuitBreaker(1))
    with pytest.raises(BadTask):
        critic.yes_no(Questions(PROMPT, ("?",)))
    assert not other.calls


def test_an_answer_that_cannot_be_read_twice_is_given_by_the_stand_in_and_the_next_is_the_first_ones_again() -> None:
    odd = CriticBadOutput("odd")
    first = ScriptedCritic([0.1, 0.2], errors={0: odd, 2: odd, 3: odd})
    critic = GuardedByBreaker(first, ScriptedCritic([0.9]), CircuitBreaker(1, clock=Clock()))
    replies = [critic.yes_no(Questions(PROMPT, ("?",))) for _ in range(3)]
    assert [reply.probabilities[0] for reply in replies] == [0.1, 0.9, 0.2] and len(first.calls) == 5
    told = [reply.stand_in.reason if reply.stand_in else None for reply in replies]
    assert told == [None, "CriticBadOutput: odd", None]


def test_unreadable_answers_of_a_critic_without_a_stand_in_never_open_the_circuit() -> None:
    odd = CriticBadOutput("odd")
    critic = GuardedByBreaker(ScriptedCritic([0.1], errors={0: odd, 1: odd}), None, CircuitBreaker(1, clock=Clock()))
    for _ in range(2):
        with pytest.raises(CriticBadOutput):
            critic.yes_no(Questions(PROMPT, ("?",)))
    assert critic.yes_no(Questions(PROMPT, ("?",))).probabilities == (0.1,)


LISTED = CriticProfile(name="listed", dialect="listed", plan_tokens=640)
PLAIN = CriticProfile(name="eye", dialect="plain", plan_tokens=1024)


def plan_of(critic: Critic, stand_in: StandIn | None) -> tuple[str, StandIn | None]:
    """A piece of work that is worded by the profile of whoever does it."""
    profile = critic.profile
    asked = Prompt(system=profile.dialect, parts=("a task",))
    return critic.write(Writing(asked, max_tokens=profile.plan_tokens)).text, stand_in


def test_two_critics_of_different_dialects_are_each_asked_in_their_own() -> None:
    clock = Clock()
    first = ScriptedCritic(texts=["mine"], errors={0: CriticUnavailable("gone")}, model="first", profile=PLAIN)
    other = ScriptedCritic(texts=["theirs", "theirs"], model="other", profile=LISTED)
    runtime = ModelRuntime(ScriptedGenerator(), first, stand_in=other, breaker=CircuitBreaker(1, cool=10, clock=clock))
    with runtime:
        # Asked and failed; not asked, since the circuit is open; asked again and well.
        told = [runtime.critic.consult(plan_of) for _ in range(2)]
        clock.now = 11
        told.append(runtime.critic.consult(plan_of))
    assert [text for text, _ in told] == ["theirs", "theirs", "mine"]
    down, open_, well = (who for _, who in told)
    assert down == StandIn(backend="scripted", model="other", reason="CriticUnavailable: gone")
    assert open_ is not None and "left alone" in open_.reason
    assert well is None
    for critic, profile in ((first, PLAIN), (other, LISTED)):
        assert len(critic.calls) == 2
        for call in critic.calls:
            assert isinstance(call, Writing)
            assert (call.prompt.system, call.max_tokens) == (profile.dialect, profile.plan_tokens)
    assert runtime.critic.profile is PLAIN


def test_work_whose_reply_cannot_be_read_is_done_twice_and_then_by_the_stand_in_in_its_dialect() -> None:
    def read(critic: Critic, stand_in: StandIn | None) -> tuple[str, StandIn | None]:
        text, who = plan_of(critic, stand_in)
        if text != "fine":
            raise CriticBadOutput(f"not {text}")
        return text, who

    first = ScriptedCritic(texts=["odd", "odder"], model="first", profile=PLAIN)
    other = ScriptedCritic(texts=["fine"], model="other", profile=LISTED)
    text, who = GuardedByBreaker(first, other).consult(read)
    assert (text, who) == (
        "fine",
        StandIn(backend="scripted", model="other", reason="CriticBadOutput: not odder"),
    )
    assert (len(first.calls), len(other.calls)) == (2, 1)


def test_every_kind_of_reply_of_a_stand_in_says_so() -> None:
    gone = dict.fromkeys(range(3), CriticUnavailable("gone"))
    critic = GuardedByBreaker(
        ScriptedCritic(errors=gone), ScriptedCritic(texts=["a"], model="other"), CircuitBreaker(9, clock=Clock())
    )
    replies = (
        critic.yes_no(Questions(PROMPT, ("?",))),
        critic.choose(Options(PROMPT, ("A", "B"))),
        critic.write(Writing(PROMPT)),
    )
    who = StandIn(backend="scripted", model="other", reason="CriticUnavailable: gone")
    assert [reply.stand_in for reply in replies] == [who] * 3


def test_nobody_stands_in_for_a_critic_without_a_breaker_and_the_work_sees_it_as_it_is() -> None:
    critic = ScriptedCritic(texts=["mine"], profile=LISTED)
    with ModelRuntime(ScriptedGenerator(), critic) as runtime:
        assert runtime.critic.consult(plan_of) == ("mine", None)
    assert [call.prompt.system for call in critic.calls] == ["listed"]
