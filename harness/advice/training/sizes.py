"""How many rounds, which rank and which rate, by rows and the model's width; said once, for the advice and ``auto``."""

from __future__ import annotations

from harness.values import Complexity

EPOCHS = ((200, 8.0), (1_000, 5.0), (10_000, 3.0), (100_000, 2.0), (None, 1.0))
"""Our choice within the bands: up to so many rows, so many rounds. Few rows make few steps a round, and want more."""
EPOCH_BANDS = ((1_000, 5.0, 10.0), (5_000, 3.0, 5.0), (10_000, 2.0, 3.0), (None, 1.0, 2.0))
"""Common practice: up to so many rows, from so many rounds to so many."""
RANKS = ((1_000, 8), (10_000, 16), (100_000, 32), (None, 64))
"""Our choice: up to so many rows, this rank. An adapter that is too small for its data falls behind (Schulman and
Thinking Machines 2025, "LoRA Without Regret"), and few rows hold little to learn."""
COMPLEX_FROM_ROWS = 10_000
"""Our choice: from so many rows a hard job gets rank 64 rather than 32."""
WIDTH = 4_096
"""Of a model of 7 billion weights, for which the rates below are known best."""
LORA_RATE = 2e-4
"""At ``WIDTH``, as Dettmers and others 2023 (QLoRA) train models of 7 and 13 billion weights."""
SLOPE = 1.17
"""Our choice: the rate falls with the width to this power, the line through QLoRA's 2e-4 and the 2e-3 that this project
trains a model of 135 million weights with. Theory has 1 (Yang and others 2022, arXiv:2203.03466), and Thinking Machines
had 0.781 for Llama models of a billion weights and more (2025)."""
FULL_SHARE = 0.1
"""Full fine-tuning wants a tenth of LoRA's rate (Schulman and Thinking Machines 2025), which is Alpaca's 2e-5 at
``WIDTH`` (Taori and others 2023)."""
LORA_RATES = (1e-4, 4e-3)
"""Our choice: no lower, as QLoRA trains 65 billion weights, and no higher than this project has tried."""
RATES_OF_THEIR_OWN = {
    "prompt_tuning": (3e-2, 1e-2, 3e-1),
    "prefix_tuning": (1e-2, 1e-3, 3e-2),
    "ia3": (3e-3, 1e-3, 1e-2),
}
"""What is advised, and the range: of the methods whose rate nobody has tied to the model's size."""


def advised_epochs(rows: int) -> tuple[float, float, float]:
    """How many rounds over so many rows: what is advised, and the range."""
    epochs = next(epochs for most, epochs in EPOCHS if most is None or rows < most)
    low, high = next((low, high) for most, low, high in EPOCH_BANDS if most is None or rows < most)
    return epochs, low, high


def advised_rank(rows: int, complexity: Complexity | None = None) -> int:
    """Of a LoRA adapter: by the job where somebody has said how hard it is, else by the rows."""
    if complexity == "simple":
        return 8
    if complexity == "default":
        return 16
    if complexity == "complex":
        return 32 if rows < COMPLEX_FROM_ROWS else 64
    return next(rank for most, rank in RANKS if most is None or rows < most)


def advised_rate(method: str, hidden: int) -> tuple[float, float, float]:
    """The learning rate of a method for a model of this hidden size: what is advised, and the range.

    LoRA's is 2e-4 x (4096 / hidden)^1.17, that of full fine-tuning a tenth of it, both to one digit. It gives the four
    rates of the QLoRA paper, 2e-4 for 7 and 13 billion weights and 1e-4 for 33 and 65, and 2e-3 for 135 million.
    """
    if method in RATES_OF_THEIR_OWN:
        return RATES_OF_THEIR_OWN[method]
    lowest, highest = LORA_RATES
    rate = min(highest, max(lowest, LORA_RATE * (WIDTH / hidden) ** SLOPE))
    if method == "full":
        rate *= FULL_SHARE
    return _digit(rate), _digit(rate / 2), _digit(rate * 2.5)


def _digit(value: float) -> float:
    """To one digit that counts: rates are not known any better."""
    return float(f"{value:.0e}")
