"""Whose figures the advice follows, each with its year; the figures stand beside the values that they are of."""

from __future__ import annotations

OURS = "our choice"
COMMON = "common practice in guides for practitioners"

LORA = "Hu and others 2021, LoRA (arXiv:2106.09685)"
QLORA = "Dettmers and others 2023, QLoRA (arXiv:2305.14314)"
QLORA_RATES = "Dettmers and others 2023, QLoRA (arXiv:2305.14314), table 9"
QLORA_CODE = "Dettmers and others 2023, scripts of github.com/artidoro/qlora"
BIDERMAN = "Biderman and others 2024, LoRA Learns Less and Forgets Less (arXiv:2405.09673)"
REGRET = "Schulman and Thinking Machines 2025, LoRA Without Regret (thinkingmachines.ai/blog/lora)"
WIDTHS = "Yang and others 2022, Tensor Programs V (arXiv:2203.03466)"
TINKER_FORMULA = "Thinking Machines 2025, tinker-cookbook, hyperparam_utils: formula for Llama models"
TINKER_SWEEP = (
    "Thinking Machines, tinker-cookbook, hyperparam_utils of commit 02face3: best of a sweep on Tulu 3, batch 128"
)
RSLORA = "Kalajdzievski 2023, rsLoRA (arXiv:2312.03732)"
ALPACA = "Taori and others 2023, Stanford Alpaca (github.com/tatsu-lab/stanford_alpaca)"
SMOLLM2 = "Hugging Face, alignment-handbook, recipes/smollm2/sft/config_smol.yaml"
LLAMA_FACTORY = "LLaMA-Factory, examples/train_lora/llama3_lora_sft.yaml (2024)"
UNSLOTH = "Unsloth, LoRA hyperparameters guide (2025)"
UNSLOTH_EARLIER = "Unsloth, LoRA parameters, an earlier edition"
OPENAI = "OpenAI cookbook 2023, Data preparation and analysis for chat model fine-tuning"
TRL_REGRET = "TRL documentation 2025, LoRA Without Regret"
TRL = "TRL, defaults of SFTConfig"
PEFT = "PEFT, examples of its documentation"
PROMPT_TUNING = "Lester and others 2021, Prompt Tuning (arXiv:2104.08691)"
PREFIX_TUNING = "Li and Liang 2021, Prefix-Tuning (arXiv:2101.00190)"
TFEW = "Liu and others 2022, T-Few and IA3 (arXiv:2205.05638)"
CHECKPOINTING = "Chen and others 2016, Training Deep Nets with Sublinear Memory Cost (arXiv:1604.06174)"
PROJECT = "this project, suites/support_tickets.yaml"
MEASURED = "this project, measured 2026: SmolLM2-135M on suites/support_tickets.yaml, 72 steps of 4 rows, one seed"
