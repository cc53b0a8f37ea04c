"""How fast a training learns: the rate, how it rises and falls, and what holds it back."""

from __future__ import annotations

from harness.advice.training import sources
from harness.advice.training.chosen import Choice, Claim
from harness.advice.training.settled import Settled
from harness.advice.training.sizes import advised_rate

WARMUPS = ((200, 0.1), (1_000, 0.05), (None, 0.03))
"""Our choice within 3 to 10 %: up to so many steps, this share of them."""
OF_LORA = (
    Claim("1e-4 to 5e-4", sources.COMMON),
    Claim("2e-4 for 7 and 13 billion weights, 1e-4 for 33 and 65", sources.QLORA_RATES),
    Claim("5e-4 x (2000 / hidden size)^0.781; ten times that of full fine-tuning", sources.TINKER_FORMULA),
    Claim("3e-4 for Llama of 8 and 70 billion weights, 1e-3 for 1 and 3", sources.TINKER_SWEEP),
    Claim("Adam's rate in proportion to 1 / width", sources.WIDTHS),
    Claim("1e-4 for 8 billion weights, steps of 8 rows", sources.LLAMA_FACTORY),
    Claim("2e-4 to begin with", sources.UNSLOTH),
    Claim("5e-5 to 1e-4", sources.UNSLOTH_EARLIER),
    Claim("2e-4 for instructions, 1e-5 for reinforcement learning", sources.TRL_REGRET),
    Claim("2e-3 for 135 million weights (hidden size 576), 72 steps of 4 rows", sources.PROJECT),
    Claim("validation loss 0.291, 0.122, 0.083, 0.033, 0.017 with 2e-4, 5e-4, 1e-3, 2e-3, 4e-3", sources.MEASURED),
)
OF_FULL = (
    Claim("1e-5 to 5e-5", sources.COMMON),
    Claim("2e-5 for 7 billion weights, 1e-5 for 13", sources.ALPACA),
    Claim("2e-5", sources.TRL),
    Claim("a tenth of LoRA's", sources.REGRET),
    Claim("1e-3 for 135 and 360 million weights, on general instructions", sources.SMOLLM2),
)
OF_OTHERS = {
    "prompt_tuning": (Claim("3e-2", sources.PEFT), Claim("0.3, with Adafactor", sources.PROMPT_TUNING)),
    "prefix_tuning": (
        Claim("1e-2", sources.PEFT),
        Claim("5e-5, with a network before the prefix", sources.PREFIX_TUNING),
    ),
    "ia3": (Claim("3e-3, with Adafactor", sources.TFEW),),
}


def choices(settled: Settled) -> tuple[Choice, ...]:
    """The rate with its schedule, its decay and its bounds."""
    parts = (_rate, _schedule, _warmup, _decay, _norm)
    return tuple(part(settled) for part in parts)


def _rate(settled: Settled) -> Choice:
    hidden = settled.means.shape.hidden
    rate, low, high = advised_rate(settled.method, hidden)
    claims, disagreement = _said_of_rates(settled.method)
    by_size = f"for a hidden size of {hidden:,}; by the rule through those rates, the smaller a model, the higher"
    reason = by_size if settled.method in ("full", "lora", "qlora") else "as the method's own examples have it"
    return Choice("learning_rate", rate, reason, claims, low, high, disagreement)


def _said_of_rates(method: str) -> tuple[tuple[Claim, ...], str]:
    if method == "full":
        return OF_FULL, (
            "1e-5 to 5e-5 in guides for 7 billion weights and more, 1e-3 by SmolLM2's makers for the smallest. They "
            "trained a base model on general instructions; here a finished model is to forget little, so the tenth of "
            "LoRA's rate is followed, and the range above it is open to a trial."
        )
    if method in OF_OTHERS:
        return OF_OTHERS[method], ""
    return OF_LORA, (
        "1e-5 in one guide, 2e-4 in another, 1e-3 in a sweep. 1e-5 is a rate of full fine-tuning, or of reinforcement "
        "learning (TRL's guide names both in one text): ten times too low for an adapter. 1e-3 was found for 1 to 3 "
        "billion weights with steps of 128 rows; steps here are 8 to 32. The rule is 2e-4 x (4096 / hidden size)^1.17, "
        "between 1e-4 and 4e-3: the line through QLoRA's rates and the 2e-3 that serves this project at 135 million "
        "weights; theory has a power of 1, Thinking Machines had 0.781 for larger Llamas. Where the loss jumps, half "
        "of it; where it hardly falls, twice."
    )


def _schedule(settled: Settled) -> Choice:
    return Choice(
        "lr_scheduler_type",
        "cosine",
        "falls to 0 at the end, so that the last checkpoint is a settled one",
        (
            Claim("cosine", sources.ALPACA),
            Claim("cosine", sources.LLAMA_FACTORY),
            Claim("constant", sources.QLORA_CODE),
            Claim("constant", sources.REGRET),
            Claim("linear or cosine", sources.UNSLOTH),
        ),
        disagreement="constant where many lengths of training are compared, as in the two papers; cosine where one is "
        "run to its end, as here.",
    )


def _warmup(settled: Settled) -> Choice:
    share = next(share for most, share in WARMUPS if most is None or settled.steps < most)
    return Choice(
        "warmup_ratio",
        share,
        f"of {settled.steps:,} steps, about {max(1, round(share * settled.steps)):,}: the fewer the steps, the larger "
        "the share that the first steps need",
        (
            Claim("3 to 10 %", sources.COMMON),
            Claim("3 %", sources.QLORA_CODE),
            Claim("3 %", sources.ALPACA),
            Claim("10 %", sources.LLAMA_FACTORY),
            Claim("5 to 10 %", sources.UNSLOTH),
        ),
        low=0.03,
        high=0.1,
        disagreement="3 % of thousands of steps and 10 % of hundreds are about as many: steps decide here, our choice.",
    )


def _decay(settled: Settled) -> Choice:
    # AdamW takes rate x decay of each weight a step, and a cosine has half its rate in the mean
    shrunk = advised_rate(settled.method, settled.means.shape.hidden)[0] * 0.01 * settled.steps / 2
    return Choice(
        "weight_decay",
        0.0,
        "so few steps let no weight grow large, and the validation loss says when to stop",
        (
            Claim("0", sources.QLORA_CODE),
            Claim("0", sources.ALPACA),
            Claim("LoRA itself holds forgetting back more than weight decay does", sources.BIDERMAN),
            Claim("0.01 to begin with", sources.UNSLOTH_EARLIER),
        ),
        low=0.0,
        high=0.1,
        disagreement="0 in QLoRA and Alpaca, 0.01 in Unsloth's guide: over this whole training 0.01 would shrink a "
        f"weight by {100 * shrunk:.1g} %.",
    )


def _norm(settled: Settled) -> Choice:
    is_quantised = settled.method == "qlora"
    return Choice(
        "max_grad_norm",
        0.3 if is_quantised else 1.0,
        "as the method was found to train steadily"
        if is_quantised
        else "bounds the rare step that a strange row makes",
        (Claim("0.3", sources.QLORA_CODE), Claim("1.0", sources.TRL)),
        low=0.3,
        high=1.0,
        disagreement=""
        if is_quantised
        else "0.3 in QLoRA, 1.0 by default: 0.3 where the frozen weights are in four bits.",
    )
