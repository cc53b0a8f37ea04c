"""The list of prices that comes with the harness, and a team's own laid over it; every error carries file and line."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import MISSING
from pathlib import Path
from typing import Any

import yaml

from harness.advice.money.cost import ApiPrice, GpuPrice, Prices
from harness.errors import UsageError, did_you_mean

PACKAGED = Path(__file__).with_name("prices.yaml")
"""The list that comes with the harness."""

_KEYS = ("currency", "apis", "gpus")
_WORDS = ("source", "as_of")
_EMPTY = yaml.MappingNode("tag:yaml.org,2002:map", [])

Fields = dict[str, Any]
"""Field -> value, as an entry of the list has it."""


def load(path: Path | None) -> Prices:
    """The packaged list, with the team's own laid over it by name: field by field, and new names are added.

    A price that is changed loses the packaged source and date, unless the file gives its own. ``null`` takes an
    optional price away. A list in another currency stands alone, since nothing is converted: then no packaged price
    is known.
    Raises ``UsageError`` with file and line.
    """
    base = _File(PACKAGED)
    own = base if path is None else _File(path)
    below = None if own is base or own.currency != base.currency else base
    return Prices(
        currency=own.currency,
        apis=tuple(_priced(ApiPrice, "apis", own, below)),
        gpus=tuple(_priced(GpuPrice, "gpus", own, below)),
        path=path,
    )


class _File:
    """A list as it is written: names with their fields, and where each stands."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: dict[tuple[str, str], int] = {}
        """Section and name -> line."""
        top = dict(self._pairs(self._composed(), _KEYS, "the list"))
        self.currency = self._currency(top.get("currency"))
        self.entries: Mapping[str, dict[str, Fields]] = {
            "apis": self._section(top, "apis", ApiPrice),
            "gpus": self._section(top, "gpus", GpuPrice),
        }

    def _composed(self) -> yaml.Node:
        try:
            node = yaml.compose(self.path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        except UnicodeDecodeError as error:
            raise UsageError(f"not UTF-8 text (byte {error.start})", path=self.path) from None
        except OSError as error:
            raise UsageError(f"the list of prices cannot be read: {error.strerror}", path=self.path) from None
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else None
            raise UsageError(f"not valid YAML: {error.problem}", path=self.path, line=line) from None
        except yaml.YAMLError as error:
            raise UsageError(f"not valid YAML: {str(error).splitlines()[0]}", path=self.path) from None
        except RecursionError:
            raise UsageError("not a list of prices: nested without end", path=self.path) from None
        if node is None:
            raise UsageError("not a list of prices: the file is empty", path=self.path, remedy=_BEGIN)
        return node

    def _pairs(self, node: yaml.Node, known: tuple[str, ...], what: str) -> Iterator[tuple[str, yaml.Node]]:
        """Keys with their values; with ``known`` keys no others."""
        if not isinstance(node, yaml.MappingNode):
            raise self._error(node, f"{what} must be keys with values", _BEGIN)
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if known and name not in known:
                raise self._error(key, f"unknown key {name!r}", did_you_mean(name, known))
            if name in seen:
                raise self._error(key, f"key {name!r} stands twice", "keep one")
            seen.add(name)
            yield name, value

    def _currency(self, node: yaml.Node | None) -> str:
        if node is None:
            return "USD"
        if not isinstance(node, yaml.ScalarNode) or not node.value.strip():
            raise self._error(node, "currency must be a word", "as in 'currency: EUR'")
        return str(node.value).strip()

    def _section(
        self, top: Mapping[str, yaml.Node], section: str, kind: type[ApiPrice | GpuPrice]
    ) -> dict[str, Fields]:
        known = tuple(field.name for field in dataclasses.fields(kind) if field.name != "name")
        entries = {}
        for name, node in self._pairs(top.get(section, _EMPTY), (), section):
            self.lines[section, name] = node.start_mark.line + 1
            entries[name] = {key: self._value(key, value) for key, value in self._pairs(node, known, name)}
        return entries

    def _value(self, key: str, node: yaml.Node) -> str | float | None:
        if key in _WORDS:
            if not isinstance(node, yaml.ScalarNode):
                raise self._error(node, f"{key} must be a text")
            return str(node.value)
        if node.tag == "tag:yaml.org,2002:null":
            return None
        try:
            number = float(node.value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            raise self._error(node, f"{key} must be a number, not {_written(node)}")
        if number < 0:
            raise self._error(node, f"{key} must not be negative, as {_written(node)} is")
        return number

    def _error(self, node: yaml.Node, problem: str, remedy: str = "") -> UsageError:
        return UsageError(problem, path=self.path, line=node.start_mark.line + 1, remedy=remedy)


_BEGIN = "as in 'apis: {gpt-4o-mini: {input: 0.15, output: 0.60}}'"


def _written(node: yaml.Node) -> str:
    return repr(node.value) if isinstance(node, yaml.ScalarNode) else "a list or keys"


def _priced(kind: type[ApiPrice] | type[GpuPrice], section: str, own: _File, below: _File | None) -> Iterator[Any]:
    """The entries of a section, the packaged ones first."""
    base = below.entries[section] if below else {}
    for name in [*base, *(each for each in own.entries[section] if each not in base)]:
        fields = _laid_over(base.get(name, {}), own.entries[section].get(name, {}), own.path)
        _complete(kind, section, name, fields, own)
        yield kind(name=name, **fields)


def _laid_over(base: Fields, own: Fields, path: Path) -> Fields:
    # a price of the team's own is not the vendor's of that month
    theirs = {"source": str(path), "as_of": ""} if base and own.keys() - {*_WORDS} else {}
    return {**base, **theirs, **own}


def _complete(kind: type[Any], section: str, name: str, fields: Fields, own: _File) -> None:
    needed = [field.name for field in dataclasses.fields(kind) if field.default is MISSING and field.name != "name"]
    for key in needed:
        if fields.get(key) is None:
            line = own.lines.get((section, name))
            raise UsageError(f"{name} has no {key!r}", path=own.path, line=line, remedy=f"add '{key}:'")
