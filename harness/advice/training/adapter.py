"""What an adapter is made of: its rank and scale, where it sits, and how many virtual tokens stand before a row."""

from __future__ import annotations

from harness.advice.training import sources
from harness.advice.training.chosen import Choice, Claim
from harness.advice.training.settled import VIRTUAL_TOKENS, Settled

DROPOUT, DROPOUT_BELOW_ROWS = 0.05, 10_000
"""Our choice: where rows come round three times or more."""


def choices(settled: Settled) -> tuple[Choice, ...]:
    """The options of the adapter that the method trains; none with ``full`` and ``ia3``, which have none."""
    if settled.method in ("lora", "qlora"):
        parts = (_rank, _alpha, _dropout, _targets, _rslora)
        return tuple(part(settled) for part in parts)
    if settled.method in ("prefix_tuning", "prompt_tuning"):
        return (_virtual_tokens(settled),)
    return ()


def _rank(settled: Settled) -> Choice:
    said, rows = settled.means.complexity, settled.means.rows
    reason = f"{rows:,} rows" if said is None else f"the job is {said}" if said != "default" else "a job like most"
    return Choice(
        "r",
        settled.r,
        f"{reason}: an adapter must hold what the rows teach, and one that is larger than that gains nothing",
        (
            Claim("8 for a simple job, 16 for most, 32 to 64 for a complex one", sources.COMMON),
            Claim("64 on general instructions; the rank changes little once all layers are adapted", sources.QLORA),
            Claim("falls behind full fine-tuning once the data exceed the adapter's capacity", sources.REGRET),
            Claim("4 for GPT-2, on the attention alone", sources.LORA),
        ),
        low=8,
        high=64,
        disagreement="4 in the LoRA paper, 8 in LLaMA-Factory, 64 in QLoRA, 256 in TRL's guide to LoRA Without Regret: "
        "the higher ones are for tens of thousands of general instructions. So rows and job decide here.",
    )


def _alpha(settled: Settled) -> Choice:
    return Choice(
        "lora_alpha",
        2 * settled.r,
        "twice the rank: the adapter counts double at every rank, so that a rate found at one rank serves at another",
        (
            Claim("twice the rank", sources.BIDERMAN),
            Claim("the rank, or twice it", sources.UNSLOTH),
            Claim("16 at rank 64", sources.QLORA_CODE),
            Claim("32 whatever the rank", sources.REGRET),
        ),
        low=settled.r,
        high=2 * settled.r,
        disagreement="the rank itself, twice the rank, or a number that stays as the rank grows. It multiplies with "
        "the rate, so one of the two must be held: twice the rank is what most guides hold.",
    )


def _dropout(settled: Settled) -> Choice:
    few = settled.means.rows < DROPOUT_BELOW_ROWS
    return Choice(
        "lora_dropout",
        DROPOUT if few else 0.0,
        f"rows come round {settled.epochs:g} times, and are not to be learnt by heart"
        if few
        else "rows are many and come round once or twice: there is little to guard against",
        (
            Claim("0.1 up to 13 billion weights, 0.05 above", sources.QLORA),
            Claim("0, which is also faster", sources.UNSLOTH),
        ),
        low=0.0,
        high=0.1,
        disagreement="0.05 to 0.1 in QLoRA, 0 in Unsloth's guide and by PEFT's default: rows decide here, our choice.",
    )


def _targets(settled: Settled) -> Choice:
    return Choice(
        "target_modules",
        "all-linear",
        "all linear layers but the output's: an adapter on the attention alone does not reach full fine-tuning, "
        "whatever its rank",
        (
            Claim("all linear layers are needed to match full fine-tuning", sources.QLORA),
            Claim(
                "all layers, the MLP's above all; a higher rank does not make up for attention alone", sources.REGRET
            ),
            Claim("all modules before MLP alone before attention alone", sources.BIDERMAN),
            Claim("queries and values of the attention", sources.LORA),
        ),
        disagreement="the LoRA paper adapts the attention alone; later papers that compared find that too little.",
    )


def _rslora(settled: Settled) -> Choice:
    return Choice(
        "use_rslora",
        False,
        f"lora_alpha grows with the rank already; divided by the root of rank {settled.r} instead of the rank, the "
        f"adapter would count {2 * settled.r**0.5:.1f}-fold instead of double and want a lower rate",
        (
            Claim("divide by the root of the rank, from rank 64 or so on, with an alpha that stays", sources.RSLORA),
            Claim("alpha over rank makes the best rate nearly the same at every rank", sources.REGRET),
        ),
        disagreement="rsLoRA keeps high ranks learning where alpha stays as the rank grows. Here alpha does not stay.",
    )


def _virtual_tokens(settled: Settled) -> Choice:
    return Choice(
        "num_virtual_tokens",
        VIRTUAL_TOKENS,
        "as many as gain anything with most models; each takes one of the window's places",
        (
            Claim("20 to 100; beyond 20 little is gained, and the larger the model the less", sources.PROMPT_TUNING),
            Claim("10 for tables, 200 for summaries", sources.PREFIX_TUNING),
            Claim("20", sources.PEFT),
        ),
        low=10,
        high=200,
        disagreement="the two papers differ by the job: a long text to write wants more.",
    )
