"""The likeliest first tokens of an answer: of any server, and by token id where the server takes these."""

import math

import pytest

from omniagent.model.errors import BadSetting
from omniagent.model.requests import Prompt
from tests.support.openai_stub import RED, Connect, Server, chat

ASKED = Prompt(system="", parts=(RED, "How many? Answer in one word."))
TOLD = {"four": math.log(0.5), "4": math.log(0.25), "Yes": -9999.0}


def test_first_tokens_are_told_with_probabilities_and_no_empty_system_message_is_sent(connect: Connect):
    server = Server(lambda body: chat("four", TOLD))
    told = connect(server).first_tokens(ASKED, ("four", "4"))
    assert dict(told.tokens) == {"four": pytest.approx(0.5), "4": pytest.approx(0.25), "Yes": 0.0}
    (body,) = server.chats
    assert [message["role"] for message in body["messages"]] == ["user"]
    assert [part["type"] for part in body["messages"][0]["content"]] == ["image_url", "text"]
    assert body["logprobs"] and body["top_logprobs"] == 20 and "logprob_token_ids" not in body


def test_a_server_that_takes_token_ids_is_asked_for_the_spellings_that_are_one_token(connect: Connect):
    server = Server(lambda body: chat("yes", {"yes": math.log(0.9)}), owner="vllm")
    critic = connect(server)
    for _ in range(2):
        critic.first_tokens(ASKED, ("yes", "Yes", "several tokens"))
    assert [body["logprob_token_ids"] for body in server.chats] == [[7, 17]] * 2
    assert server.tokenized.count("several tokens") == 1


def test_a_server_that_tells_no_log_probabilities_is_no_judge_of_them(connect: Connect):
    with pytest.raises(BadSetting, match="tells no log-probabilities"):
        connect(Server(lambda body: chat("four"))).first_tokens(ASKED)
