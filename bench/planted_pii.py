"""Personal data and secrets drawn at random, in the ways in which people write them, for a bench to plant.

Checksums are python-stdnum's, Base58's and Bech32's, the last two written out below; no pattern is the detector's.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import string
from collections.abc import Callable, Mapping
from importlib import import_module

import phonenumbers
from stdnum import iban, luhn

Draw = random.Random
Planted = tuple[str, str]
"""A sentence with a value in it, and the value."""


def pick(draw: Draw, *texts: str) -> str:
    return draw.choice(texts)


def some(draw: Draw, letters: str, count: int) -> str:
    return "".join(draw.choices(letters, k=count))


def digits(draw: Draw, count: int) -> str:
    return some(draw, string.digits, count)


def carried(draw: Draw, value: str, *carriers: str) -> Planted:
    return draw.choice(carriers).replace("{}", value), value


FIRST = [
    "anna",
    "marek",
    "sofia",
    "liam",
    "yuki",
    "priya",
    "omar",
    "chloé",
    "jürgen",
    "maria",
    "tom",
    "aoife",
    "björn",
    "fatima",
    "lukas",
    "inés",
    "wei",
    "dmitri",
]
LAST = [
    "kowalski",
    "lindqvist",
    "o'brien",
    "garcia",
    "schmidt",
    "tanaka",
    "patel",
    "rossi",
    "dubois",
    "jansen",
    "novak",
    "silva",
    "müller",
    "chen",
    "haddad",
]


def email(draw: Draw) -> Planted:
    first, last = draw.choice(FIRST), draw.choice(LAST).replace("ü", "ue")
    plain = first.replace("é", "e").replace("ü", "ue").replace("ö", "oe")
    name = pick(
        draw, f"{plain}.{last}", f"{plain[0]}{last}", f"{plain}_{digits(draw, 2)}", f"{last}+news", f"{plain}-{last}",
        f"{plain}{draw.randint(1950, 2009)}", f"{plain.upper()}.{last.upper()}",
    )  # fmt: skip
    host, end = draw.choice(
        [("gmail", "com"), ("web", "de"), ("orange", "fr"), ("posteo", "net"), ("cs.uni-ulm", "de"), ("acme-tools",
        "co.uk"),
         ("mail", "ru"), ("naver", "com"), ("stud.ntnu", "no"), ("libero", "it"), ("bigpond", "com.au"), ("startup",
         "io"),
         ("uol", "com.br"), ("hey", "com"), ("XN--MLLER-KVA", "DE"), ("müller-bau", "de")]
    )  # fmt: skip
    how = draw.random()
    value = (
        f"{name}@{host}.{end}" if how < 0.8
        else f"{name} (at) {host}.{end}" if how < 0.87
        else f"{name}[at]{host}[dot]{end}" if how < 0.94
        else f"{name} at {host} dot {end}"
    )  # fmt: skip
    return carried(
        draw, value, "You can write to {}.", "Contact: <{}>", "mailto:{}", "Send it to {}, please!", "({})",
        "cc {}; thanks",
        'her address is "{}"', "Meine Adresse lautet {} und ich lese täglich.", "user={}", "écrivez à {} avant lundi",
    )  # fmt: skip


REGIONS = [
    "US",
    "GB",
    "DE",
    "FR",
    "ES",
    "IT",
    "NL",
    "SE",
    "PL",
    "CH",
    "AT",
    "BR",
    "IN",
    "AU",
    "JP",
    "MX",
    "IE",
    "BE",
    "PT",
    "ZA",
]
CALLS = (
    "tel. {}", "Phone: {}", "call me on {} after six", "Rufen Sie mich bitte unter der Handynummer {} an.", "Tél. : {}",
    "my mobile is {}", "WhatsApp {}", "Teléfono: {}", "(cell {})", "Fax {}", "you can reach her at {}.", "Telefon {},",
    "ring us: {}", "celular {}", "text me at {}",
)  # fmt: skip
BARE = (
    "Ask for Maria, {}.",
    "{} is where he lives, let it ring.",
    "Best, Tom\n{}",
    "Dr. Ruiz \u2013 {} \u2013 mornings only",
)


def phone(draw: Draw) -> Planted:
    kind = draw.choice([phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE])
    while True:
        region = draw.choice(REGIONS)
        known = phonenumbers.example_number_for_type(region, kind)
        national = str(known.national_number)
        number = phonenumbers.parse(f"+{known.country_code}{national[:-5]}{digits(draw, 5)}")
        if phonenumbers.is_valid_number(number):
            break
    form = phonenumbers.PhoneNumberFormat
    abroad = phonenumbers.format_number(number, form.INTERNATIONAL)
    home = phonenumbers.format_number(number, form.NATIONAL)
    how = draw.randrange(9)
    if how < 5:
        zero = abroad.split(" ", 1)
        value = (
            abroad,
            phonenumbers.format_number(number, form.E164),
            "00" + abroad[1:],
            abroad.replace(" ", pick(draw, "-", ".")),
            f"{zero[0]} (0) {zero[1]}" if region in {"DE", "GB", "CH", "AT", "SE"} else abroad,
        )[how]
        return carried(draw, value, *CALLS, *BARE)
    if how == 5:
        return carried(draw, home, *BARE)
    value = (home, "".join(filter(str.isdigit, home)), home.replace(" ", pick(draw, "-", ".", "/")))[how - 6]
    return carried(draw, value, *CALLS)


BRANDS = (
    ("4", 16), ("4", 16), ("4539", 16), ("51", 16), ("54", 16), ("2321", 16), ("2699", 16), ("34", 15), ("37", 15),
    ("6011", 16), ("65", 16), ("36", 14), ("3530", 16), ("6759", 16), ("6212", 16), ("6250", 19),
)  # fmt: skip


def card(draw: Draw) -> Planted:
    start, length = draw.choice(BRANDS)
    body = start + digits(draw, length - len(start) - 1)
    number = body + luhn.calc_check_digit(body)
    cuts = [4, 10] if length in {14, 15} else list(range(4, length, 4))
    parts = [number[a:b] for a, b in zip([0, *cuts], [*cuts, length], strict=True)]
    value = pick(draw, " ", "-", "", "", " ", ".", "\u00a0", "  ").join(parts)
    return carried(
        draw, value, "card {}", "Please charge {} exp 09/27.", "my visa is {}, cvc 311", "PAN={}", "Kartennummer: {}",
        "{}",
        "carte bancaire n° {}", "I paid with {} yesterday", '{"number": "{}"}', "Kreditkarte {} wurde belastet",
    )  # fmt: skip


ACCOUNTS = {
    "DE": "n18", "GB": "a4n14", "FR": "n10c11n2", "NL": "a4n10", "IT": "a1n10c12", "ES": "n20", "CH": "n5c12",
    "AT": "n16",
    "BE": "n12", "PL": "n24", "PT": "n21", "SE": "n20", "NO": "n11", "DK": "n14", "FI": "n14", "IE": "a4n14",
    "CZ": "n20",
}  # fmt: skip


def account(draw: Draw) -> Planted:
    while True:
        country, form = draw.choice(list(ACCOUNTS.items()))
        body, rest = "", form
        while rest:
            size = "".join(c for c in rest[1:].split("n")[0].split("a")[0].split("c")[0])
            letters = {"n": string.digits, "a": string.ascii_uppercase, "c": string.ascii_uppercase + string.digits}
            body += some(draw, letters[rest[0]], int(size))
            rest = rest[1 + len(size) :]
        number = country + iban.calc_check_digits(f"{country}00{body}") + body
        if iban.is_valid(number, check_country=False):
            break
    grouped = [number[i : i + 4] for i in range(0, len(number), 4)]
    value = pick(
        draw, number, " ".join(grouped), "-".join(grouped), number.lower(), " ".join(grouped).lower(),
        "\u00a0".join(grouped),
        " ".join(grouped),
    )  # fmt: skip
    return carried(
        draw, value, "IBAN: {}", "IBAN:{}", "Please transfer it to {} by Friday.", "Konto {} bei der Sparkasse", "{}",
        "My account ({}) is empty", "sur le compte {} svp", "{} BIC COBADEFF", "iban {} and my name",
    )  # fmt: skip


def street(draw: Draw) -> Planted:
    n = str(draw.randint(1, 220))
    value = pick(
        draw, f"{n} Baker Street", f"{n} Oak Avenue", f"{n} N Lincoln Blvd",
        f"{n}{pick(draw, 'a', 'B')} Elm Grove Road",
        f"{draw.randint(1000, 9999)} W 42nd St", f"Flat 3, {n} Kingsland Road", f"{n} St. James's Square",
        f"{n} maple street",
        f"{draw.randint(100, 9000)} Sunset Boulevard, Apt 4B", f"7/{n} Victoria Parade", f"{n} Old Mill Lane",
        f"{n} Fifth Ave.",
        f"{draw.randint(100, 9000)} Martin Luther King Jr. Drive", f"{n} The Crescent", f"{n} rowan drive",
        f"{n} Harbour View Court",
        f"Hauptstraße {n}", f"Lindenstr. {n}", f"Berliner Allee {n}", f"Goethestrasse {n}a",
        f"Am Kupfergraben {n}, 10117 Berlin",
        f"Karl-Marx-Straße {n}", f"Wiener Ring {n}", f"Mariahilfer Straße {n}/4", f"Platz der Luftbrücke {n}",
        f"Im Grund {n}",
        f"{n} rue de la Paix", f"{n} bis, avenue Victor Hugo", f"{n}, boulevard Saint-Germain", f"{n} place du Marché",
        f"{n} chemin des Vignes", f"{n} allée des Tilleuls", f"Calle de Alcalá, {n}", f"Calle Mayor {n}, 3º B",
        f"C/ Serrano {n}",
        f"Avenida de la Constitución nº {n}", f"Paseo de Gracia {n}", f"Via Roma {n}", f"Via Giuseppe Garibaldi, {n}/a",
        f"Piazza del Popolo {n}", f"Corso Buenos Aires {n}", f"Rua Augusta, {n}", f"Rua das Flores {n}",
        f"Avenida Paulista {n}",
        f"Prinsengracht {n}", f"Kerkstraat {n}", f"Laan van Meerdervoort {n}", f"ul. Marszałkowska {n}/12",
        f"Kungsgatan {n}",
        f"Drottninggatan {n} B", f"Vesterbrogade {n}", f"Karl Johans gate {n}", f"Mannerheimintie {n}",
        f"P.O. Box {draw.randint(100, 9999)}",
        f"{n} Rue Sainte-Catherine Ouest", f"{n} Marina Bay Road", f"No. {n}, Jalan Ampang", f"{n} High Holborn",
    )  # fmt: skip
    return carried(
        draw, value, "I live at {}.", "Send the parcel to {}, please", "Anschrift: {}", "Ship to: {}\nThank you",
        "she moved to {} in May",
        "adresse : {}", "vive en {}", "{}", "our office ({}) is closed", "abito in {}.",
    )  # fmt: skip


def address(draw: Draw) -> Planted:
    if draw.random() < 0.7:
        first = pick(draw, "81", "46", "178", "93", "62", "5", "154", "24")
        value = f"{first}.{draw.randint(1, 254)}.{draw.randint(0, 255)}.{draw.randint(1, 254)}"
    else:
        start = pick(draw, "2a02:8109", "2001:16b8", "2600:1f18", "2a00:1450", "2A01:4F8")
        groups = [f"{draw.randint(1, 65535):x}" for _ in range(6)]
        value = pick(
            draw,
            f"{start}:{':'.join(groups)}",
            f"{start}:{groups[0]}::{groups[1]}",
            f"{start}::1:{groups[2]}",
            f"{start}:{groups[0]}:{groups[1]}::{groups[3]}",
        )
    more = () if ":" in value else ("http://{}:8080/admin", "ssh root@{}", "{}:443 refused", "{}/32 banned")
    return carried(
        draw, value, "connection from {} port 22", "My IP is {}.", "client={}", "[{}]", "blocked {} after three tries",
        "{} - - GET /",
        "X-Forwarded-For: {}", "Die Adresse {} gehört einem Kunden.", *more,
    )  # fmt: skip


def completed(draw: Draw, module: str, form: Callable[[], str]) -> str:
    """Drawn again until the checksum is right."""
    valid = import_module(f"stdnum.{module}").is_valid
    while not valid(value := form()):
        pass
    return value


def birth_digits(draw: Draw, order: str) -> str:
    parts = {"y": f"{draw.randint(40, 99):02}", "m": f"{draw.randint(1, 12):02}", "d": f"{draw.randint(1, 28):02}"}
    return "".join(parts[each] for each in order)


def identity(draw: Draw) -> Planted:
    which = draw.randrange(16)
    if which == 0:
        n = completed(draw, "us.ssn", lambda: digits(draw, 9))
        s = pick(draw, "-", "-", " ")
        return carried(
            draw,
            f"{n[:3]}{s}{n[3:5]}{s}{n[5:]}",
            "SSN {}",
            "my social is {}",
            "Social Security number: {}",
            "({})",
            "ssn={}",
        )
    if which == 1:
        n = completed(draw, "us.ssn", lambda: digits(draw, 9))
        return carried(draw, n, "SSN {}", "her social security number is {}", "ssn: {}")
    if which == 2:
        n = f"{pick(draw, 'AB', 'JK', 'PW', 'SE', 'CE')}{digits(draw, 6)}{pick(draw, *'ABCD')}"
        value = pick(draw, n, f"{n[:2]} {n[2:4]} {n[4:6]} {n[6:8]} {n[8]}")
        return carried(draw, value, "NI number {}", "National Insurance: {}", "NINO {}", "he is {} on the payroll")
    if which == 3:
        n = completed(draw, "es.dni", lambda: digits(draw, 8) + some(draw, string.ascii_uppercase, 1))
        return carried(
            draw,
            pick(draw, n, f"{n[:8]}-{n[8]}", n.lower()),
            "DNI {}",
            "mi DNI es {}",
            "con {} en la solicitud",
            "NIF: {}",
        )
    if which == 4:
        n = completed(
            draw, "it.codicefiscale",
            lambda: some(draw, "BCDFGLMNPRSTVZ",
            6) + f"{draw.randint(40, 99)}{draw.choice('ABCDEHLMPRST')}{draw.randint(1, 28):02}"
            + f"{draw.choice('ABCDEFGHIL')}{digits(draw, 3)}{draw.choice(string.ascii_uppercase)}",
        )  # fmt: skip
        return carried(draw, pick(draw, n, n.lower()), "codice fiscale {}", "C.F. {}", "il mio è {}.", "{}")
    if which == 5:
        body = f"{draw.choice('12')}{birth_digits(draw, 'ym')}{draw.randint(1, 95):02}{digits(draw, 6)}"
        n = f"{body}{97 - int(body) % 97:02}"
        spaced = f"{n[0]} {n[1:3]} {n[3:5]} {n[5:7]} {n[7:10]} {n[10:13]} {n[13:]}"
        return carried(draw, pick(draw, n, spaced), "numéro de sécurité sociale : {}", "NIR {}", "assuré {}")
    if which == 6:
        n = completed(draw, "pl.pesel", lambda: birth_digits(draw, "ymd") + digits(draw, 5))
        return carried(draw, n, "PESEL {}", "PESEL: {}", "mój numer to {}", "nr {}")
    if which == 7:
        n = completed(draw, "br.cpf", lambda: digits(draw, 11))
        return carried(
            draw, pick(draw, n, f"{n[:3]}.{n[3:6]}.{n[6:9]}-{n[9:]}"), "CPF {}", "meu CPF é {}", "inscrito sob {}"
        )
    if which == 8:
        n = completed(draw, "se.personnummer", lambda: f"{birth_digits(draw, 'ymd')}-{digits(draw, 4)}")
        return carried(draw, pick(draw, n, f"19{n}"), "personnummer {}", "pnr {}", "född, {}")
    if which == 9:
        n = completed(
            draw,
            "fi.hetu",
            lambda: (
                f"{birth_digits(draw, 'dmy')}-{draw.randint(2, 899):03}{draw.choice('0123456789ABCDEFHJKLMNPRSTUVWXY')}"
            ),
        )
        return carried(draw, n, "henkilötunnus {}", "HETU: {}", "tunnus {}")
    if which == 10:
        n = completed(draw, "nl.bsn", lambda: digits(draw, 9))
        return carried(draw, n, "BSN {}", "mijn BSN is {}", "burgerservicenummer: {}")
    if which == 11:
        n = completed(draw, "in_.aadhaar", lambda: str(draw.randint(2, 9)) + digits(draw, 11))
        return carried(
            draw,
            pick(draw, n, f"{n[:4]} {n[4:8]} {n[8:]}"),
            "Aadhaar {}",
            "aadhaar number is {}",
            "my Aadhaar card: {}",
        )
    if which == 12:
        n = completed(draw, "ch.ssn", lambda: "756" + digits(draw, 10))
        return carried(
            draw, pick(draw, n, f"{n[:3]}.{n[3:7]}.{n[7:11]}.{n[11:]}"), "AHV-Nummer {}", "AVS {}", "AHV: {}"
        )
    if which == 13:
        n = completed(draw, "de.idnr", lambda: str(draw.randint(1, 9)) + digits(draw, 10))
        return carried(
            draw,
            pick(draw, n, f"{n[:2]} {n[2:5]} {n[5:8]} {n[8:]}"),
            "Steuer-ID: {}",
            "meine Steueridentifikationsnummer ist {}",
            "IdNr. {}",
        )
    if which == 14:
        n = completed(draw, "be.nn", lambda: birth_digits(draw, "ymd") + digits(draw, 5))
        return carried(
            draw,
            pick(draw, n, f"{n[:2]}.{n[2:4]}.{n[4:6]}-{n[6:9]}.{n[9:]}"),
            "rijksregisternummer {}",
            "NN {}",
            "numéro national {}",
        )
    return carried(
        draw, some(draw, string.ascii_uppercase, pick(draw, "1", "2").count("2") + 1) + digits(draw, 7),
        "Passport no. {}", "passport number: {}",
        "Reisepass Nr. {}", "passeport n° {}", "My passport is {}.",
    )  # fmt: skip


BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
RIPPLE = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def base58(content: bytes, letters: str = BASE58) -> str:
    whole = content + hashlib.sha256(hashlib.sha256(content).digest()).digest()[:4]
    number, text = int.from_bytes(whole, "big"), ""
    while number:
        number, rest = divmod(number, 58)
        text = letters[rest] + text
    return letters[0] * (len(whole) - len(whole.lstrip(b"\0"))) + text


def bech32(draw: Draw, prefix: str) -> str:
    """A witness program of version 0, as BIP 173 writes it."""
    values = [0, *(draw.randrange(32) for _ in range(32))]
    check = 1
    for value in [*(ord(c) >> 5 for c in prefix), 0, *(ord(c) & 31 for c in prefix), *values, *[0] * 6]:
        top, check = check >> 25, (check & 0x1FFFFFF) << 5 ^ value
        for bit, factor in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= factor if top >> bit & 1 else 0
    check ^= 1
    return f"{prefix}1" + "".join(BECH32[v] for v in [*values, *(check >> 5 * (5 - i) & 31 for i in range(6))])


def wallet(draw: Draw) -> Planted:
    content = draw.randbytes(20)
    value = [
        base58(b"\0" + content), base58(b"\x05" + content), bech32(draw, "bc"), "0x" + content.hex(),
        "0x" + content.hex().upper(),
        base58(b"\x30" + content), base58(b"\x1e" + content), base58(b"\x41" + content), base58(b"\0" + content,
        RIPPLE),
        bech32(draw, "ltc"), bech32(draw, "bc").upper(), "4" + draw.choice("0123456789AB") + some(draw, BASE58, 93),
    ][draw.randrange(12)]  # fmt: skip
    return carried(
        draw, value, "send it to {}", "BTC: {}", "My wallet is {}.", "donations: {}", "({})", "Adresse {} bitte",
        "bitcoin:{}?amount=0.1",
        "The payment from {} arrived", "{}",
    )  # fmt: skip


ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"


def key(draw: Draw) -> Planted:
    def url64(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    head, claims = url64({"alg": "HS256", "typ": "JWT"}), url64({"sub": digits(draw, 6), "exp": 17})
    jwt = f"{head}.{claims}.{some(draw, ALNUM + '_-', 43)}"
    value = pick(
        draw, "AKIA" + some(draw, string.ascii_uppercase + "234567", 16), "ghp_" + some(draw, ALNUM, 36),
        "gho_" + some(draw, ALNUM, 36),
        "github_pat_" + some(draw, ALNUM, 22) + "_" + some(draw, ALNUM, 59), "xoxb-" + digits(draw,
        12) + "-" + some(draw, ALNUM, 24),
        "sk-" + some(draw, ALNUM, 48), "sk-proj-" + some(draw, ALNUM + "_-", 64), "sk-ant-api03-" + some(draw,
        ALNUM + "_-", 93) + "AA",
        "AIza" + some(draw, ALNUM + "_-", 35), "sk_live_" + some(draw, ALNUM, 24), "rk_live_" + some(draw, ALNUM, 24),
        jwt, jwt,
        "glpat-" + some(draw, ALNUM, 20), "hf_" + some(draw, string.ascii_letters, 34), "npm_" + some(draw, ALNUM, 36),
        "SG." + some(draw, ALNUM, 22) + "." + some(draw, ALNUM, 43), "pypi-AgEIcHlwaS5vcmc" + some(draw, ALNUM, 80),
        digits(draw, 10) + ":AA" + some(draw, ALNUM, 33), "https://hooks.slack.com/services/T" + some(draw,
        string.ascii_uppercase, 8)
        + "/B" + some(draw, string.ascii_uppercase, 8) + "/" + some(draw, ALNUM, 24), "dop_v1_" + some(draw, HEX, 64),
    )  # fmt: skip
    if draw.random() < 0.65:
        return carried(
            draw, value, "My key is {}", "OPENAI_API_KEY={}", 'token: "{}"', "use {} for now.", "export TOKEN='{}'",
            "({})", "{}", "Der Schlüssel lautet {}.",
        )  # fmt: skip
    value = pick(draw, some(draw, HEX, 32), some(draw, ALNUM, 40), some(draw, ALNUM + "+/", 40), some(draw, HEX, 64))
    return carried(
        draw, value, 'api_key = "{}"', "Authorization: Bearer {}", "aws_secret_access_key = {}", "client_secret={}",
        "X-API-Key: {}",
        'curl -H "Authorization: Bearer {}" https://api.acme.io', "https://api.acme.io/v1/list?access_token={}&page=2",
        "my API key is {}",
        '{"apiKey": "{}"}', "SECRET_KEY: '{}'", "the auth token is {}.",
    )  # fmt: skip


def private(draw: Draw) -> Planted:
    kind = pick(draw, "RSA ", "EC ", "", "", "OPENSSH ", "ENCRYPTED ", "DSA ")
    lines = [some(draw, ALNUM + "+/", 64) for _ in range(draw.randint(3, 20))]
    head, foot = f"-----BEGIN {kind}PRIVATE KEY-----", f"-----END {kind}PRIVATE KEY-----"
    value = pick(
        draw, "\n".join([head, *lines, foot]), "\n".join([head, *lines, foot]), "\\n".join([head, *lines, foot]),
        " ".join([head, *lines, foot]),
        "\r\n".join([head, *lines, foot]), "\n".join([head, *lines[:2], lines[2][:30]]),
        "\n".join(["-----BEGIN PGP PRIVATE KEY BLOCK-----", "Version: GnuPG v2", "", *lines, "=aB3d",
        "-----END PGP PRIVATE KEY BLOCK-----"]),
        base58(b"\x80" + draw.randbytes(32) + b"\x01"), "\n".join("    " + each for each in [head, *lines,
        foot]).strip(),
    )  # fmt: skip
    return carried(draw, value, "Here it is:\n{}", "{}", "key: |\n{}", 'cert = "{}"', "My id_rsa says {} what now?")


def password(draw: Draw) -> Planted:
    value = pick(
        draw, f"{draw.choice(FIRST)}{draw.randint(10, 9999)}", some(draw, ALNUM + "!$%&#", 12),
        f"Summer{draw.randint(2015, 2026)}!", "Tr0ub4dor&" + digits(draw, 2),
        f"hunter{digits(draw, 2)}", "correct-horse-" + digits(draw, 2), "P@ssw0rd" + digits(draw, 2), some(draw, ALNUM,
        10) + "7",
    )  # fmt: skip
    return carried(
        draw, value, "password: {}", "my password is {}", "Passwort: {}", 'password="{}"', "PASSWORD={}",
        "mot de passe : {}", "contraseña: {}",
        "postgres://admin:{}@db.acme.io:5432/shop", "mysql -u root --password={} shop",
        '{"user": "bob", "password": "{}"}', "pw: {}",
        "Server=db;User=sa;Pwd={};", "the passphrase is '{}'", "Mein Kennwort ist {}.",
        "curl -u bob:{} https://acme.io", "DB_PASSWORD: {}",
        "login bob, password {}", "a senha é {}",
    )  # fmt: skip


def birth(draw: Draw) -> Planted:
    y, m, d = draw.randint(1935, 2012), draw.randint(1, 12), draw.randint(1, 28)
    en = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ][m - 1]
    de = [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ][m - 1]
    fr = [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ][m - 1]
    es = [
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ][m - 1]
    it = [
        "gennaio",
        "febbraio",
        "marzo",
        "aprile",
        "maggio",
        "giugno",
        "luglio",
        "agosto",
        "settembre",
        "ottobre",
        "novembre",
        "dicembre",
    ][m - 1]
    number = pick(
        draw, f"{d:02}/{m:02}/{y}", f"{m}/{d}/{y}", f"{y}-{m:02}-{d:02}", f"{d}.{m}.{y}", f"{d:02}-{m:02}-{y}"
    )
    english = pick(
        draw, number, f"{d} {en} {y}", f"{en} {d}, {y}", f"{d}th of {en} {y}", f"{en[:3]} {d} {y}", f"{d}-{en[:3]}-{y}"
    )
    value, carriers = draw.choice(
        [(english, ("DOB: {}", "date of birth {}", "I was born on {} in Leeds", "born {}", "D.O.B. {}",
        "My birthday is {}", '{"birth_date": "{}"}',
                    "patient (born {})", "Birthdate: {}", "{} (date of birth)")),
         (english, ("DOB {}", "Date of Birth: {}", "She was born in Lyon on {}.")),
         (pick(draw, f"{d:02}.{m:02}.{y}", f"{d}. {de} {y}"), ("geboren am {}", "geb. {}", "Geburtsdatum: {}",
         "geb. am {} in Köln")),
         (pick(draw, f"{d:02}/{m:02}/{y}", f"{d} {fr} {y}"), ("né le {}", "née le {} à Nantes",
         "date de naissance : {}")),
         (pick(draw, f"{d:02}/{m:02}/{y}", f"{d} de {es} de {y}"), ("nacido el {}", "fecha de nacimiento: {}",
         "nació el {}")),
         (pick(draw, f"{d:02}/{m:02}/{y}", f"{d} {it} {y}"), ("nato il {}", "nata a Roma il {}", "data di nascita {}"))]
    )  # fmt: skip
    return carried(draw, value, *carriers)


KINDS: Mapping[str, tuple[str, Callable[[Draw], Planted]]] = {
    "EMAIL_ADDRESS": ("e-mail addresses", email),
    "PHONE_NUMBER": ("phone numbers", phone),
    "CREDIT_CARD": ("card numbers", card),
    "IBAN_CODE": ("IBANs", account),
    "STREET_ADDRESS": ("street addresses", street),
    "IP_ADDRESS": ("IP addresses", address),
    "NATIONAL_ID": ("identity numbers", identity),
    "CRYPTO": ("wallet addresses", wallet),
    "API_KEY": ("API keys and tokens", key),
    "PRIVATE_KEY": ("private keys", private),
    "PASSWORD": ("passwords", password),
    "DATE_OF_BIRTH": ("dates of birth", birth),
}
