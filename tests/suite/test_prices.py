"""A list of prices is read whole or refused with its line; a team's own lies over the packaged one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.advice import devices
from harness.advice.money.cost import ApiPrice, GpuPrice
from harness.errors import UsageError
from harness.suite.prices import PACKAGED, load


def written(folder: Path, text: str) -> Path:
    path = folder / "prices.yaml"
    path.write_text(text)
    return path


def refused(folder: Path, text: str) -> str:
    with pytest.raises(UsageError) as caught:
        load(written(folder, text))
    return str(caught.value).removeprefix(f"{folder / 'prices.yaml'}:")


def test_the_packaged_list_says_of_each_price_whose_and_of_when_it_is() -> None:
    prices = load(None)
    assert (prices.currency, prices.path) == ("USD", None)
    for each in (*prices.apis, *prices.gpus):
        assert each.source, each.name
        assert re.fullmatch(r"20\d\d(-[01]\d)?", each.as_of), each.name


def test_the_packaged_list_holds_apis_that_tune_and_gpus_of_all_sizes() -> None:
    prices = load(None)
    small = prices.api("gpt-4o-mini")
    assert (small.input, small.output, small.training, small.tuned_input) == (0.15, 0.60, 3.00, 0.30)
    assert prices.api("claude-sonnet-4").training is None
    assert {each.name for each in prices.gpus} >= {"T4", "L4", "A10G", "L40S", "A100 40GB", "A100 80GB", "H100", "H200"}


def test_each_gpu_that_has_a_price_is_one_whose_figures_are_known() -> None:
    names = [set(device.name.split()) for device in devices.known()]
    for gpu in load(None).gpus:
        assert any(set(gpu.name.split()) <= words for words in names), gpu.name


def test_the_price_of_a_known_gpu_is_found_by_its_name_there() -> None:
    prices = load(None)
    found = {device.name: prices.gpu(device.name).name for device in devices.known() if "A100" in device.name}
    assert found == {"NVIDIA A100 40GB": "A100 40GB", "NVIDIA A100 80GB": "A100 80GB"}


def test_a_list_of_ones_own_changes_fields_and_adds_names(tmp_path: Path) -> None:
    own = written(
        tmp_path, "apis:\n  gpt-4o-mini: {output: 0.5}\n  ours: {input: 1, output: 2}\ngpus: {L4: {hour: 0}}\n"
    )
    prices, packaged = load(own), load(None)
    changed, base = prices.api("gpt-4o-mini"), packaged.api("gpt-4o-mini")
    assert (changed.output, changed.input, changed.training) == (0.5, base.input, base.training)
    assert prices.api("ours") == ApiPrice(name="ours", input=1.0, output=2.0)
    assert prices.gpu("L4").hour == 0.0
    assert prices.api("gpt-4o") == packaged.api("gpt-4o")
    assert prices.path == own


def test_a_price_of_ones_own_is_not_passed_off_as_the_vendors(tmp_path: Path) -> None:
    own = written(tmp_path, "gpus:\n  L4: {hour: 0.5}\n  T4: {hour: 0.3, source: our contract, as_of: 2026-01-31}\n")
    prices = load(own)
    assert (prices.gpu("L4").source, prices.gpu("L4").as_of) == (str(own), "")
    assert prices.gpu("T4") == GpuPrice(name="T4", hour=0.3, source="our contract", as_of="2026-01-31")


def test_null_takes_an_optional_price_away(tmp_path: Path) -> None:
    assert load(written(tmp_path, "apis: {gpt-4o: {training: null}}\n")).api("gpt-4o").training is None


def test_a_list_in_another_currency_stands_alone_since_nothing_is_converted(tmp_path: Path) -> None:
    own = load(written(tmp_path, "currency: EUR\napis: {gpt-4o: {input: 2, output: 9}}\n"))
    assert own.currency == "EUR"
    assert own.apis == (ApiPrice(name="gpt-4o", input=2.0, output=9.0),)
    assert own.gpus == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("api: {}\n", "1: unknown key 'api'; did you mean 'apis'?"),
        ("apis:\n  ours:\n    inputs: 1\n", "3: unknown key 'inputs'; did you mean 'input'?"),
        ("apis:\n  ours: {input: 1, output: -2}\n", "2: output must not be negative, as '-2' is"),
        ("apis:\n  ours:\n    input: one\n    output: 2\n", "3: input must be a number, not 'one'"),
        ("apis:\n  ours: {input: .inf, output: 2}\n", "2: input must be a number, not '.inf'"),
        ("apis:\n  ours: {input: yes, output: 2}\n", "2: input must be a number, not 'yes'"),
        ("apis:\n  ours: {input: [1], output: 2}\n", "2: input must be a number, not a list or keys"),
        ("apis:\n  ours: {input: 1}\n", "2: ours has no 'output'; add 'output:'"),
        ("gpus:\n  L4: {hour: null}\n", "2: L4 has no 'hour'; add 'hour:'"),
        ("currency: EUR\ngpus:\n  L4: {source: ours}\n", "3: L4 has no 'hour'; add 'hour:'"),
        ("gpus:\n  L4: {hour: 1}\n  L4: {hour: 2}\n", "3: key 'L4' stands twice; keep one"),
        (
            "gpus:\n  L4: 0.8\n",
            "2: L4 must be keys with values; as in 'apis: {gpt-4o-mini: {input: 0.15, output: 0.60}}'",
        ),
        ("gpus:\n  L4: {hour: 1, source: [ours]}\n", "2: source must be a text"),
        ("currency:\n", "1: currency must be a word; as in 'currency: EUR'"),
        ("gpus: {L4: {hour: 1}\n", "2: not valid YAML: expected ',' or '}', but got '<stream end>'"),
    ],
)
def test_what_is_wrong_with_a_list_is_said_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    assert refused(tmp_path, text) == said


def test_a_file_that_is_no_list_is_refused(tmp_path: Path) -> None:
    assert "the file is empty" in refused(tmp_path, "# nothing\n")
    assert "nested without end" in refused(tmp_path, "[" * 3000)
    with pytest.raises(UsageError, match="the list of prices cannot be read: No such file"):
        load(tmp_path / "none.yaml")
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        load(tmp_path)
    (tmp_path / "latin.yaml").write_bytes("currency: £\n".encode("latin-1"))
    with pytest.raises(UsageError, match="not UTF-8 text"):
        load(tmp_path / "latin.yaml")


def test_the_packaged_list_lies_beside_the_module() -> None:
    assert PACKAGED.is_file()
