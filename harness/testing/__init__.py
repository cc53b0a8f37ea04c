"""Tools for the tests of plugin authors, and for our own; nothing in the harness imports them."""

from harness.testing.contracts import MetricContract, check_metric
from harness.testing.examples import EXAMPLES, choice_item, likelihood_item, text_item

__all__ = ["EXAMPLES", "MetricContract", "check_metric", "choice_item", "likelihood_item", "text_item"]
