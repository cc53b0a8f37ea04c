"""Tools for the tests of plugin authors, and for our own; nothing in the harness imports them."""

from harness.testing.contracts import JudgeContract, MetricContract, check_judge, check_metric
from harness.testing.data_contract import DataCheckContract, check_data_check
from harness.testing.examples import CASES, EXAMPLES, choice_item, judge_case, likelihood_item, text_item
from harness.testing.tables import TABLES, chat_row, table_of

__all__ = [
    "CASES",
    "EXAMPLES",
    "TABLES",
    "DataCheckContract",
    "JudgeContract",
    "MetricContract",
    "chat_row",
    "check_data_check",
    "check_judge",
    "check_metric",
    "choice_item",
    "judge_case",
    "likelihood_item",
    "table_of",
    "text_item",
]
