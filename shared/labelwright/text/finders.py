"""Where personal data lies in a text: one finder a kind, patterns in linear time (RE2), check digits where possible.

Finders read a *shadow* of the text: one byte a character, so that offsets are the text's own. Digits, letters and signs
of ASCII stand for themselves and for their relatives in other scripts (full width, Arabic-Indic digits, no-break
spaces, dashes); any other letter of an alphabet is LETTER, and the rest of Unicode is OTHER.

Where a number could be two things, these are the judgements:
- Four numbers with dots are an address, unless a word like "version" stands before them or a suffix like "-beta" after
  them. Loopback and unspecified addresses point at nobody and stay.
- Cards need a known issuer's prefix beside Luhn's digit: a tenth of all order numbers pass Luhn by chance.
- Digits without "+", brackets or a leading 0 are a phone number only in the form 415-555-0123 or where the words say so
  ("my number is …"); never right behind a word like "order" or "invoice", nor as a part of a longer code.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

import re2

LETTER, OTHER = "\xff", "\x80"
_REMEMBERED = (
    8_192  # characters of other scripts whose shadow is kept: a few alphabets, not all that a hostile text holds
)


class Find(NamedTuple):
    """A piece of personal data at `text[start:end]`."""

    start: int
    end: int
    kind: str


class _Shadows(dict[int, str]):
    """The shadow of each character, worked out when it is first met."""

    def __missing__(self, point: int) -> str:
        shade = _shade(chr(point))
        if len(self) < _REMEMBERED:
            self[point] = shade
        return shade


def _shade(character: str) -> str:
    plain = unicodedata.normalize("NFKC", character)
    if len(plain) == 1 and plain.isascii():
        return plain
    if (digit := unicodedata.decimal(character, None)) is not None:
        return str(digit)
    category = unicodedata.category(character)
    if category == "Pd" or character == "\N{MINUS SIGN}":
        return "-"
    if category in ("Zs", "Cf"):
        return " "
    return LETTER if category[0] in "LM" and character < "\u2000" else OTHER


_shadows = _Shadows()


def shadow(text: str) -> bytes:
    """Return one byte for each character of `text`, as the finders read it."""
    return text.encode() if text.isascii() else text.translate(_shadows).encode("latin-1")


def find(seen: bytes) -> list[Find]:
    """Return what any finder sees in a shadow; finds may overlap."""
    digits = len(seen.translate(None, _NOT_DIGITS))
    if not digits and not _CLUE.search(seen):
        return []
    return [found for least, finder in _FINDERS if digits >= least for found in finder(seen)]


def _compile(pattern: bytes) -> "re2._Regexp":
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    return re2.compile(pattern, options)


_NOT_DIGITS = bytes(set(range(256)) - set(b"0123456789"))
_CLUE = _compile(rb"[@=]|A[KS]IA|PRIVATE KEY")


# Mail

_MAIL = _compile(
    rb"[\w.%+\xff-][\w.'%+\xff-]*(?:@|%40)(?:[A-Za-z0-9\xff][A-Za-z0-9\xff-]*\.)+(?:[A-Za-z\xff]{2,}|xn--[A-Za-z0-9-]+)"
)
_FILE_ENDINGS = (b".png", b".jpg", b".jpeg", b".gif", b".svg", b".webp", b".js", b".css")  # logo@2x.png


def _mails(seen: bytes) -> Iterator[Find]:
    if b"@" not in seen and b"%40" not in seen:
        return
    for match in _MAIL.finditer(seen):
        if not match.group().lower().endswith(_FILE_ENDINGS):
            yield Find(match.start(), match.end(), "mail")


# Cards

_CARD_SHAPES = _compile(
    rb"\b(?:[0-9]{14,19}"
    rb"|[0-9]{4}[ .-][0-9]{4}[ .-][0-9]{4}[ .-][0-9]{4}(?:[ .-][0-9]{1,3})?"
    rb"|[0-9]{4}[ .-][0-9]{6}[ .-][0-9]{4,5})\b"
)
_ISSUED = re.compile(
    rb"4[0-9]{15}(?:[0-9]{3})?|(?:5[1-5]|2[2-7])[0-9]{14}|3[47][0-9]{13}|3(?:0[0-5]|[689][0-9])[0-9]{11}"
    rb"|35[0-9]{14}|(?:50|5[6-9]|6[0-9])[0-9]{14,17}"
)
_ONCE = bytes((byte - 48) % 10 for byte in range(256))
_TWICE = bytes(sum(divmod(2 * digit, 10)) for digit in _ONCE)


def _cards(seen: bytes) -> Iterator[Find]:
    for match in _CARD_SHAPES.finditer(seen):
        start, end = match.span()
        if _follows_decimal_point(seen, start):
            continue
        if _is_card(seen[start:end]):
            yield Find(start, end, "card")
        elif _is_card(seen[start : start + 19]):  # 4-4-4-4, and then a number of its own, like the code on the back
            yield Find(start, start + 19, "card")


def _is_card(number: bytes) -> bool:
    digits = number.translate(None, _NOT_DIGITS)
    return _ISSUED.fullmatch(digits) is not None and passes_luhn(digits)


def passes_luhn(digits: bytes) -> bool:
    """Say whether the last digit is the check digit of the others by ISO/IEC 7812-1, annex B; `digits` are ASCII."""
    return (sum(digits[-1::-2].translate(_ONCE)) + sum(digits[-2::-2].translate(_TWICE))) % 10 == 0


def _follows_decimal_point(seen: bytes, start: int) -> bool:
    return start >= 2 and seen[start - 1 : start] in (b".", b",") and seen[start - 2 : start - 1].isdigit()


# IBANs: countries and the structure of what follows the check digits, from SWIFT's IBAN registry, release 101
# (n: digits, a: letters, c: either)

IBAN_STRUCTURES = (
    "AT|BA|EE|LT|MN|XK:16n", "CR|DE|ME|RS|VA:18n", "CZ|ES|SE|SK|TN:20n", "DK|FI|FO|GL|SD:14n", "AE|IL|SO|TL:19n",
    "BI|DJ|MR:23n", "HN|NI|SV:4a20n", "LY|PT|ST:21n", "AL|CY:8n16c", "CH|LI:5n12c", "FR|MC:10n11c2n",
    "GB|IE:4a14n", "HU|PL:24n", "IT|SM:1a10n12c", "JO|YE:4a4n18c", "KZ|LU:3n13c", "PK|RO:4a16c", "PS|QA:4a21c",
    "AD:8n12c", "AZ:4a20c", "BE:12n", "BG:4a6n8c", "BH:4a14c", "BR:23n1a1c", "BY:4c4n16c", "DO:4c20n", "EG:25n",
    "FK:2a12n", "GE:2a16n", "GI:4a15c", "GR:7n16c", "GT:24c", "HR:17n", "IQ:4a15n", "IS:22n", "KW:4a22c",
    "LB:4n20c", "LC:4a24c", "LV:4a13c", "MD:20c", "MK:3n10c2n", "MT:4a5n18c", "MU:4a19n3a", "NL:4a10n", "NO:11n",
    "OM:3n16c", "RU:14n15c", "SA:2n18c", "SC:4a20n3a", "SI:15n", "TR:6n16c", "UA:6n19c", "VG:4a16n",
)  # fmt: skip
_IBAN_CLASSES = {"n": "[0-9]", "a": "[A-Za-z]", "c": "[0-9A-Za-z]"}


def _iban_pattern(structure: str) -> str:
    countries, _, account = structure.partition(":")
    parts = re.findall(r"(\d+)([nac])", account)
    return f"(?:{countries})[0-9]{{2}}" + "".join(f"(?:[ -]?{_IBAN_CLASSES[kind]}){{{count}}}" for count, kind in parts)


_IBAN = _compile(rf"(?i)\b(?:{'|'.join(map(_iban_pattern, IBAN_STRUCTURES))})\b".encode())


def _ibans(seen: bytes) -> Iterator[Find]:
    for match in _IBAN.finditer(seen):
        if passes_mod97(match.group().translate(None, b" -")):
            yield Find(match.start(), match.end(), "iban")


def passes_mod97(iban: bytes) -> bool:
    """Say whether the check digits are right by ISO 7064, MOD 97-10; `iban` is ASCII without spaces."""
    return int("".join(str(int(chr(byte), 36)) for byte in iban[4:] + iban[:4])) % 97 == 1


# IP addresses

_OCTET = rb"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = _compile(rb"\b" + _OCTET + rb"(?:\." + _OCTET + rb"){3}\b")
_IPV6 = _compile(rb"[0-9A-Fa-f]*:[0-9A-Fa-f:.]*[0-9A-Fa-f:]")
_VERSION_BEFORE = re.compile(rb"(?:version|ver|v|release|build|firmware|update)[ .:=#-]{0,3}\Z", re.IGNORECASE)
_MORE_VERSION = re.compile(rb"\.[0-9]|[-+][A-Za-z]")


def _addresses(seen: bytes) -> Iterator[Find]:
    if seen.count(b".") >= 3:
        for match in _IPV4.finditer(seen):
            if _is_ipv4(seen, *match.span()):
                yield Find(match.start(), match.end(), "ip")
    if seen.count(b":") >= 2:
        for match in _IPV6.finditer(seen):
            start, end = match.span()
            if not seen[start - 1 : start].isalnum() and (length := _ipv6_length(seen[start:end])):
                yield Find(start, start + length, "ip")


def _is_ipv4(seen: bytes, start: int, end: int) -> bool:
    return not (
        seen.startswith((b"127.", b"0."), start)
        or seen[start - 1 : start] == b"."
        or _MORE_VERSION.match(seen, end)
        or _VERSION_BEFORE.search(seen[max(0, start - 12) : start])
    )


def _ipv6_length(run: bytes) -> int:
    """Return how much of a run of hex digits, colons and dots is an address: all, less a sentence's colon, or 0."""
    for candidate in (run, run.rstrip(b":.")):
        if 4 <= len(candidate) <= 45 and re.search(rb"[0-9]", candidate):  # add::face is code, not an address
            try:
                address = ipaddress.IPv6Address(candidate.decode())
            except ValueError:
                continue
            return 0 if address.is_loopback or address.is_unspecified else len(candidate)
    return 0


# Phone numbers

_INTERNATIONAL = _compile(
    rb"(?:\+|\b00)[1-9](?:[0-9]{7,14}"
    rb"|[0-9]{0,2}[ ().\-/]{1,3}[0-9]{8,12}"
    rb"|(?:[ ().\-/]{0,3}[0-9]){5,13}[ ().\-/]{0,3}[0-9]{2})\b"
)
_NATIONAL = _compile(
    rb"\b0[1-9](?:[ ./\-]{0,3}[0-9]){7,10}\b"  # 020 7946 0958
    rb"|(?:\b1[ .-]?)?\(0?[1-9][0-9]{1,4}\)[ -]?[0-9]{2,5}(?:[ -]?[0-9]{2,5}){1,3}\b"  # (415) 555-0123
    rb"|\b(?:1[ .-])?[2-9][0-9]{2}[ .-][2-9][0-9]{2}[ .-][0-9]{4}\b"  # 415-555-0123
)
_NAMED = _compile(
    rb"(?i)\b(?:tele?phone|phone|tel|mobile|cell(?:phone)?|fax|whatsapp|(?:call|text|ring|reach) me|my number"
    rb"|handy(?:nummer)?|telefon(?:nummer)?|rufnummer|mobilnummer|tel\xfffono|t\xffl\xffphone|m\xffvil|celular|portable)"
    rb"(?: ?(?:number|nummer|num|nr|no|is|at|on|under|via|ist|es|est|[:=.-])){0,4} ?"
    rb"([+(]?[0-9](?:[ ().\-/]{0,3}[0-9]){5,13})\b"
)
_ORDER_BEFORE = re.compile(
    rb"(?:order|invoice|ticket|case|ref|reference|tracking|parcel|shipment|customer|account|article|item|sku|serial|isbn|ean"
    rb"|bestellung|bestell|rechnung|rechnungs|auftrag|auftrags|pedido|factura|commande|id)"
    rb"[ -]?(?:number|nummer|num|no|nr|code|id)?[ .:#=-]{0,3}(?:is|was)? ?\Z",
    re.IGNORECASE,
)
_DATE = re.compile(
    rb"[0-9]{1,2}[./-][0-9]{1,2}[./-](?:[0-9]{4}|[0-9]{2})(?![./-]?[0-9])|[0-9]{2}[./-](?:19|20)[0-9]{2}\b"
)
_YEAR = re.compile(rb"\((?:19|20)[0-9]{2}\)")
_LAST_GROUP = re.compile(rb"[ ().\-/]+[0-9]+\Z")
_NATIONAL_DIGITS = {
    b"1": 10,
    b"7": 10,
    b"31": 9,
    b"33": 9,
    b"34": 9,
    b"44": 10,
    b"61": 9,
    b"81": 10,
    b"86": 11,
    b"91": 10,
}


def _phones(seen: bytes) -> Iterator[Find]:
    if b"+" in seen or b"00" in seen:
        for match in _INTERNATIONAL.finditer(seen):
            if length := _international_length(match.group()):
                yield Find(match.start(), match.start() + length, "phone")
    for match in _NATIONAL.finditer(seen):
        if _is_national(seen, *match.span()):
            yield Find(match.start(), match.end(), "phone")
    for match in _NAMED.finditer(seen):
        yield Find(match.start(1), match.end(1), "phone")


def _international_length(found: bytes) -> int:
    """Return how much of `found` is the number: where a country's length is known, more than that is something else."""
    while (missing := _missing_digits(found)) < 0 and (last := _LAST_GROUP.search(found)):
        found = found[: last.start()]
    return 0 if missing > 1 else len(found)  # some places are one digit shorter than their country


def _missing_digits(number: bytes) -> int:
    """Return how many digits a number lacks for its country (negative: has too many), 0 where any number will do."""
    digits = number.replace(b"(0)", b"").translate(None, _NOT_DIGITS).removeprefix(b"00")
    code = next((code for code in (digits[:1], digits[:2]) if code in _NATIONAL_DIGITS), None)
    if code is None:
        return max(0, 9 - len(digits))
    return len(code) + _NATIONAL_DIGITS[code] - len(digits)


def _is_national(seen: bytes, start: int, end: int) -> bool:
    number = seen[start:end]
    return not (
        seen[start - 1 : start] in (b".", b",", b"-", b"/", b"#", b"=", b"+")
        or _MORE_VERSION.match(seen, end)
        or _DATE.match(number)
        or _YEAR.match(number)
        or not 9 <= len(number.translate(None, _NOT_DIGITS)) <= 12
        or (number.isdigit() and len(number) < 10)
        or _ORDER_BEFORE.search(seen[max(0, start - 40) : start])
    )


# Keys

_KEY = _compile(
    rb"\b(?:sk-[\w-]{16,}|[srp]k_(?:live|test)_\w{16,}|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|npm_\w{30,}|hf_\w{20,}"
    rb"|A[KS]IA[0-9A-Z]{16}|AIza[\w-]{35}|xox[a-z]-[\w-]{10,}|lw_(?:live|test)_[\w-]{8,}"
    rb"|eyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?|(?i:bearer) +[\w.~+/=-]{16,})"
)
_SECRET = _compile(
    rb"(?i)(?:[?&;#](?:[\w-]*token|key|sig|signature|auth|code|session(?:id)?|sid|jwt)"
    rb"|\b(?:[\w-]*api[_-]?key|[\w-]*access[_-]?token|[\w-]*secret|password|passwd|pwd))=([^&\s#\"'<>]+)"
    rb"|://[^\s/@:]*:([^\s/@]+)@"
)
_PRIVATE_KEY = _compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----[A-Za-z0-9+/=\s]*(?:-----END [A-Z ]*PRIVATE KEY-----)?")


def _keys(seen: bytes) -> Iterator[Find]:
    for match in _KEY.finditer(seen):
        # words are no keys ("bearer responsibilities", "sk-learn-…"), but some of Amazon's have no digit
        if re.search(rb"[0-9]|A[KS]IA", match.group()):
            yield Find(match.start(), match.end(), "key")
    if b"=" in seen or b"://" in seen:
        for match in _SECRET.finditer(seen):
            part = 1 if match.group(1) else 2
            yield Find(match.start(part), match.end(part), "key")
    if b"PRIVATE KEY" in seen:
        for match in _PRIVATE_KEY.finditer(seen):
            yield Find(match.start(), match.end(), "key")


_FINDERS = ((0, _mails), (14, _cards), (2, _ibans), (1, _addresses), (6, _phones), (0, _keys))
"""Each with the fewest digits that its finds have: most texts have few, and what cannot match is not tried."""
