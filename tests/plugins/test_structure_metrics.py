"""Metrics on answers that a program reads, against reference implementations and on hostile answers."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from harness import PerSample, Score, ScoringContext
from harness.testing import text_item
from harness_metrics.schema import JsonSchema
from harness_metrics.structure import JsonValid

GOLDEN = Path(__file__).parents[1] / "golden" / "metrics"
PAIRS = [json.loads(line) for line in (GOLDEN / "pairs.jsonl").read_text("utf-8").splitlines()]


def score(metric: PerSample, text: str) -> Score:
    (result,) = metric.score([text_item("s", text)], ScoringContext())
    return result


def verdict(schema: dict[str, Any], text: str) -> float | None:
    return score(JsonSchema(schema), text).value


@pytest.mark.parametrize(("golden", "metric"), [("json_valid", JsonValid), ("json_schema", JsonSchema)])
def test_every_pair_scores_as_the_reference_scores_it(golden: str, metric: type[PerSample]) -> None:
    reference = json.loads((GOLDEN / f"{golden}.json").read_text("utf-8"))
    instance = metric(**reference["options"])

    for pair, expected in zip(PAIRS, reference["values"], strict=True):
        assert score(instance, pair["answer"]).value == pytest.approx(expected, abs=1e-9), pair
    assert set(reference["values"]) == {0.0, 1.0}


# json_valid


@pytest.mark.parametrize(
    ("text", "why_not"),
    [
        ('{"a": [1, 2.5e3, null, true, "\\u00e9"]}', None),
        ("[]", None),
        ("7", None),
        (' "text" \n', None),
        ('```json\n{"a": 1}\n```', None),
        ("Here:\n```\n[1]\n```\nThat is all.", None),
        ("1e400", None),
        ("9" * 10_000, None),
        ("", "not JSON: Expecting value at line 1, column 1"),
        ("{'a': 1}", "not JSON: Expecting property name enclosed in double quotes at line 1, column 2"),
        ("[1,]", "not JSON: "),
        ('{"a": 1} {"b": 2}', "not JSON: Extra data at line 1, column 10"),
        ("NaN", "not JSON: NaN is no JSON value"),
        ("[-Infinity]", "not JSON: -Infinity is no JSON value"),
        ('{"a": 1, "a": 2}', "the name 'a' stands twice in one object"),
        ("[" * 100_000, "not JSON that can be read: nested too deeply"),
        ("```\n{]\n```", "not JSON: "),
        ('{"\ud800": 1, "\ud800": 2}', r"the name '\ud800' stands twice in one object"),
    ],
)
def test_json_valid(text: str, why_not: str | None) -> None:
    got = score(JsonValid(), text)

    assert got.value == (1.0 if why_not is None else 0.0)
    assert str(got.details.get("invalid", "")).startswith(why_not or "")
    assert bool(got.details) == (why_not is not None)


def test_json_in_a_fence_counts_only_where_it_is_asked_to() -> None:
    assert score(JsonValid(fenced=False), "```\n{}\n```").value == 0.0
    assert score(JsonSchema({"type": "object"}, fenced=False), "```\n{}\n```").value == 0.0
    assert score(JsonSchema({"type": "object"}), "```\n{}\n```").value == 1.0


def test_why_an_answer_is_no_json_is_told_briefly() -> None:
    name = "x" * 1_000_000

    assert len(score(JsonValid(), f'{{"{name}": 1, "{name}": 2}}').details["invalid"]) <= 200


# json_schema

ORDER = {
    "type": "object",
    "properties": {
        "product": {"type": "string", "pattern": "^[a-z ]+$"},
        "count": {"type": "integer", "minimum": 1},
        "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
    },
    "required": ["product", "count"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("text", "expected", "details"),
    [
        ('{"product": "kettle", "count": 2}', 1.0, {}),
        ('{"product": "kettle", "count": 2.0, "tags": ["a", "b"]}', 1.0, {}),
        ('{"product": "kettle"}', 0.0, {"violations": ["$: 'count' is a required property"]}),
        (
            '{"product": "Kettle", "count": "2"}',
            0.0,
            {
                "violations": [
                    "$.product: 'Kettle' does not match '^[a-z ]+$'",
                    "$.count: '2' is not of type 'integer'",
                ]
            },
        ),
        (
            '{"product": "kettle", "count": 2, "tags": ["a", "b", "a"]}',
            0.0,
            {"violations": ["$.tags: ['a', 'b', 'a'] has an item twice"]},
        ),
        (
            '{"product": "kettle", "count": 2, "price": 3}',
            0.0,
            {"violations": ["$: the property 'price' is not allowed"]},
        ),
        ("[]", 0.0, {"violations": ["$: [] is not of type 'object'"]}),
        ("", 0.0, {"invalid": "not JSON: Expecting value at line 1, column 1"}),
        ("I cannot do that.", 0.0, {"invalid": "not JSON: Expecting value at line 1, column 1"}),
        ('{"product": "kettle", "count": NaN}', 0.0, {"invalid": "not JSON: NaN is no JSON value"}),
        ('{"count": 2, "count": 2}', 0.0, {"invalid": "the name 'count' stands twice in one object"}),
        ('{"count": 1e400}', 0.0, {"invalid": "JSON, but a number is too large to be checked"}),
        (f'{{"count": {"9" * 5000}}}', 0.0, {"invalid": "JSON, but a number is too large to be checked"}),
        ("[" * 100_000, 0.0, {"invalid": "not JSON that can be read: nested too deeply"}),
    ],
)
def test_json_schema(text: str, expected: float, details: dict[str, Any]) -> None:
    got = score(JsonSchema(ORDER), text)

    assert (got.value, got.details) == (expected, details)


def test_only_the_first_violations_are_told_each_in_brief() -> None:
    many = json.dumps(["\ud800" + "x" * 100_000] * 50)

    violations = score(JsonSchema({"items": {"type": "number"}}), many).details["violations"]

    assert len(violations) == 3
    assert all(len(each) < 300 for each in violations)
    json.dumps(violations, ensure_ascii=False).encode()


KEYWORDS: list[dict[str, Any]] = [
    {"patternProperties": {"^a": {"type": "integer"}, "b$": {"minimum": 2}}},
    {"patternProperties": {"^a": {}}, "additionalProperties": False},
    {"patternProperties": {"^a": {}}, "additionalProperties": {"type": "string"}},
    {"properties": {"a": {}}, "additionalProperties": {"type": "integer"}},
    {"properties": {"a": {}}, "additionalProperties": False},
    {"items": {"pattern": "^x+$"}},
    {"pattern": "b"},
    {"uniqueItems": True},
    {"uniqueItems": False},
    {"prefixItems": [{"const": 1}], "items": False},
    {"anyOf": [{"type": "array", "minItems": 2}, {"type": "object", "required": ["a"]}]},
    {"$ref": "#/$defs/tree", "$defs": {"tree": {"type": ["array", "number"], "items": {"$ref": "#/$defs/tree"}}}},
    {"properties": {"a": True}, "unevaluatedProperties": False},
    {"enum": [1, "x", [1, 2]]},
    {"multipleOf": 0.5},
    {"$schema": "http://json-schema.org/draft-07/schema#", "items": {"$ref": "#"}, "maxItems": 2},
]
INSTANCES = [
    *("null", "true", "1", "1.0", "0.75", '"x"', '"abc"', "[]", "[1, 1.0]", "[1, true]", "[0, false]", "[[1], [true]]"),
    *('[{"a": 1}, {"a": 1.0}]', '[{"a": 1, "b": 2}, {"b": 2, "a": 1}]', "[1, 2]", '["x", "xx"]', '["x", "xy"]'),
    *("[[], [[]]]", "[1, [2, [3]]]", '[[1], "x"]', '["1", 1]', "[null, false, 0]"),
    *("{}", '{"a": 1}', '{"a": "x"}', '{"ab": 1}', '{"b": 3}', '{"a": 1, "c": "x"}', '{"a": 1, "c": 2}'),
]


@pytest.mark.parametrize("schema", KEYWORDS, ids=str)
def test_the_verdict_is_that_of_jsonschema(schema: dict[str, Any]) -> None:
    reference = jsonschema.validators.validator_for(schema)(schema)

    for text in INSTANCES:
        assert verdict(schema, text) == float(reference.is_valid(json.loads(text))), text


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"type": "int"}, r"not a JSON Schema: \$\.type: 'int' is not valid under any of the given schemas"),
        ({"properties": {"a": {"minimum": "1"}}}, r"not a JSON Schema: \$\.properties\.a\.minimum: '1' is not of type"),
        ({"items": {"pattern": "("}}, "not a JSON Schema|no regular expression"),
        ({"$schema": "https://example.com/mine"}, "jsonschema knows no draft 'https://example.com/mine'"),
        ({"$ref": "https://example.com/schema.json"}, "nothing at 'https://example.com/schema.json'.*never fetched"),
        ({"properties": {"a": {"$ref": "#/$defs/none"}}}, r"nothing at '#/\$defs/none'"),
        ({"$ref": "#"}, "the schema refers to itself without end"),
        ({"properties": {True: {}}}, r"the name True at \$\.properties, which is no text: put it in quotes"),
        ({"enum": [jsonschema]}, r"at \$\.enum\[0\], which is no JSON: put it in quotes"),
    ],
)
def test_a_bad_schema_is_told_before_anything_is_scored(schema: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        JsonSchema(schema)


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was made")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    far = {"$ref": "http://127.0.0.1:9/schema.json"}
    for schema in (far, {"items": far}, {"items": {"$ref": "#/parts/far"}, "parts": {"far": {"items": far}}}):
        with pytest.raises(ValueError, match="never fetched"):
            JsonSchema(schema)


BACKTRACKS = "^(a|a)*$"
TREE = {
    "$defs": {
        "node": {
            "anyOf": [
                {"properties": {"arg": {"$ref": "#/$defs/node"}, "op": {"const": op}}, "required": ["op"]}
                for op in ("add", "multiply", "negate", "less")
            ]
        }
    },
    "$ref": "#/$defs/node",
}


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"pattern": BACKTRACKS}, json.dumps("a" * 40 + "b")),
        ({"patternProperties": {BACKTRACKS: {}}}, json.dumps({"a" * 40 + "b": 1})),
        ({"additionalProperties": False, "patternProperties": {BACKTRACKS: {}}}, json.dumps({"a" * 40 + "b": 1})),
        (TREE, '{"op": "none", "arg": ' * 40 + "{}" + "}" * 40),
    ],
    ids=["pattern", "patternProperties", "additionalProperties", "anyOf"],
)
def test_a_schema_that_takes_for_ever_leaves_the_score_missing(schema: dict[str, Any], text: str) -> None:
    begun = time.monotonic()

    got = score(JsonSchema(schema), text)

    assert got.value is None
    assert "longer than 1 s" in str(got.why_missing)
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize(
    "draft", ["http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2020-12/schema"]
)
def test_a_reference_to_the_root_leads_to_checks_that_do_not_hang(draft: str) -> None:
    got = score(JsonSchema({"$schema": draft, "items": {"$ref": "#"}, "uniqueItems": True}), "[[1, 1]]")

    assert got.details == {"violations": ["$[0]: [1, 1] has an item twice"]}


def test_what_took_too_long_takes_no_time_from_the_next_answer() -> None:
    metric = JsonSchema({"pattern": BACKTRACKS})

    assert score(metric, json.dumps("a" * 40 + "b")).value is None
    assert score(metric, '"aa"').value == 1.0


def test_many_items_are_told_apart_in_no_time() -> None:
    items = [{"a": index} for index in range(50_000)]

    assert verdict({"uniqueItems": True}, json.dumps(items)) == 1.0
    assert verdict({"uniqueItems": True}, json.dumps([*items, {"a": 7}])) == 0.0


def test_an_answer_nested_too_deeply_for_its_schema_is_wrong_and_told() -> None:
    tree = {"$defs": {"t": {"type": "array", "items": {"$ref": "#/$defs/t"}}}, "$ref": "#/$defs/t"}

    assert verdict(tree, "[" * 20 + "]" * 20) == 1.0
    got = score(JsonSchema(tree), "[" * 700 + "]" * 700)
    assert (got.value, got.details) == (0.0, {"invalid": "JSON, but nested too deeply to be checked"})


@pytest.mark.parametrize("text", ["x" * 10_000_000, json.dumps("x" * 10_000_000), "[" + "1," * 2_000_000 + "1]"])
def test_ten_megabytes_are_read_in_seconds(text: str) -> None:
    begun = time.monotonic()

    for metric in (JsonValid(), JsonSchema({"type": ["string", "array"], "maxItems": 3, "pattern": "y"})):
        assert score(metric, text).value is not None
    assert time.monotonic() - begun < 30
