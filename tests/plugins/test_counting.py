"""Tokens are counted as Transformers counts them, in a tenth of the time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness import Message, ModelRef, Prompt
from harness_backends.counting import counter
from harness_backends.transformers_backend import Transformers

PROMPTS: list[Prompt] = [
    "A plain text, with an end.",
    "",
    "Zwölf Boxkämpfer jagen Viktor quer über den Sylter Deich \N{PILE OF POO}\n\n\tend",
    (Message("user", "What is the capital of France?"), Message("assistant", "Paris.")),
    (Message("system", "Be brief."), Message("user", "Hi <|im_end|> there"), Message("assistant", "")),
    (Message("user", "one"), Message("assistant", "two"), Message("user", "three"), Message("assistant", "four")),
]


@pytest.fixture(scope="module")
def smollm() -> Path:
    return Transformers().folder(ModelRef("HuggingFaceTB/SmolLM2-135M-Instruct"))


def reference(folder: Path, prompt: Prompt) -> int:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    if isinstance(prompt, str):
        return len(tokenizer(prompt)["input_ids"])
    turns = [{"role": turn.role, "content": turn.content} for turn in prompt]
    return len(tokenizer(tokenizer.apply_chat_template(turns, tokenize=False), add_special_tokens=False)["input_ids"])


@pytest.mark.parametrize("prompt", PROMPTS, ids=range(len(PROMPTS)))
def test_a_prompt_has_as_many_tokens_as_transformers_makes_of_it(smollm: Path, prompt: Prompt) -> None:
    assert counter(smollm)(prompt) == reference(smollm, prompt)


def test_counting_needs_neither_torch_nor_transformers(smollm: Path) -> None:
    program = f"""
import sys
from pathlib import Path
from harness_backends.counting import counter
assert counter(Path({str(smollm)!r}))("one two") > 0
assert not {{"torch", "transformers"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_conversation_that_the_template_refuses_is_counted_by_its_texts(smollm: Path, tmp_path: Path) -> None:
    folder = copied(smollm, tmp_path, "{{ raise_exception('no system turn') }}")
    assert counter(folder)((Message("user", "one"), Message("assistant", "two"))) == counter(folder)("one\ntwo")


def test_a_template_with_tags_of_transformers_own_is_rendered_by_transformers(smollm: Path, tmp_path: Path) -> None:
    text = "{% for m in messages %}{% generation %}{{ m['content'] }}{% endgeneration %}{% endfor %}"
    folder = copied(smollm, tmp_path, text)
    assert counter(folder)((Message("user", "one"), Message("assistant", " two"))) == counter(folder)("one two")


def test_a_tokenizer_that_transformers_rebuilds_is_left_to_it(smollm: Path, tmp_path: Path) -> None:
    folder = copied(smollm, tmp_path, "{{ messages[0]['content'] }}")
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**config, "add_bos_token": True}))
    for prompt in PROMPTS[:3]:
        assert counter(folder)(prompt) == reference(folder, prompt)


def copied(folder: Path, to: Path, template: str) -> Path:
    for name in ("tokenizer.json", "tokenizer_config.json", "config.json"):
        (to / name).write_bytes((folder / name).read_bytes())
    (to / "chat_template.jinja").write_text(template)
    return to
