"""The screen of an A/A control."""

from __future__ import annotations

import goldens
import sample_values as values

from harness.report.control import control_screen
from harness.values import Control, Rate, RuleControl

RULE = RuleControl(
    rule="tickets f1 drops at most 0.05 against base",
    alpha=0.05,
    items=1200,
    source="support-tickets-3/base and support-tickets-3/tuned",
    flips=0.1,
    false_alarms=Rate(0.045, 0.029, 0.069),
    false_passes=Rate(0.12, 0.09, 0.16),
    passes=Rate(1.0, 0.991, 1.0),
)


def test_a_rate_and_its_interval_are_both_in_per_cent() -> None:
    control = Control("support-tickets", "c1" * 32, "2026-03-14", "support-tickets-3/base", 400, (), (RULE,))
    text = goldens.printed(control_screen(control, warnings=(), record=values.RECORD))
    assert "4.5 % (2.9 to 6.9 %)  an unchanged model is called worse" in text
    assert "12 % (9 to 16 %)  a model exactly at the limit passes" in text
    assert "100 % (99.1 to 100 %)  an unchanged model passes" in text
