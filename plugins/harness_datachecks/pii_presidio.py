"""Presidio's recognisers by themselves: without its engine, which wants a language model, and without the network."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from presidio_analyzer import PatternRecognizer
    from tldextract import TLDExtract


def recognised(kind: str, candidate: str) -> bool:
    """Whether Presidio sees a value of the kind in these few characters.

    They are few because some of its patterns take time with the square of a text's length: a caller finds candidates
    with a pattern of its own that does not.
    """
    return bool(_recognizer(kind).analyze(candidate, [kind]))


def is_bech32(address: str) -> bool:
    """Whether the checksum of a SegWit address is right, of Bitcoin or of a coin that took the format over."""
    from presidio_analyzer.predefined_recognizers import CryptoRecognizer

    validated: Callable[[str], tuple[bool, object]] = CryptoRecognizer.validate_bech32_address
    return validated(address)[0]


@cache
def _recognizer(kind: str) -> PatternRecognizer:
    # Presidio loads spaCy, and torch where that is installed: seconds that a file without candidates is spared
    from presidio_analyzer import predefined_recognizers as known

    class OfflineEmailRecognizer(known.EmailRecognizer):
        """Presidio's own asks for the list of public suffixes on the network the first time."""

        def validate_result(self, pattern_text: str) -> bool:
            return bool(_suffixes()(pattern_text).top_domain_under_public_suffix)

    kinds: dict[str, Callable[[], PatternRecognizer]] = {
        "EMAIL_ADDRESS": OfflineEmailRecognizer,
        "IP_ADDRESS": known.IpRecognizer,
        "CRYPTO": known.CryptoRecognizer,
        "UK_NINO": known.UkNinoRecognizer,
    }
    return kinds[kind]()


@cache
def _suffixes() -> TLDExtract:
    from tldextract import TLDExtract

    return TLDExtract(cache_dir=None, suffix_list_urls=(), fallback_to_snapshot=True)
