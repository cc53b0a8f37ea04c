"""Data: how much is read in how much memory, how long all checks take, and what they find of what was planted."""

from __future__ import annotations

import argparse

import data_checks
import data_contamination
import data_files
import data_near
import data_pii

PARTS = {
    "files": data_files.measure,
    "checks": data_checks.measure,
    "near": data_near.measure,
    "contamination": data_contamination.measure,
    "pii": data_pii.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rows: a minute in all")
    parser.add_argument("--only", choices=PARTS, action="append", help="these parts alone")
    options = parser.parse_args()
    for name in options.only or PARTS:
        PARTS[name](quick=options.quick)


if __name__ == "__main__":
    main()
