"""The table of GPUs, and which of them a name means."""

from __future__ import annotations

import pytest

from harness.advice.devices import known, named


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("NVIDIA A100-SXM4-80GB", "NVIDIA A100 80GB"),
        ("a100-80g", "NVIDIA A100 80GB"),
        ("A100 80 GB", "NVIDIA A100 80GB"),
        ("NVIDIA A100-PCIE-40GB", "NVIDIA A100 40GB"),
        ("a100-40gb", "NVIDIA A100 40GB"),
        ("Tesla T4", "NVIDIA Tesla T4 16GB"),
        ("Tesla V100-SXM2-32GB", "NVIDIA Tesla V100 32GB"),
        ("NVIDIA H100 80GB HBM3", "NVIDIA H100 80GB"),
        ("NVIDIA H100 PCIe", "NVIDIA H100 PCIe 80GB"),
        ("H-100", "NVIDIA H100 80GB"),
        ("NVIDIA A10G", "NVIDIA A10G 24GB"),
        ("NVIDIA L40S", "NVIDIA L40S 48GB"),
        ("NVIDIA GeForce RTX 4090", "NVIDIA GeForce RTX 4090 24GB"),
        ("RTX4090", "NVIDIA GeForce RTX 4090 24GB"),
        ("NVIDIA RTX A6000", "NVIDIA RTX A6000 48GB"),
        ("AMD Instinct MI300X", "AMD Instinct MI300X 192GB"),
    ],
)
def test_what_drivers_and_people_call_a_gpu_means_that_one(said: str, meant: str) -> None:
    found = named(said)
    assert found is not None
    assert found.name == meant


@pytest.mark.parametrize(("said", "meant"), [("A100", "NVIDIA A100 40GB"), ("V100", "NVIDIA Tesla V100 16GB")])
def test_a_word_that_leaves_the_memory_open_means_the_smaller(said: str, meant: str) -> None:
    found = named(said)
    assert found is not None
    assert found.name == meant


@pytest.mark.parametrize(
    "said",
    [
        "NVIDIA GeForce RTX 4090 Laptop GPU",
        "NVIDIA A100-SXM4-80GB MIG 1g.10gb",
        "NVIDIA RTX 6000 Ada Generation",
        "NVIDIA GB200",
        "NVIDIA A10",
        "NVIDIA L40",
        "cpu",
        "",
    ],
)
def test_a_gpu_that_is_not_in_the_table_is_not_taken_for_another(said: str) -> None:
    assert named(said) is None


def test_each_gpu_is_found_by_its_own_name() -> None:
    assert all(named(each.name) == each for each in known())


def test_the_table_goes_from_little_memory_to_much() -> None:
    memory = [each.memory for each in known()]
    assert memory == sorted(memory)


def test_no_gpu_has_more_memory_than_its_name_says_and_none_much_less() -> None:
    for each in known():
        gigabytes = int(each.name.rpartition(" ")[2].removesuffix("GB"))
        assert 0.85 * gigabytes * 1e9 < each.memory <= gigabytes * 2**30, each.name


def test_figures_are_without_sparsity_and_have_a_source_with_its_year() -> None:
    for each in known():
        assert any(year in each.source for year in map(str, range(2018, 2027))), each.name
    speeds = {each.name: each.flops / 1e12 for each in known()}
    assert speeds["NVIDIA H100 80GB"] == 989
    assert speeds["NVIDIA A100 80GB"] == 312
    assert speeds["NVIDIA L4 24GB"] == 121
