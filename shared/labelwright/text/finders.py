"""Where personal data lies in a text: one finder a kind, patterns in linear time (RE2), check digits where possible.

Where a number could be two things, these are the judgements (`phones` has its own):
- Four numbers with dots are an address, unless a word like "version" stands before them or a suffix like "-beta" after
  them. Loopback and unspecified addresses point at nobody and stay.
- Cards need a known issuer's prefix beside Luhn's digit: a tenth of all order numbers pass Luhn by chance.
"""

import ipaddress
import re
from collections.abc import Iterator

from labelwright.text.credentials import find_credentials
from labelwright.text.marks import find_marked
from labelwright.text.phones import find_phones
from labelwright.text.shadow import NOT_DIGITS, Find, pattern, shadow


def find(text: str) -> list[Find]:
    """Return what any finder sees in a text; finds may overlap."""
    seen = shadow(text)
    digits = len(seen.translate(None, NOT_DIGITS))
    found = list(find_marked(text))
    if digits or _CLUE.search(seen):
        found += [one for least, finder in _FINDERS if digits >= least for one in finder(seen)]
    return found


_CLUE = pattern(
    rb"[@=_]|(?i:bearer)|sk-|key-|eyJ|xox|xapp|SG\.|hvs\.|pypi-|glpat-|slack|AIza|A[KBCS]IA|SK[a-f]|PRIVATE KEY"
)


# Mail

_MAIL = pattern(
    rb"[\w.%+\xff-][\w.'%+\xff-]*(?:@|%40)(?:[A-Za-z0-9\xff][A-Za-z0-9\xff-]*\.)+(?:[A-Za-z\xff]{2,}|xn--[A-Za-z0-9-]+)"
)
_USER_BEFORE = re.compile(rb"://[^\s/@:]*:\Z")
_FILE_ENDINGS = (b".png", b".jpg", b".jpeg", b".gif", b".svg", b".webp", b".js", b".css", b".service")  # logo@2x.png


def _mails(seen: bytes) -> Iterator[Find]:
    if b"@" not in seen and b"%40" not in seen:
        return
    for match in _MAIL.finditer(seen):
        start, end = match.span()
        if not _is_of_address(seen, start) and not seen[start:end].lower().endswith(_FILE_ENDINGS):
            yield Find(start, end, "mail")


def _is_of_address(seen: bytes, start: int) -> bool:
    """Say whether a host follows, and who logs in there: abfs://bucket@host, ftp://ann:password@host, git@host."""
    if seen[start - 1 : start] == b":":
        return _USER_BEFORE.search(seen[max(0, start - 80) : start]) is not None
    return seen.startswith(b"git@", start) or (
        seen[start - 3 : start] == b"://" and seen[start - 6 : start] != b"to://"
    )


# Cards

_CARD_SHAPES = (
    rb"\b(?:[0-9]{14,19}"
    rb"|[0-9]{4}[ .-][0-9]{4}[ .-][0-9]{4}[ .-][0-9]{4}(?:[ .-][0-9]{1,3})?"
    rb"|[0-9]{4}[ .-][0-9]{6}[ .-][0-9]{4,5})\b"
)
_HAS_CARD, _CARD = pattern(_CARD_SHAPES), re.compile(_CARD_SHAPES)  # bounded, so linear, and quick from one to the next
_ISSUED = re.compile(
    rb"4[0-9]{15}(?:[0-9]{3})?|(?:5[1-5]|2[2-7])[0-9]{14}|3[47][0-9]{13}|3(?:0[0-5]|[689][0-9])[0-9]{11}"
    rb"|35[0-9]{14}|(?:50|5[6-9]|6[0-9])[0-9]{14,17}"
)
_IN_IBAN = re.compile(rb"\b[A-Z]{2}[0-9]{2} \Z")  # a mistyped one
_ONCE = bytes((byte - 48) % 10 for byte in range(256))
_TWICE = bytes(sum(divmod(2 * digit, 10)) for digit in _ONCE)


def _cards(seen: bytes) -> Iterator[Find]:
    if not _HAS_CARD.search(seen):
        return
    for match in _CARD.finditer(seen):
        start, end = match.span()
        if not _is_card(seen[start:end]):
            end = start + 19  # 4-4-4-4, and then a number of its own, like the code on the back
            if end >= match.end() or not _is_card(seen[start:end]):
                continue
        if not _follows_decimal_point(seen, start) and not _IN_IBAN.search(seen[max(0, start - 6) : start]):
            yield Find(start, end, "card")


def _is_card(number: bytes) -> bool:
    digits = number.translate(None, NOT_DIGITS)
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


_AS_DIGITS = {
    byte: str(int(chr(byte), 36)) for byte in b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
}


def _iban_pattern(structure: str) -> str:
    countries, _, account = structure.partition(":")
    parts = re.findall(r"(\d+)([nac])", account)
    return f"(?:{countries})[0-9]{{2}}" + "".join(f"(?:[ -]?{_IBAN_CLASSES[kind]}){{{count}}}" for count, kind in parts)


_IBAN = pattern(rf"(?i)\b(?:{'|'.join(map(_iban_pattern, IBAN_STRUCTURES))})\b".encode())


def _ibans(seen: bytes) -> Iterator[Find]:
    for match in _IBAN.finditer(seen):
        start, end = match.span()
        if passes_mod97(seen[start:end].translate(None, b" -")):
            yield Find(start, end, "iban")


def passes_mod97(iban: bytes) -> bool:
    """Say whether the check digits are right by ISO 7064, MOD 97-10; `iban` is ASCII without spaces."""
    return int("".join(map(_AS_DIGITS.__getitem__, iban[4:] + iban[:4]))) % 97 == 1


# IP addresses

_IPV4 = pattern(rb"\b[0-9]{1,3}(?:\.[0-9]{1,3}){3,}\b")
_OCTET = rb"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_FOUR_OCTETS = re.compile(_OCTET + rb"(?:\." + _OCTET + rb"){3}")
_IPV6 = pattern(rb"[0-9A-Fa-f]*:[0-9A-Fa-f:.]*[0-9A-Fa-f:]")
_VERSION_BEFORE = pattern(
    rb"(?i)(?:\b(?:versi[\w\xff]*|ver|v|release|build|firmware|update|driver|api|section|sec|chapter|clause|figure|table"
    rb"|step|kapitel|abschnitt|ziffer|punkt|chapitre|article|secci\xffn|cap\xfftulo|apartado|sezione|capitolo"
    rb"|se\xff\xffo)[ .:=#-]{0,3}|\b(?:upgrad|bump|downgrad)[^\n]{0,60}|version (?:from|to|of) |[a-z]-|jar:|--> )\z"
)
_MORE_VERSION = re.compile(rb"\.[0-9]|[-+][A-Za-z]")


def _addresses(seen: bytes) -> Iterator[Find]:
    if seen.count(b".") >= 3:
        for match in _IPV4.finditer(seen):
            start, end = match.span()
            if _is_ipv4(seen, start, end):
                yield Find(start, end, "ip")
    if seen.count(b":") >= 2:
        for match in _IPV6.finditer(seen):
            start, end = match.span()
            if not seen[start - 1 : start].isalnum() and (length := _ipv6_length(seen[start:end])):
                yield Find(start, start + length, "ip")


def _is_ipv4(seen: bytes, start: int, end: int) -> bool:
    return end - start <= 15 and not (
        seen.startswith((b"127.", b"0."), start)
        or seen[start - 1 : start] == b"."
        or not _FOUR_OCTETS.fullmatch(seen, start, end)
        or _MORE_VERSION.match(seen, end)
        or _VERSION_BEFORE.search(seen[max(0, start - 72) : start])
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


_FINDERS = ((0, _mails), (14, _cards), (2, _ibans), (1, _addresses), (6, find_phones), (0, find_credentials))
"""Each with the fewest digits that its finds have: most texts have few, and what cannot match is not tried."""
