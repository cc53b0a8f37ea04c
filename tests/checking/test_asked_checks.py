"""Which checks are done: all with their defaults, unless the suite or the command line says otherwise."""

from __future__ import annotations

from pathlib import Path

import checks_kit as kit
import pytest

from harness.catalog import Catalog
from harness.checking.asked import asked
from harness.errors import UsageError
from harness.host import Host
from harness.suite.load import load
from harness.values import Ref, SuiteCheck

CATALOG = kit.catalog(kit.Slow, kit.Repeats, kit.Few)


def names(*suite_checks: SuiteCheck, in_run: bool = False, **choice: object) -> list[str]:
    checks, _ = asked(CATALOG, suite_checks, in_run=in_run, **choice)  # type: ignore[arg-type]
    return [check.name for check in checks]


def test_every_check_is_done_in_the_order_in_which_plugins_offer_them() -> None:
    assert names() == ["slow", "repeats", "few"]


def test_a_run_does_the_quick_ones_and_what_the_suite_lists() -> None:
    assert names(in_run=True) == ["repeats", "few"]
    assert names(SuiteCheck(Ref("slow")), in_run=True) == ["slow", "repeats", "few"]


def test_a_suite_sets_options_and_severity_and_switches_off() -> None:
    listed = (SuiteCheck(Ref("few", {"enough": 7}), "error"), SuiteCheck(Ref("repeats"), "off"))
    (_, few), missing = asked(CATALOG, listed, in_run=False)
    assert (few.planned.instance.enough, few.severity, few.planned.ref) == (7, "error", Ref("few", {"enough": 7}))
    assert not missing


def test_what_is_named_by_hand_goes_before_what_the_suite_says() -> None:
    off = SuiteCheck(Ref("repeats", {"severity": "info"}), "off")
    assert names(off, only=["repeats"]) == ["repeats"]
    assert names(only=["few", "slow"], skip=["few"]) == ["slow"]
    assert names(skip=["slow"]) == ["repeats", "few"]


def test_options_of_the_command_go_over_those_of_the_suite() -> None:
    listed = [SuiteCheck(Ref("few", {"enough": 7}))]
    checks, _ = asked(CATALOG, listed, in_run=False, options={"few": {"enough": 9}})
    assert checks[-1].planned.instance.enough == 9


def test_a_check_whose_packages_are_missing_is_told_unless_somebody_asked_for_it() -> None:
    catalog = kit.catalog(kit.Needy, kit.Few)
    checks, missing = asked(catalog, (), in_run=False)
    assert [check.name for check in checks] == ["few"]
    assert missing == {"needy": "needs no-such-distribution; pip install no-such-distribution"}
    for choice in ({"suite_checks": [SuiteCheck(Ref("needy"))]}, {"suite_checks": (), "only": ["needy"]}):
        with pytest.raises(UsageError, match="needs no-such-distribution, which is not installed; pip install"):
            asked(catalog, in_run=False, **choice)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("check", "problem"),
    [
        (Ref("repaets"), "unknown data check 'repaets'; did you mean 'repeats'?"),
        (Ref("few", {"enuogh": 3}), "data check 'few' has no option 'enuogh'; did you mean 'enough'?"),
        (Ref("few", {"enough": 0}), "enough is less than 1; write 1 or more"),
    ],
)
def test_what_is_wrong_in_a_suite_is_told_with_its_line(tmp_path: Path, check: Ref, problem: str) -> None:
    options = "".join(f", {key}: {value}" for key, value in check.options.items())
    text = "suite: s\nmodel: {name: m}\nbenchmarks: [canary]\nchecks:\n  - slow\n"
    suite = load(tmp_path / "suite.yaml", text=f"{text}  - {{name: {check.name}{options}}}\n")
    with pytest.raises(UsageError) as caught:
        asked(CATALOG, suite.checks, in_run=False, suite=suite)
    assert str(caught.value).startswith(f"{tmp_path / 'suite.yaml'}:6: ")
    assert problem in str(caught.value)


def test_unknown_names_by_hand_and_checks_listed_twice_are_refused() -> None:
    for choice in ({"only": ["fwe"]}, {"skip": ["fwe"]}):
        with pytest.raises(UsageError, match="did you mean 'few'"):
            names(**choice)
    with pytest.raises(UsageError, match="'kit/few' is listed twice"):
        names(SuiteCheck(Ref("few")), SuiteCheck(Ref("kit/few")))


def test_a_name_that_two_distributions_offer_is_written_in_full() -> None:
    catalog = kit.catalog(kit.Repeats, kit.Few, rivals=[kit.RivalRepeats])
    checks, _ = asked(catalog, [SuiteCheck(Ref("rival/repeats"), "info")], in_run=True)
    assert [(check.name, check.severity) for check in checks] == [
        ("kit/repeats", None),
        ("few", None),
        ("rival/repeats", "info"),
    ]
    with pytest.raises(UsageError, match="offered twice"):
        asked(catalog, [SuiteCheck(Ref("repeats"))], in_run=True)


def test_all_checks_of_the_harness_itself_can_be_done_with_their_defaults() -> None:
    checks, missing = asked(Catalog.build(Host.load()), (), in_run=False)
    assert {check.name for check in checks} | set(missing) >= {"schema", "duplicates", "leakage", "pii", "size"}
    assert next(each for each in checks if each.planned.origin.distribution == "finetune-harness").name == "schema"
