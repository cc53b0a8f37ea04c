"""Write pass_at_k.json: what lm-eval's estimator says of attempts that passed, over a grid of counts.

    python tests/golden/metrics/make_code.py

Only lm-eval reckons here, as its CRUXEval task does.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

from lm_eval.tasks.cruxeval.utils import _pass_at_k

ATTEMPTS = (1, 2, 3, 5, 10, 20, 64, 100, 200)
KS = (1, 2, 5, 10, 50, 100)


def main() -> None:
    cases = [
        (attempts, passed, k)
        for attempts in ATTEMPTS
        for passed in sorted({0, 1, 2, attempts // 3, attempts // 2, attempts - 1, attempts})
        for k in KS
        if passed <= attempts and k <= attempts
    ]
    golden = {
        "reference": f"lm_eval {version('lm_eval')}, tasks.cruxeval",
        "columns": ["attempts", "passed", "k", "value"],
        "rows": [[*case, float(_pass_at_k(*case))] for case in cases],
    }
    rows = ",\n".join(f"  {json.dumps(row)}" for row in golden.pop("rows"))
    head = json.dumps(golden, indent=1).removesuffix("\n}")
    text = f'{head},\n "rows": [\n{rows}\n ]\n}}\n'
    (Path(__file__).parent / "pass_at_k.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
