"""The metrics that come with the harness."""

from __future__ import annotations

from harness import Metric, hookimpl


@hookimpl
def harness_register_metrics() -> list[type[Metric]]:
    """Everything here; each module imports what is heavy only where it scores."""
    from harness_metrics.choice import Acc, AccNorm
    from harness_metrics.code import PassAtK
    from harness_metrics.labels import Accuracy, MacroF1
    from harness_metrics.likelihood import BitsPerByte, Perplexity
    from harness_metrics.overlap import Rouge
    from harness_metrics.schema import JsonSchema
    from harness_metrics.semantic import BertScore, EmbeddingSimilarity
    from harness_metrics.serving import Cost, Latency, OutputTokens, TokensPerSecond
    from harness_metrics.structure import JsonFields, JsonValid
    from harness_metrics.symptoms import LengthRatio, Refusal, Repetition
    from harness_metrics.text import F1, Contains, ExactMatch, Regex
    from harness_metrics.translation import Bleu, ChrF

    text = [ExactMatch, F1, Contains, Regex, LengthRatio, Repetition, Refusal]
    alike = [Bleu, ChrF, Rouge, BertScore, EmbeddingSimilarity]
    labelled = [Accuracy, MacroF1, Acc, AccNorm]
    structured = [JsonValid, JsonSchema, JsonFields, PassAtK]
    return [
        *text,
        *alike,
        *labelled,
        *structured,
        Perplexity,
        BitsPerByte,
        Latency,
        TokensPerSecond,
        OutputTokens,
        Cost,
    ]
