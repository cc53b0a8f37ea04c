"""Tools for the tests of plugin authors, and for our own; nothing in the harness imports them."""

from harness.testing.contracts import JudgeContract, MetricContract, check_judge, check_metric
from harness.testing.examples import CASES, EXAMPLES, choice_item, judge_case, likelihood_item, text_item

__all__ = [
    "CASES",
    "EXAMPLES",
    "JudgeContract",
    "MetricContract",
    "check_judge",
    "check_metric",
    "choice_item",
    "judge_case",
    "likelihood_item",
    "text_item",
]
