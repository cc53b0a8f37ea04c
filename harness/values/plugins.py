"""What a plugin is called, and who offered it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["backend", "trainer", "metric", "judge", "benchmark", "data_check"]


@dataclass(frozen=True, slots=True)
class Ref:
    """A name with its options as the suite writes them; ``plan.make`` resolves it once."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        options = ",".join(f"{key}={value}" for key, value in sorted(self.options.items()))
        return f"{self.name}({options})" if options else self.name


def labels(refs: Sequence[Ref]) -> tuple[str, ...]:
    """How the record and the report call each: by its ``label`` or its bare name, or in full where two share one."""
    names = [str(ref.options.get("label") or ref.name.rsplit("/", 1)[-1]) for ref in refs]
    return tuple(name if names.count(name) == 1 else str(ref) for name, ref in zip(names, refs, strict=True))


@dataclass(frozen=True, slots=True)
class Origin:
    """Who offered a plugin."""

    distribution: str
    version: str
    entry_point: str

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}"


@dataclass(frozen=True, slots=True)
class Fault:
    """A plugin's misstep, recorded instead of raised."""

    origin: Origin
    hook: str
    error: str
    traceback: str
