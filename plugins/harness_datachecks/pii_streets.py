"""Street addresses: no library knows those of several countries without a model of hundreds of megabytes."""

from __future__ import annotations

import re

from harness_datachecks.pii_spans import Spans, has_digits

_NUMBER = r"(?<![\w.,/:$€£#-])\d{1,5}[A-Za-z]?(?:\s?[-/]\s?\d{1,4}[A-Za-z]?)?"
_AFTER = (
    r"(?!(?:19|20)\d\d(?!\d))\d{1,4}(?:\s?[A-Za-z](?!\w))?(?:\s?[-/+]\s?\d{1,4}[a-z]?)?"
    r"(?![\w%]|[.,:]\d|\s?(?:km|kg|m|cm|mm|%|€|\$)(?!\w))"
)
"""The house's number; years and amounts are none."""
_CAPITAL = r"[A-ZÀ-ÖØ-ÞĀ-ž][\w'\u2019.-]{0,30}+"
_NAME = rf"(?:(?:St\.|{_CAPITAL}|\d{{1,3}}(?:st|nd|rd|th)|of|the|and)\s){{1,4}}?"
_ENGLISH_SURE = (
    "Street|Avenue|Road|Boulevard|Lane|St|Ave|Av|Rd|Blvd|Ln|Dr|Pkwy|Parkway|Hwy|Highway|Terrace|Crescent|Cres"
)
_ENGLISH = (
    f"{_ENGLISH_SURE}|Drive|Court|Ct|Place|Pl|Square|Sq|Way|Gardens|Gdns|Grove|Mews|Hill|Trl|Cir|Alley|Plaza|Quay|Wharf|"
    "Esplanade|Parade|Ter|Broadway|Turnpike"
)
_ENGLISH_WITH_TOWN = "Close|Row|Walk|Trail|Circle|Rise|Vale|Green|Pike|Loop|Run|Path|Crossing"
"""Words of headings and of code too: a comma and the town must follow."""
_NOT_A_NAME = r"(?!(?:the|a|an|of|on|in|to|and|or|by|for|at|from|is|per|different|more|other|new|main)\b)"
_GERMAN = "[sS]tra(?:ß|ss)e|[sS]tr\\.|[wW]eg|[pP]latz|[aA]llee|[gG]asse|[dD]amm|[uU]fer|[cC]haussee|[sS]teig|[pP]fad"
_GERMAN_SUFFIX = "stra(?:ß|ss)e|str\\.|weg|platz|allee|gasse|damm|ufer|chaussee|steig|pfad|graben"
_DUTCH = "straat|laan|weg|plein|gracht|kade|dijk|singel|steeg|dreef|plantsoen"
_NORDIC = "gatan|gata|vägen|gränd|torget|stigen|vej|gade|vænget|allé|veien|vegen|gaten|katu|intie|entie|antie|kuja"
_FRENCH = (
    "rue|avenue|av\\.|boulevard|bd|boul\\.|chemin|ch\\.|allées?|impasse|quai|faubourg|sentier|ruelle|montée|résidence"
)
_SOUTHERN = (
    r"Calle|C/|Avenida|Avda\.?|Av\.|Paseo|P\.º|Plaza|Pza\.?|Camino|Ronda|Traves[ií]a|Carretera|Ctra\.|Glorieta|"
    r"Carrer|Carrera|Cra\.|Rambla|Via|Viale|V\.le|Piazza|P\.zza|Piazzale|Corso|C\.so|Vicolo|Largo|Lungomare|"
    r"Contrada|Rua|Travessa|Praça|Estrada|Alameda|Rodovia|Passeig|Plaça"
)
_OF = r"(?:(?:de|del|della|delle|dei|degli|di|da|do|dos|das|la|las|los|le|les|el|du|des|y|e|i)\s|(?:d|l|dell)['\u2019])"
_STREETS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_NUMBER},?\s(?:(?:[NSEW]|[NS][EW]|North|South|East|West)\.?\s)?{_NAME}(?:(?:{_ENGLISH})\b\.?"
        rf"(?:\s(?:[NS][EW]?|[EW])\b)?|(?:{_ENGLISH_WITH_TOWN}),\s(?={_CAPITAL}))",
        rf"{_NUMBER}\s(?:{_NOT_A_NAME}[a-z][\w'\u2019-]{{1,30}}+\s){{1,3}}?(?:street|avenue|road|boulevard|lane)\b",
        rf"{_NUMBER}\s(?:Broadway|The\s(?:Avenue|Drive|Green|Crescent|Mall|Strand|Close))\b",
        rf"(?<!\w)[A-ZÄÖÜÅØÆŠ][\w.-]{{1,40}}?(?:{_GERMAN_SUFFIX}|{_DUTCH}|{_NORDIC})\s{_AFTER}",
        rf"(?<!\w)[a-zäöü][\w.-]{{1,40}}?(?:stra(?:ß|ss)e|str\.|straat|gracht|gatan)\s{_AFTER}",
        rf"(?<!\w)(?:{_CAPITAL}\s){{1,3}}(?:{_GERMAN}|[gG]ate|[vV]ei|[vV]äg|[pP]lass|[pP]lads|[tT]orv)\s{_AFTER}",
        rf"(?<!\w)[A-ZÄÖÜ][\w.-]{{1,40}}?-(?:{_GERMAN})\s{_AFTER}",
        rf"(?<!\w)(?:Platz|Straße|Allee|Laan|Plein|Weg)\s(?:de[rsnm]|van(?:\sde[rn]?|\shet)?)\s(?:\d{{1,2}}\.\s)?{_CAPITAL}\s{_AFTER}",
        rf"{_NUMBER},?\s(?:Jalan|Jln\.?|Lorong)\s{_CAPITAL}|(?<!\w)(?:Jalan|Jl\.|Jln\.?)\s(?:{_CAPITAL}\s?){{1,3}}?,?\s?No\.?\s?{_AFTER}",
        rf"(?<!\w)(?:Am|An de[rn]|Auf de[rmn]|Im|In de[rn]|Unter de[rn]|Zum|Zur|Hinter de[rmn]|Vor de[rm])\s{_CAPITAL}"
        rf"(?:\s{_CAPITAL})?\s\d{{1,3}}[a-z]?,?\s(?:[A-Z]{{1,2}}-)?\d{{4,5}}\s{_CAPITAL}",
        rf"(?i:{_NUMBER}(?:\s?(?:bis|ter|quater))?,?\s(?:(?:{_FRENCH})\s(?:{_OF}){{0,3}}|"
        rf"(?:place|pl\.|route|cours|square|passage|cité|esplanade)\s(?:{_OF}){{1,3}}))(?:{_CAPITAL}|\d{{1,2}}\s[A-Z]?[a-zé]+)",
        rf"(?<!\w)(?:{_SOUTHERN})\s(?:{_OF}){{0,3}}(?:{_CAPITAL}\s?(?:{_OF}){{0,3}}){{1,4}}?,?\s?"
        rf"(?:(?:n\.?\s?[º°o]?\.?|nº|núm\.|num\.|número|#)\s?)?{_AFTER}",
        rf"(?<!\w)(?:ul|pl)\.\s(?:{_CAPITAL}\s){{1,3}}{_AFTER}",
        rf"(?<!\w)(?:{_CAPITAL}\s){{1,2}}(?:utca|út|tér|Cad\.|Caddesi|Sok\.|Sokak|Soka\u011f\u0131|ulica|gatve|iela)\s"
        rf"(?:[Nn]o:?\s?)?{_AFTER}",
        r"(?i)(?<!\w)p\.?\s?o\.?\s?box\s\d{1,6}(?!\w)|(?<!\w)postfach\s\d{2,6}(?!\w)|"
        r"(?<!\w)(?:boîte postale|apartado(?: postal)?)\s\d{1,6}(?!\w)",
    )
)
_PLACEHOLDERS = re.compile(r"123 (?:main|example|fake) st(?:reet|\.)?|742 evergreen terrace", re.I)


def streets(text: str) -> Spans:
    """Street addresses of several countries: a house's number beside a word for a street, with a name."""
    if has_digits(text, 1):
        for pattern in _STREETS:
            for match in pattern.finditer(text):
                if not _PLACEHOLDERS.fullmatch(match[0]):
                    yield match.span()
