"""Data checks: what is wrong with rows, before they are trained on or judge a model."""

from __future__ import annotations

from harness import DataCheck, hookimpl


@hookimpl
def harness_register_data_checks() -> tuple[type[DataCheck], ...]:
    """The checks of this package, in the order in which ``harness data clean`` applies their remedies."""
    from harness_datachecks.balance import Balance
    from harness_datachecks.contamination import Contamination
    from harness_datachecks.contradictions import Contradictions
    from harness_datachecks.diversity import Diversity
    from harness_datachecks.duplicates import Duplicates
    from harness_datachecks.error_text import ErrorText
    from harness_datachecks.language import Language
    from harness_datachecks.leakage import Leakage
    from harness_datachecks.length import Length
    from harness_datachecks.pii import Pii
    from harness_datachecks.schema import Schema
    from harness_datachecks.size import Size
    from harness_datachecks.synthetic import Synthetic
    from harness_datachecks.template import Template
    from harness_datachecks.truncated import Truncated

    return (
        Schema,
        Duplicates,
        Contradictions,
        Leakage,
        Contamination,
        Pii,
        Language,
        Truncated,
        ErrorText,
        Length,
        Balance,
        Diversity,
        Template,
        Size,
        Synthetic,
    )
