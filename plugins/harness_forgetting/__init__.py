"""What a model may have forgotten: MMLU and HellaSwag as lm-eval defines them, and a canary of plain questions."""

from __future__ import annotations

from harness import Benchmark, hookimpl


@hookimpl
def harness_register_benchmarks() -> list[type[Benchmark]]:
    """Everything here; lm-eval is imported only where items are loaded."""
    from harness_forgetting.canary import Canary
    from harness_forgetting.hellaswag import HellaSwag
    from harness_forgetting.mmlu import Mmlu

    return [Mmlu, HellaSwag, Canary]
