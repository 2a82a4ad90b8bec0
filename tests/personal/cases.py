"""A labelled set of texts with personal data and of texts that only look like it, generated from a seed."""

import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from tests.personal.locales import LOCALES, Locale

SEED: Final = 20_261_124
EACH: Final = 40
"""So many cases of each kind and locale, and three times as many without personal data."""

_HEX: Final = "0123456789abcdef"
_BBANS: Final = {
    "DE": "0" * 18, "AT": "0" * 16, "CH": "0" * 17, "FR": "0" * 10 + "C" * 11 + "00", "BE": "0" * 12,
    "NL": "AAAA" + "0" * 10, "GB": "AAAA" + "0" * 14, "IE": "AAAA" + "0" * 14, "ES": "0" * 20, "PT": "0" * 21,
    "IT": "A" + "0" * 10 + "C" * 12, "SM": "A" + "0" * 10 + "C" * 12, "BR": "0" * 23 + "AC",
}  # fmt: skip
_CARDS: Final = (
    ("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("37", 15), ("34", 15), ("6011", 16), ("3530", 16), ("36", 14)
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """A text, and where in it a piece of personal data lies; kind and locale are those of the case."""

    locale: str
    kind: str
    text: str
    start: int = 0
    end: int = 0


def cases(seed: int = SEED, each: int = EACH) -> Iterator[Case]:
    """Yield the set: `each` cases of every kind and locale, and three times as many of the kind "" that have none."""
    for locale in LOCALES:
        chance = random.Random(f"{seed}.{locale.code}")
        for kind, make in _KINDS.items():
            for _ in range(each):
                sentence, piece = make(locale, chance)
                start = sentence.index("{}")
                yield Case(locale.code, kind, sentence.replace("{}", piece), start, start + len(piece))
        for _ in range(3 * each):
            yield Case(locale.code, "", _nothing(locale, chance))


def _shaped(shape: str, chance: random.Random) -> str:
    """Fill a shape: 0 any digit, N from 2 to 9, A a capital, C either, h hexadecimal; behind a backslash itself."""
    made, characters = "", iter(shape)
    for character in characters:
        match character:
            case "\\":
                made += next(characters)
            case "0":
                made += chance.choice(string.digits)
            case "N":
                made += chance.choice("23456789")
            case "A":
                made += chance.choice(string.ascii_uppercase)
            case "C":
                made += chance.choice(string.ascii_uppercase + string.digits)
            case "h":
                made += chance.choice(_HEX)
            case _:
                made += character
    return made


Made = tuple[str, str]


def _mail(locale: Locale, chance: random.Random) -> Made:
    first, last = (_plain(part) for part in chance.choice(locale.people))
    local = chance.choice((f"{first}.{last}", f"{first[:1]}{last}", f"{first}_{chance.randrange(99)}", f"{first}+shop"))
    host = chance.choice(
        ("example.com", "mail.example.org", "firma-nord.de", "exemple.fr", "correo.com.br", "ex.co.jp")
    )
    address = f"{local}@{host}"
    return chance.choice(locale.sentences), chance.choice((address, address.upper(), address))


def _plain(name: str) -> str:
    """Write a name as an address has it; Japanese ones become a word."""
    swapped = name.casefold().translate(str.maketrans("áàâãéèêíìóòôõúüñçöäşıßÍÉ", "aaaaeeeiioooouuncoasisIE"))
    kept = "".join(character for character in swapped if character in string.ascii_lowercase)
    return kept or f"user{len(name)}"


def _phone(locale: Locale, chance: random.Random) -> Made:
    if chance.random() < 0.25:
        return chance.choice(locale.told), _shaped(chance.choice(locale.phones_where_told + locale.phones), chance)
    return chance.choice(locale.sentences), _shaped(chance.choice(locale.phones), chance)


def _card(locale: Locale, chance: random.Random) -> Made:
    return chance.choice(locale.sentences), _card_number(chance, wrong=0)


def _card_number(chance: random.Random, wrong: int) -> str:
    prefix, length = chance.choice(_CARDS)
    digits = prefix + "".join(chance.choices(string.digits, k=length - len(prefix) - 1))
    total = sum(
        sum(divmod(2 * int(digit), 10)) if at % 2 == 0 else int(digit) for at, digit in enumerate(reversed(digits))
    )
    number = digits + str((10 - total % 10 + wrong) % 10)
    sizes = (4, 4, 4, 4) if length == 16 else (4, 6, length - 10)
    ends = [sum(sizes[: count + 1]) for count in range(len(sizes))]
    grouped = [number[end - size : end] for size, end in zip(sizes, ends, strict=True)]
    return chance.choice(("", " ", " ", "-")).join(grouped)


def _iban(locale: Locale, chance: random.Random) -> Made:
    return chance.choice(locale.sentences), _iban_number(locale, chance, wrong=0)


def _iban_number(locale: Locale, chance: random.Random, wrong: int) -> str:
    country = chance.choice(locale.ibans)
    account = _shaped(_BBANS[country], chance)
    value = int("".join(str(string.digits.find(c) if c.isdigit() else ord(c) - 55) for c in account + country) + "00")
    check = 98 - value % 97
    number = f"{country}{(check + wrong) % 97 if wrong else check:02d}{account}"
    grouped = " ".join(number[at : at + 4] for at in range(0, len(number), 4))
    return chance.choice((number, grouped, grouped, number.lower()))


def _ip(locale: Locale, chance: random.Random) -> Made:
    groups = [f"{chance.randrange(1, 65_536):x}" for _ in range(8)]
    four = f"{chance.randrange(1, 224)}.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randrange(256)}"
    six = chance.choice((":".join(groups), f"2001:db8::{groups[0]}:{groups[1]}", f"fe80::{groups[2]}:1"))
    if four.startswith("127."):
        four = f"203.0.113.{chance.randrange(256)}"
    return chance.choice(locale.sentences), chance.choice((four, four, six))


def _secret(locale: Locale, chance: random.Random) -> Made:
    letters = string.ascii_letters + string.digits
    word = partial(_word, chance, letters)
    if chance.random() < 0.4:
        password = chance.choice((word(7) + "7", f"{word(4)}-{word(3)}9", f"{word(4)}!0{word(4)}", "Tr0ub4dor&3"))
        return chance.choice(locale.passwords), password
    key = chance.choice(
        (
            "AKIA" + _word(chance, string.ascii_uppercase + string.digits, 16), "ghp_" + word(36),
            "sk_live_" + word(24), "sk-proj-" + word(30) + "0", "glpat-" + word(19) + "0",
            f"xoxb-{_word(chance, string.digits, 12)}-{word(24)}",
            "AIza" + word(34) + "0", f"SG.{word(22)}.{word(42)}0", "npm_" + word(35) + "0", "hf_" + word(33) + "0",
            f"eyJhbGciOiJIUzI1NiJ9.eyJ{word(40)}.{word(42)}0", f"Bearer {word(30)}0",
            f"-----BEGIN PRIVATE KEY-----\n{word(64)}\n{word(64)}\n-----END PRIVATE KEY-----",
        )
    )  # fmt: skip
    return chance.choice(locale.sentences), key


def _word(chance: random.Random, alphabet: str, length: int) -> str:
    return "".join(chance.choices(alphabet, k=length))


def _name(locale: Locale, chance: random.Random) -> Made:
    first, last = chance.choice(locale.people)
    sentence = chance.choice(locale.introductions)
    joined = chance.choice(("", " ")) if locale.code == "ja-JP" else " "
    full = f"{first}{joined}{last}"
    is_title = any(title in sentence for title in ("Mrs {", "Herr {", "señora {", "signora {", "senhora {"))
    return sentence, last if is_title else chance.choice((full, full, full, first)) if locale.code != "ja-JP" else full


_KINDS: Final[dict[str, Callable[[Locale, random.Random], Made]]] = {
    "mail": _mail, "phone": _phone, "card": _card, "iban": _iban, "ip": _ip, "secret": _secret, "name": _name,
}  # fmt: skip


def _nothing(locale: Locale, chance: random.Random) -> str:
    """Make a text without personal data, of which a part only looks like it."""
    digits = "".join(chance.choices(string.digits, k=chance.randrange(6, 15)))
    other: tuple[Callable[[], str], ...] = (
        lambda: chance.choice(locale.orders).format(digits),
        lambda: chance.choice(locale.not_names),
        lambda: _in(locale, chance, chance.choice(locale.prices)),
        lambda: _in(locale, chance, chance.choice(locale.dates)),
        lambda: _in(locale, chance, f"{chance.choice(('version', 'v', 'Version', 'release'))} {_version(chance)}"),
        lambda: _in(locale, chance, _shaped(chance.choice(("h" * 40, "h" * 32, "h" * 64, "h" * 7)), chance)),
        lambda: _in(locale, chance, _shaped("hhhhhhhh-hhhh-4hhh-ahhh-hhhhhhhhhhhh".replace("4", "\\4"), chance)),
        lambda: _in(locale, chance, _isbn(chance)),
        lambda: _in(locale, chance, "EAN " + _shaped("\\4000000000000", chance)),
        lambda: _in(locale, chance, _card_number(chance, wrong=chance.randrange(1, 10))),
        lambda: _in(locale, chance, _iban_number(locale, chance, wrong=chance.randrange(1, 96))),
        lambda: _in(locale, chance, chance.choice(_LOOKALIKES)),
        lambda: _in(locale, chance, _shaped("\\1N:\\30:\\40", chance)),
        lambda: _in(locale, chance, str(1_700_000_000 + chance.randrange(10**8))),
    )  # fmt: skip
    return chance.choice(other)()


def _in(locale: Locale, chance: random.Random, piece: str) -> str:
    return chance.choice(locale.sentences).replace("{}", piece)


def _version(chance: random.Random) -> str:
    return ".".join(str(chance.randrange(30)) for _ in range(chance.randrange(2, 5)))


def _isbn(chance: random.Random) -> str:
    return chance.choice(("ISBN ", "")) + _shaped(
        chance.choice((r"\9\7\8-\0-000-00000-0", r"\9\7\8-\3-00-000000-0")), chance
    )


_LOOKALIKES: Final = (
    "react@18.2.0", "logo@2x.png", "@anna_on_x", "std::vector", "10.0.19045", "1920x1080", "3.14159265358979",
    "127.0.0.1", "52.5200, 13.4050", "00:1a:2b:3c:4d:5e", "1Z999AA10123456784", "C3PO-2187-99", "100.000.000",
    "2026-W47-2", "0:00:12.345", "HTTP 429", "50%", "1/2", "git@github.com:labelwright/labelwright.git",
    "bearer responsibilities", "a1b2c3d", "24/7", "12:30-14:45", "5.5.5", "P-51", "sk-learn-pipeline", "e4 e5 2. Nf3",
    "0x7ffee4c0", "192.168", "(2024)", "1e-9", "x@y",
)  # fmt: skip
