"""The real thing: Transformers' own server answers over HTTP what the same weights answer in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from fault_proxy import FAULTS, fault_proxy
from serving import SMOLLM2, transformers_serve

import harness_backends.openai_request as request
from harness import Generation, GenerationSettings, Message, ModelRef
from harness_backends.openai_backend import OpenAIBackend
from harness_backends.transformers_backend import Transformers

pytestmark = pytest.mark.slow

PROMPTS = (
    (Message("user", "What is the capital of France?"),),
    (Message("system", "You turn a ticket into JSON."), Message("user", "Order 4711 has not arrived: send it again.")),
    (Message("user", "Write one sentence about the sea, in French: où est la mer ?"),),
)
SETTINGS = GenerationSettings(max_new_tokens=24)
IDS = ("s1", "s2", "s3")


@pytest.fixture(scope="module")
def smollm2() -> Path:
    return Transformers().folder(ModelRef(SMOLLM2))


@pytest.fixture(scope="module")
def served(smollm2: Path) -> Iterator[str]:
    with transformers_serve(smollm2) as url:
        yield url


@pytest.fixture(scope="module")
def own(smollm2: Path) -> Sequence[Generation]:
    """What the weights answer without a server."""
    with Transformers().open(ModelRef(str(smollm2), device="cpu")) as model:
        return model.generate(PROMPTS, SETTINGS, sample_ids=IDS)


def ref(folder: Path) -> ModelRef:
    """As the server calls it."""
    return ModelRef(str(folder))


def told(answers: Sequence[Generation]) -> list[tuple[str, int, str, str, int, int]]:
    """All but the time that it took."""
    return [
        (each.sample_id, each.attempt, each.text, each.finish_reason, each.prompt_tokens, each.output_tokens)
        for each in answers
    ]


def test_a_real_server_answers_word_for_word_what_its_weights_do(
    served: str, smollm2: Path, own: Sequence[Generation]
) -> None:
    with fault_proxy(served, 0.0) as proxy, OpenAIBackend(proxy.url).open(ref(smollm2)) as model:
        answers = model.generate(PROMPTS, SETTINGS, sample_ids=IDS)
    assert told(answers) == told(own)
    assert {each.finish_reason for each in answers} == {"stop", "length"}
    assert proxy.passed == 3  # it was the server that answered


def test_faults_on_the_way_do_not_change_an_answer(
    served: str, smollm2: Path, own: Sequence[Generation], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request, "FIRST_WAIT", 0.01)
    quick = [kind for kind in FAULTS if kind != "slow"]  # what is too slow here would be a matter of the machine
    with fault_proxy(served, 0.6, kinds=quick, seed=1) as proxy, OpenAIBackend(proxy.url).open(ref(smollm2)) as model:
        answers = model.generate(PROMPTS, SETTINGS, sample_ids=IDS)
    assert told(answers) == told(own)
    assert proxy.injected.total() >= 2


def test_a_stop_ends_the_answer_before_it_as_it_does_without_a_server(served: str, smollm2: Path) -> None:
    stopped = GenerationSettings(max_new_tokens=24, stop=("Paris",))
    with Transformers().open(ModelRef(str(smollm2), device="cpu")) as model:
        (own,) = model.generate(PROMPTS[:1], stopped, sample_ids=IDS[:1])
    with OpenAIBackend(served).open(ref(smollm2)) as model:
        (answer,) = model.generate(PROMPTS[:1], stopped, sample_ids=IDS[:1])
    assert (answer.text, answer.finish_reason) == (own.text, own.finish_reason)
    assert own.text.startswith("The capital of France is")
