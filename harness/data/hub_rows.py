"""Data sets of the Hugging Face Hub by name, streamed; no code of theirs is ever run."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from harness.data.tabular import Found, plain_row
from harness.data.unpacking import first_line
from harness.errors import UsageError, did_you_mean
from harness.hub import hub_answers

# Path() makes one slash of two
_NAME = re.compile(
    r"hf:/{1,2}(?P<name>[\w.-]+/[\w.-]+)(?:@(?P<revision>[^:/]+))?(?::(?P<config>[^/]+))?(?:/(?P<split>[\w.]+))?"
)
SYNTAX = "hf://OWNER/NAME[@REVISION][:CONFIG][/SPLIT]"


def is_hub(path: Path) -> bool:
    """Whether a path names a data set of the Hub rather than a file here."""
    return path.as_posix().startswith("hf:/")


def hub_rows(path: Path) -> Iterator[Found]:
    """The rows of one split by their number, fetched as they are asked for."""
    wanted = _Wanted.of(path)
    number = 0
    # the Hub's client, its HTTP library and the readers behind them have dozens of errors of their own
    try:
        data = wanted.open(path)
        names = getattr((data.features or {}).get("label"), "names", ())
        for number, row in enumerate(data, start=1):
            yield number, plain_row(row, number, names)
    except UsageError:
        raise
    except Exception as error:
        problem = f"the Hugging Face Hub does not give this data set: {first_line(error)}"
        remedy = "check the name; a private or gated one needs HF_TOKEN and its terms accepted"
        raise UsageError(problem, path=path, line=number + 1 if number else None, remedy=remedy) from None


@dataclass(frozen=True)
class _Wanted:
    name: str
    revision: str | None
    config: str | None
    split: str | None

    @classmethod
    def of(cls, path: Path) -> _Wanted:
        parts = _NAME.fullmatch(path.as_posix())
        if parts is None:
            raise UsageError("not a data set of the Hugging Face Hub", path=path, remedy=f"write {SYNTAX}")
        revision = parts["revision"] and unquote(parts["revision"])  # a slash in it is written %2F
        return cls(parts["name"], revision, parts["config"], parts["split"])

    def open(self, path: Path) -> Any:  # noqa: ANN401 - of the library
        try:
            datasets = importlib.import_module("datasets")
        except ImportError:
            problem, remedy = "a data set of the Hub needs the package datasets", "pip install 'finetune-harness[data]'"
            raise UsageError(problem, path=path, remedy=remedy) from None
        if not hub_answers():
            raise UsageError(
                "the Hugging Face Hub does not answer",
                path=path,
                remedy=f"where there is a network: hf download {self.name} --repo-type dataset --local-dir FOLDER; "
                "then name the folder",
            )
        splits: Mapping[str, Any] = datasets.load_dataset(
            self.name, self.config, revision=self.revision, streaming=True
        )
        known = ", ".join(sorted(splits))
        if self.split is None and len(splits) == 1:
            return next(iter(splits.values()))
        if self.split is None:
            raise UsageError(f"holds several splits: {known}", path=path, remedy=f"name one: {SYNTAX}")
        if self.split not in splits:
            raise UsageError(f"no split {self.split!r}", path=path, remedy=did_you_mean(self.split, splits))
        return splits[self.split]
