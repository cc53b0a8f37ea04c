"""Whether an answer is JSON of the shape that a JSON Schema asks for."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from harness import PerSample, Score
from harness_metrics.structure import in_answer, read_json
from harness_metrics.text import SECONDS, compiled, printable

if TYPE_CHECKING:
    from jsonschema import SchemaError, ValidationError
    from jsonschema.protocols import Validator

    Check = Callable[..., Iterator[ValidationError] | None]
    """What jsonschema asks of a keyword: with the validator, the keyword's value, the instance, the schema around."""

_TOLD = 3
_TOO_SLOW = f"the schema took longer than {SECONDS:g} s on this answer: a pattern backtracks, or too many ways nest"
_until: ContextVar[float] = ContextVar("_until", default=math.inf)
"""When the time for the answer at hand is over, by ``time.monotonic``."""


@dataclass(frozen=True)
class JsonSchema(PerSample):
    """1 if the answer is JSON, as ``json_valid`` reads it, and valid under a JSON Schema, else 0.

    Draft 2020-12 unless ``$schema`` names another, by the ``jsonschema`` package. ``format`` is a remark there and
    checks nothing: write a ``pattern``, which is read as in ``regex``. A ``$ref`` finds what is in the schema, and the
    drafts themselves; nothing is fetched. ``details`` tell the first violations. An answer that is nested too deeply to
    be checked, or has a number beyond a double, is 0; one that cannot be checked within a second, because a pattern
    backtracks or ``anyOf`` nest, has no score.
    """

    name: ClassVar[str] = "json_schema"
    needs_target: ClassVar[bool] = False
    requires_packages: ClassVar[tuple[str, ...]] = ("jsonschema", "regex")

    schema: Mapping[str, Any]
    """The schema itself; one in a file of its own is written ``schema_file: ticket.schema.json`` in a suite."""
    fenced: bool = True
    """An answer that is no JSON as it stands may hold it in a Markdown fence; the first fence counts."""

    def __post_init__(self) -> None:
        _ = self._validator

    def score_one(self, text: str, targets: Sequence[str]) -> Score:
        """1.0 or 0.0; missing where the check takes too long."""
        try:
            answer: Any = in_answer(text, _read, fenced=self.fenced)
        except ValueError as error:
            return Score("", 0.0, None, {"invalid": printable(str(error))})
        before = _until.set(time.monotonic() + SECONDS)
        try:
            violations = [_told(error) for error in islice(self._validator.iter_errors(answer), _TOLD)]
        except TimeoutError:
            return Score("", None, _TOO_SLOW)
        except RecursionError:
            return Score("", 0.0, None, {"invalid": "JSON, but nested too deeply to be checked"})
        finally:
            _until.reset(before)
        return Score("", float(not violations), None, {"violations": violations} if violations else {})

    @cached_property
    def _validator(self) -> Validator:
        return _validator_of(self.schema)


def _read(text: str) -> object:
    value: object = read_json(text, integer=_integer, fraction=_double)
    return value


def _integer(digits: str) -> int:
    _double(digits)  # spares int() the digits that it would be slow on
    return int(digits)


def _double(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError("JSON, but a number is too large to be checked")
    return value


def _told(error: ValidationError | SchemaError) -> str:
    return printable(f"{error.json_path}: {error.message}")


def _validator_of(schema: object) -> Validator:
    """What checks an answer; ``ValueError`` with the place where the schema is wrong."""
    from jsonschema import SchemaError
    from referencing.jsonschema import EMPTY_REGISTRY

    if not isinstance(schema, dict):
        raise ValueError("the schema is no mapping")
    _refuse_what_json_has_not(schema, "$")
    draft = _draft_of(schema)
    try:
        draft.check_schema(schema)
    except SchemaError as error:
        raise ValueError(f"not a JSON Schema: {_told(error)}") from None
    # Without $schema, for jsonschema would take the unguarded class of that draft where a $ref leads back to the root.
    bare = {name: value for name, value in schema.items() if name != "$schema"}
    _refuse_what_cannot_be_used(bare, draft)
    validator = _guarded(draft)(bare, registry=EMPTY_REGISTRY)  # the default registry would fetch
    probes: tuple[Any, ...] = (None, True, 0, "", [], {})
    try:
        for probe in probes:
            validator.is_valid(probe)
    except RecursionError:
        raise ValueError("the schema refers to itself without end") from None
    return validator


def _refuse_what_json_has_not(value: object, where: str) -> None:
    """YAML reads ``on``, ``1`` and ``2026-01-31`` as no text, and a schema has no use for them as names."""
    if isinstance(value, dict):
        for name, each in value.items():
            if not isinstance(name, str):
                raise ValueError(f"the schema has the name {name!r} at {where}, which is no text: put it in quotes")
            _refuse_what_json_has_not(each, f"{where}.{name}")
    elif isinstance(value, list):
        for index, each in enumerate(value):
            _refuse_what_json_has_not(each, f"{where}[{index}]")
    elif not (value is None or isinstance(value, str | int | float)):
        raise ValueError(f"the schema has {value!r} at {where}, which is no JSON: put it in quotes")


def _draft_of(schema: Mapping[str, object]) -> type[Validator]:
    from jsonschema import Draft202012Validator, validators

    if "$schema" not in schema:
        return Draft202012Validator
    library: Any = validators  # its stubs know no default of None
    known: type[Validator] | None = library.validator_for({"$schema": str(schema["$schema"])}, default=None)
    if known is None:
        raise ValueError(f"jsonschema knows no draft {schema['$schema']!r}; leave '$schema' out for draft 2020-12")
    return known


def _refuse_what_cannot_be_used(schema: Mapping[str, Any], draft: type[Validator]) -> None:
    """References that lead nowhere, and patterns that are none, in all that the schema consists of or refers to."""
    from jsonschema_specifications import REGISTRY
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import specification_with

    specification = specification_with(draft.META_SCHEMA["$schema"])
    root = specification.create_resource(schema)
    unseen, seen = [(root, REGISTRY.resolver_with_root(root))], set()
    while unseen:
        resource, resolver = unseen.pop()
        contents = resource.contents
        if not isinstance(contents, Mapping) or id(contents) in seen:
            continue
        seen.add(id(contents))
        unseen += [(part, resolver.in_subresource(part)) for part in resource.subresources()]
        for pattern in (*contents.get("patternProperties", ()), contents.get("pattern", "")):
            compiled(pattern)
        for reference in (contents.get("$ref"), contents.get("$dynamicRef")):
            if isinstance(reference, str):
                try:
                    found = resolver.lookup(reference)
                except Unresolvable:
                    raise ValueError(f"the schema has nothing at {reference!r}; a $ref is never fetched") from None
                unseen.append((specification.create_resource(found.contents), found.resolver))


@cache
def _guarded(draft: type[Validator]) -> type[Validator]:
    """The draft's validator, which raises ``TimeoutError`` when the time is over and hangs in no keyword till then."""
    from jsonschema import validators

    ours: dict[str, Check] = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "uniqueItems": _unique_items,
    }
    library: Any = validators  # its stubs have no types for `extend`
    checks = {name: _timed(check) for name, check in {**draft.VALIDATORS, **ours}.items()}
    guarded: type[Validator] = library.extend(draft, checks)
    return guarded


def _timed(check: Check) -> Check:
    def within_the_time(
        validator: Validator, rule: object, instance: object, schema: object
    ) -> Iterator[ValidationError] | None:
        if time.monotonic() > _until.get():
            raise TimeoutError
        return check(validator, rule, instance, schema)

    return within_the_time


def _found(pattern: str, text: str) -> bool:
    left = _until.get() - time.monotonic()
    return compiled(pattern).search(text, timeout=max(left, 0.0) if math.isfinite(left) else None) is not None


class _Descending(Protocol):
    """What jsonschema gives a keyword to check parts with."""

    def descend(
        self, instance: object, schema: object, path: str | None = None, schema_path: str | None = None
    ) -> Iterator[ValidationError]: ...


def _pattern(validator: _Descending, rule: str, instance: object, schema: object) -> Iterator[ValidationError]:
    from jsonschema import ValidationError

    if isinstance(instance, str) and not _found(rule, instance):
        yield ValidationError(f"{instance!r} does not match {rule!r}")


def _pattern_properties(
    validator: _Descending, rule: Mapping[str, object], instance: object, schema: object
) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for pattern, part in rule.items():
            for name, value in instance.items():
                if _found(pattern, name):
                    yield from validator.descend(value, part, path=name, schema_path=pattern)


def _additional_properties(
    validator: _Descending, rule: object, instance: object, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    from jsonschema import ValidationError

    if not isinstance(instance, dict):
        return
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for name, value in instance.items():
        if name not in known and not any(_found(pattern, name) for pattern in patterns):
            if rule is False:
                yield ValidationError(f"the property {name!r} is not allowed")
            else:
                yield from validator.descend(value, rule, path=name)


def _unique_items(validator: _Descending, rule: bool, instance: object, schema: object) -> Iterator[ValidationError]:
    """In linear time, where jsonschema compares each with each."""
    from jsonschema import ValidationError

    if rule and isinstance(instance, list) and len({_identity(item) for item in instance}) < len(instance):
        yield ValidationError(f"{instance!r} has an item twice")


def _identity(value: object) -> Hashable:
    """Equal for what is equal as JSON: ``1`` and ``1.0``, but not ``1`` and ``true``."""
    if isinstance(value, dict):
        return "object", frozenset((name, _identity(each)) for name, each in value.items())
    if isinstance(value, list):
        return "array", tuple(map(_identity, value))
    return isinstance(value, bool), value
