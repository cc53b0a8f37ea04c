"""What opens something: private keys, API keys and tokens, passwords."""

from __future__ import annotations

import math
import re
from collections import Counter

from harness_datachecks.pii_spans import Spans, has_digits

# --- private keys

_LABEL = r"(?:[A-Z]{2,10} ){0,2}PRIVATE KEY(?: BLOCK)?-----"
_BREAK = r"(?:\s|\\[rn])"
_PEM = re.compile(
    rf"-----BEGIN {_LABEL}(?:{_BREAK}|[\w-]{{2,30}}+: ?[^\n\\]{{0,100}}+(?:\n|\\n)){{0,80}}+"
    rf"(?:[A-Za-z0-9+/=]{{20,}}+{_BREAK}{{0,40}}+){{1,500}}+"
    rf"(?:[A-Za-z0-9+/=]{{0,19}}+{_BREAK}{{0,40}}+(?:=[A-Za-z0-9+/]{{4}}{_BREAK}{{0,40}})?-----END {_LABEL})?"
)
"""With headers or without, its lines broken by line feeds, by spaces or by the ``\\n`` of JSON, perhaps cut off."""
_OTHER_PRIVATE = re.compile(r"AGE-SECRET-KEY-1[0-9A-Z]{58}|(?<!\w)[5KL][1-9A-HJ-NP-Za-km-z]{50,51}(?!\w)")


def private_keys(text: str) -> Spans:
    """Private keys in PEM, whole or cut off, of age, and of wallets."""
    if "PRIVATE KEY" in text:
        for match in _PEM.finditer(text):
            yield match.span()
    if has_digits(text, 2):
        for match in _OTHER_PRIVATE.finditer(text):
            yield match.span()


# --- keys and tokens

_TOKENS = {
    "AKIA": r"AKIA[0-9A-Z]{16}", "ASIA": r"ASIA[0-9A-Z]{16}",
    "ghp_": r"ghp_\w{36,251}", "gho_": r"gho_\w{36,251}", "ghu_": r"ghu_\w{36,251}", "ghs_": r"ghs_\w{36,251}",
    "ghr_": r"ghr_\w{36,251}", "github_pat_": r"github_pat_\w{22,255}", "glpat-": r"glpat-[\w-]{20,300}",
    "xox": r"xox[abeoprs]-[\w-]{10,250}", "xapp-": r"xapp-[\w-]{20,250}",
    "hooks.slack.com/services/": r"hooks\.slack\.com/services/T\w{6,14}/B\w{6,14}/\w{16,40}",
    "sk-": r"sk-(?:proj-|svcacct-|admin-|ant-|or-v1-)?[\w-]{20,250}",
    "sk_": r"sk_(?:live|test)_\w{16,250}", "rk_": r"rk_(?:live|test)_\w{16,250}", "whsec_": r"whsec_[\w+/=]{24,100}",
    "AIza": r"AIza[\w-]{35}", "ya29.": r"ya29\.[\w-]{20,500}", "GOCSPX-": r"GOCSPX-[\w-]{28}",
    "SG.": r"SG\.[\w-]{16,32}\.[\w-]{30,60}", "npm_": r"npm_\w{36}", "pypi-": r"pypi-AgE[\w-]{50,500}",
    "hf_": r"hf_[A-Za-z]\w{29,60}", "dop_v1_": r"dop_v1_[0-9a-f]{64}", "shp": r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}",
    "dapi": r"dapi[0-9a-f]{32}", "gsk_": r"gsk_\w{40,60}", "xai-": r"xai-\w{60,90}", "r8_": r"r8_\w{37,40}",
    "lin_api_": r"lin_api_\w{32,48}", "ntn_": r"ntn_\w{40,60}", "ATATT": r"ATATT3[\w=-]{60,250}",
    "hvs.": r"hvs\.[\w-]{24,200}", "dckr_pat_": r"dckr_pat_[\w-]{20,40}", "PMAK-": r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}",
    "NRAK-": r"NRAK-[0-9A-Z]{27}", "glsa_": r"glsa_\w{32,50}", "sbp_": r"sbp_[0-9a-f]{40}",
    "pplx-": r"pplx-\w{40,60}", "sq0": r"sq0(?:atp|csp)-[\w-]{22,43}", "key-": r"key-[0-9a-f]{32}",
    "EAA": r"EAA[0-9A-Za-z]{60,300}", "tskey-": r"tskey-\w{3,8}-[\w-]{20,60}", "rubygems_": r"rubygems_[0-9a-f]{48}",
    "figd_": r"figd_[\w-]{36,50}", "secret_": r"secret_[0-9A-Za-z]{43}",
    "SK": r"SK[0-9a-f]{32}", "AC": r"AC[0-9a-f]{32}",
    "eyJ": r"eyJ[\w-]{8,2000}+\.eyJ[\w-]{8,6000}+\.[\w-]{10,1000}", ":AA": r"\d{8,10}:AA[\w-]{33}",
    "AccountKey=": r"(?<=AccountKey=)[\w+/]{43,88}={0,2}",
}  # fmt: skip
"""How the tokens of a service begin -> how they go on, as the services and the common scanners of secrets have it."""
_SHAPED = {start: re.compile(rf"(?<![A-Za-z0-9_-])(?:{form})(?![A-Za-z0-9_])") for start, form in _TOKENS.items()}

_SAYS = r"[\"']?\s{0,3}(?::=|=>|[:=]|\b(?:is|was|are|ist|est|es|é|è)\b:?)\s{0,3}"
_NAMED_KEY = re.compile(
    rf"(?:secret|token|api[ _-]?key|access[ _-]?key|account[ _-]?key|auth[ _-]?key|private[ _-]?key|"
    rf"encryption[ _-]?key|signing[ _-]?key|shared[ _-]?key|subscription[ _-]?key|license[ _-]?key)"
    rf"(?:[ _-]?(?:id|key|value|string))?"
    rf"{_SAYS}[\"'`]?([\w+/.=~-]{{16,512}})(?![\w])",
    re.I,
)
_BEARER = re.compile(
    r"(?:authorization[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?:bearer|token|basic|apikey|key)|\bbearer)\s{1,3}([\w\-.~+/=]{12,4000})",
    re.I,
)
_HEADER = re.compile(r"\bx-[a-z-]{0,20}(?:key|token)[\"']?\s{0,3}[:=]\s{0,3}[\"']?([\w\-.~+/=]{12,500})", re.I)
_IN_URL = re.compile(
    r"[?&;](?:[a-z_]{0,12}token|api_?key|key|sig|signature|auth|secret|client_secret|password|passwd|pwd|x-amz-signature)"
    r"=([^&\s\"'<>#;)\]]{8,500})",
    re.I,
)
_OBVIOUS = re.compile(
    r"example|your|placeholder|dummy|changeme|redacted|x{4}|\*{3}|\.{3}|123456789|abcdefgh|0{8}|<|\{|\$\(|not[-_]?a[-_]?real",
    re.I,
)
_LEAST_BITS = 2.8
"""Of a character: random hexadecimal digits have about 3.5 in 32 characters, English words joined by lines 3.5 too, but
no digits."""


def keys(text: str) -> Spans:
    """Keys and tokens: by the form that a service gives them, or random letters and digits where a name says so."""
    for start, pattern in _SHAPED.items():
        if start in text:
            for match in pattern.finditer(text):
                if not _OBVIOUS.search(match[0]) and _is_drawn(match[0]):
                    yield match.span()
    lower = text.lower()
    if "bearer" in lower or "authorization" in lower:
        for match in _BEARER.finditer(text):
            if _is_random(match[1], least=12):
                yield match.span(1)
    if "key" in lower or "token" in lower or "secret" in lower:
        for pattern in (_NAMED_KEY, _HEADER):
            for match in pattern.finditer(text):
                if _is_random(match[1], least=16):
                    yield match.span(1)
    if "=" in text and "://" in text:
        for match in _IN_URL.finditer(text):
            if _is_random(match[1], least=8):
                yield match.span(1)


def _is_drawn(value: str) -> bool:
    """Whether digits or capitals among small letters stand in it; a name with lines in it has neither."""
    return has_digits(value, 1) or (value.upper() != value and any(map(str.isupper, value)))


def _is_random(value: str, *, least: int) -> bool:
    """Whether letters and digits stand in it as in what a machine drew, rather than in a name or a path."""
    value = value.strip("\"'.=")
    mixed = any(map(str.isdigit, value)) and any(map(str.isalpha, value))
    return len(value) >= least and mixed and not _OBVIOUS.search(value) and _bits(value) >= _LEAST_BITS


def _bits(value: str) -> float:
    counts = Counter(value).values()
    return -sum(count / len(value) * math.log2(count / len(value)) for count in counts)


# --- passwords

_WORD = (
    r"password|passwd|passphrase|passwort|kennwort|contrase[ñn]a|mot de passe|senha|passcode|wachtwoord|has[łl]o|"
    r"(?<![a-z])pwd|(?<![a-z])(?:db_?)?pass|l[öo]senord|salasana|pass ?word|(?<![a-z])pw"
)
_PASSWORD = re.compile(
    rf"(?:{_WORD})(?![a-z])(?: (?:for|of|to) [\w@.-]{{1,40}})?{_SAYS}"
    r"(?:\"([^\"\s]{4,128})\"|'([^'\s]{4,128})'|`([^`\s]{4,128})`|([^\s\"'`<>{\[(]{4,128}))",
    re.I,
)
_FLAG = re.compile(r"--(?:password|passwd|pass|pwd)[= ][\"']?([^\s\"'<>]{4,128})", re.I)
_AFTER_SPACE = re.compile(
    rf"(?:{_WORD}) ((?=[^\s\d]{{0,60}}\d)(?=[\W\d_]{{0,60}}[a-z])[\w!@#$%^&*?-]{{6,64}})(?![\w.-])", re.I
)
_USER = re.compile(r"\s(?:-u|--user)[= ]?[\"']?[\w.@-]{1,60}+:([^\s\"'<>]{4,128})")
_URL = re.compile(r"(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{1,20}://[^\s/:@\"'<>]{0,100}+:([^\s/\"'<>]{3,128})@[\w\[]", re.I)
_NO_PASSWORDS = re.compile(
    r"none|null|true|false|str(?:ing)?|bytes|optional\w*|any|int|pass(?:word|wd|phrase)?\d?|pwd|secret|my_?\w*|user\w*|admin|"
    r"changeme|test|example|foo|bar|required|invalid|incorrect|wrong|correct|hidden|empty|undefined|default|\W+|[x*•.]+",
    re.I,
)
_EXPRESSION = re.compile(
    r"\$(?:[a-z_]+$|[{(])|%(?:\w?$|\()|[<{(\[]|self\.|[a-z_]\w*(?:\.[a-z_]\w*)+$|[a-z_]\w*\(", re.I
)
_SYMBOL = re.compile(r"[!@#$%^&*?~+=§€]")


def passwords(text: str) -> Spans:
    """Passwords that follow their name, a flag or a user's name; not names of variables and what stands for any."""
    lower = text.lower()
    if "pass" in lower or "pw" in lower or _OTHER_WORDS.search(lower):
        for match in _PASSWORD.finditer(text):
            quoted = next((index for index in (1, 2, 3) if match[index]), None)
            place = quoted or 4
            value = match[place] if quoted else match[place].rstrip(".,;:)!?") or match[place]
            if _is_password(value) if quoted else _is_bare_password(value):
                yield match.start(place), match.start(place) + len(value)
        for pattern in (_FLAG, _AFTER_SPACE):
            for match in pattern.finditer(text):
                if _is_bare_password(match[1]):
                    yield match.span(1)
    if ":" in text:
        for pattern in (_USER, _URL):
            for match in pattern.finditer(text):
                if _is_password(match[1]):
                    yield match.span(1)


_OTHER_WORDS = re.compile(r"kennwort|contrase|senha|wachtwoord|has[łl]o|l[öo]senord|salasana")


def _is_password(value: str) -> bool:
    return not (_NO_PASSWORDS.fullmatch(value) or _OBVIOUS.search(value) or _EXPRESSION.match(value))


def _is_bare_password(value: str) -> bool:
    """Without quotes it might be any word of the sentence or the code: digits or symbols among letters tell."""
    has_letter = any(map(str.isalpha, value))
    is_odd = any(map(str.isdigit, value)) or _SYMBOL.search(value)
    return bool(has_letter and is_odd and len(value) >= 5) and _is_password(value)
