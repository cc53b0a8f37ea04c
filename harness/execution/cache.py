"""Answers that need not be asked for again: those that an earlier run got to the very same request.

The record itself is the cache. A request is known by the digest of all that its answer depends on: what computes (the
weights, adapter, number format, tokenizer and chat template by their content, the backend by its code and packages, the
kind of device) and what is asked (the text as the model gets it, and the settings). Whatever differs in a byte is
another request. Scores are never taken over: metrics are cheap, and may have changed.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.catalog import Planned
from harness.execution.prompting import FORM, assemble, thinks
from harness.identity import digest, file_sha256
from harness.protocols import Model
from harness.store.reader import Reader
from harness.values import Generation, GenerationSettings, Mode, ModelFacts, Prompting, Provenance, Sample, Task

if TYPE_CHECKING:
    from hashlib import _Hash

_LENGTH = 16
"""Bytes of a digest that are kept: among a billion requests the chance that two share them is below 1e-20."""


@dataclass(frozen=True, slots=True)
class Answered:
    """All answers of one sample, each with where it comes from."""

    generations: tuple[Generation, ...]
    provenance: tuple[Provenance, ...]


@dataclass(frozen=True, slots=True)
class Cache:
    """What the record can answer in the place of one arm's model."""

    reader: Reader
    run: str
    model: Model
    prompting: Prompting
    computes: str
    """Digest of what computes (``what_computes``)."""
    reuse: bool
    """Whether anything is looked up; requests are known by their digests in any case, so that later runs find them."""

    _answerable: dict[str, dict[bytes, int]] = field(default_factory=dict)
    """Task -> what the record can answer under its conditions, read when it is first asked."""

    def conditions(self, task: Task) -> bytes:
        """Digest of all that this task's answers depend on but the requests: what computes, and the settings."""
        # Of thoughts the answer alone is kept apart: how it is found is a part of what it depends on.
        form = [FORM] if thinks(self.prompting, task.mode) else []
        return bytes.fromhex(digest([self.computes, task.mode, _acting(task.mode, task.generation), *form]))[:_LENGTH]

    def requests(self, task: Task, samples: Sequence[Sample]) -> dict[str, tuple[bytes, ...]]:
        """Sample -> the digests of what it asks: one for each attempt, or in ``choose`` one for each choice."""
        begun = hashlib.sha256(self.conditions(task))
        return {sample.id: tuple(self._requests(begun.copy(), task, sample)) for sample in samples}

    def known(self, task: Task, requests: Mapping[str, Sequence[bytes]]) -> dict[str, Answered]:
        """The samples whose answers the record holds, all of them; of one that lacks an answer all are asked anew."""
        if not self.reuse:
            return {}
        if task.name not in self._answerable:
            self._answerable[task.name] = self.reader.answerable(self.run, task.name)
        places = self._answerable[task.name]
        wanted = {request for asked in requests.values() for request in asked}
        found = self.reader.answers([places[request] for request in wanted if request in places])
        return {
            sample: _taken_over(sample, [found[request] for request in asked])
            for sample, asked in requests.items()
            if asked and found.keys() >= set(asked)
        }

    def _requests(self, hasher: _Hash, task: Task, sample: Sample) -> Iterator[bytes]:
        prompt = assemble(self.prompting, sample.prompt, task.mode)
        # Raw text gets the tokenizer's own first token, a template brings it along: one text, two lists of tokens.
        _add(hasher, "raw" if isinstance(prompt, str) else "messages")
        _add(hasher, self.model.rendered(prompt))
        if task.mode == "generate":
            # A draw is made from the seed and the sample, so two samples with one text are answered differently.
            drawn = sample.id if task.generation.temperature > 0 else ""
            for attempt in range(task.generation.repeats):
                repeated = hasher.copy()
                _add(repeated, f"{drawn} {attempt}" if attempt else drawn)
                yield repeated.digest()[:_LENGTH]
            return
        if task.mode == "likelihood" and not sample.targets:
            yield hasher.digest()[:_LENGTH]
        for choice in sample.choices if task.mode == "choose" else sample.targets[:1]:
            continued = hasher.copy()  # the context, thousands of bytes, is gone through once
            _add(continued, choice)
            yield continued.digest()[:_LENGTH]


def what_computes(backend: Planned, facts: ModelFacts, adapter_sha256: str | None, *, trusted: bool) -> str:
    """Digest of all but the request that an answer depends on; names, folders and dates are no part of it.

    ``trusted`` says whether a model folder's own code may compute: where a library knows the model too, no file shows
    which of the two did.
    """
    weights = (facts.weights_sha256, facts.config_sha256, facts.dtype, adapter_sha256)
    text = (facts.tokenizer_sha256, facts.template_sha256, facts.window)
    plugin_class = type(backend.instance)
    packages = {name: importlib.metadata.version(name) for name in plugin_class.requires_packages}
    code = (backend.origin.distribution, backend.origin.version, plugin_class.name, backend.instance)
    # The kind of device, not its number; and the way of computing, which a backend chooses by what the model can do.
    where = (facts.device.partition(":")[0], facts.path_taken, trusted)
    return digest([weights, text, code, source_of(plugin_class), packages, where])


def source_of(plugin_class: type) -> list[str]:
    """Digests of the Python files beside a plugin: while it is worked on its version stays as it is."""
    module = sys.modules.get(plugin_class.__module__)
    if module is None or not module.__file__:
        return []
    file = Path(module.__file__)
    files = sorted(file.parent.rglob("*.py")) if module.__package__ else [file]
    return [file_sha256(each) for each in files if each.is_file()]


def _acting(mode: Mode, settings: GenerationSettings) -> GenerationSettings:
    """The settings with those that do nothing here as they are by default."""
    if mode != "generate":
        return GenerationSettings(batch_size=settings.batch_size)
    greedy = GenerationSettings()
    if settings.temperature > 0:
        return replace(settings, repeats=greedy.repeats)
    return replace(settings, temperature=greedy.temperature, top_p=greedy.top_p, seed=greedy.seed)


def _add(hasher: _Hash, text: str) -> None:
    """Each text with its length before it, so that none can run into the next."""
    content = text.encode(errors="surrogatepass")
    hasher.update(len(content).to_bytes(8, "big"))
    hasher.update(content)


def _taken_over(sample: str, found: Sequence[tuple[Generation, Provenance]]) -> Answered:
    """Answers as this sample's own; another may have asked the same."""
    return Answered(
        tuple(replace(answer, sample_id=sample, attempt=place) for place, (answer, _) in enumerate(found)),
        tuple(provenance for _, provenance in found),
    )
