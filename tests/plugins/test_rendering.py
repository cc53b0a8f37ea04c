"""Data checks read rows with the tokenizer of the model that will be trained."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness_datachecks.rendering import Renderer

TEXTS = ["Order 4007 <|im_end|> is late \U0001f69a " * 40, "", "a" * 60_000]
OPEN = "import sys; from harness_datachecks.rendering import Renderer; from pathlib import Path; "
OPEN += "print(Renderer.of(Path(sys.argv[1])).lengths(['one two']), 'torch' in sys.modules)"


def renamed(tiny_model: Path, into: Path, **said: str) -> Path:
    """The tiny model's tokenizer, its configuration saying this too."""
    into.mkdir()
    for file in tiny_model.glob("*.json*"):
        (into / file.name).write_bytes(file.read_bytes())
    for file in tiny_model.glob("*.jinja"):
        (into / file.name).write_bytes(file.read_bytes())
    told = into / "tokenizer_config.json"
    told.write_text(json.dumps(json.loads(told.read_text()) | said))
    return into


def test_a_tokenizer_that_is_all_in_its_files_is_opened_without_torch(tiny_model: Path) -> None:
    done = subprocess.run([sys.executable, "-c", OPEN, str(tiny_model)], check=True, capture_output=True, text=True)
    assert done.stdout.endswith("] False\n")


@pytest.mark.parametrize("named", ["PreTrainedTokenizerFast", "TokenizersBackend", "LlamaTokenizerFast"])
def test_it_counts_and_renders_as_the_one_that_trains(tiny_model: Path, tmp_path: Path, named: str) -> None:
    from transformers import AutoTokenizer

    folder = renamed(tiny_model, tmp_path / "model", tokenizer_class=named)
    trains = Renderer(AutoTokenizer.from_pretrained(folder, local_files_only=True), folder)
    reads = Renderer.of(folder)
    assert reads.lengths(TEXTS) == trains.lengths(TEXTS)
    said = [{"role": "user", "content": "Where is it?"}, {"role": "assistant", "content": "On its way."}]
    assert reads.render(said) == trains.render(said)
    assert reads.ends() == trains.ends()
