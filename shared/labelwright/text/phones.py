"""Phone numbers: international ones of any country, and how people of eight countries write their own.

Where a number could be two things, these are the judgements:
- "+" or 00 and a country's code make a number international. It must be as long as its country's numbers where those
  have one length; what is more than that belongs to what follows.
- A national number begins with its trunk 0 (Britain, France, Germany, Italy, Japan), has an area in brackets, or is
  grouped as numbers are in America, Brazil, Italy and Spain. Its digits alone, without any of that, are a phone number
  only where the words say so: "my number is 612345678".
- A date or a price isn't one, nor is what stands right behind a word like "order" or "invoice" or is a part of a
  longer code.
"""

import re
from collections.abc import Iterator

from labelwright.text.shadow import NOT_DIGITS, Find, pattern

_INTERNATIONAL = pattern(
    rb"(?:\+|\b00)[1-9](?:[0-9]{7,14}"
    rb"|[0-9]{0,2}[ ().\-/]{1,3}[0-9]{8,12}"
    rb"|(?:[ ().\-/]{0,3}[0-9]){5,13}[ ().\-/]{0,3}[0-9]{2})\b"
)
_NATIONAL = pattern(
    rb"\b0[1-9](?:[ ./\-]{0,3}[0-9]){7,10}\b"  # 020 7946 0958, 06 12 34 56 78, 0171/2345678, 090-1234-5678
    rb"|\b0[0-9]{1,4}\([0-9]{1,4}\)[0-9]{4}\b"  # 03(1234)5678
    rb"|(?:\b1[ .-]?)?\((?:0[1-9][0-9]{0,4}|[1-9][0-9]{1,4})\)[ -]?[0-9]{2,5}(?:[ -]?[0-9]{2,5}){1,3}\b"  # (415) …
    rb"|\b(?:1[ .-])?[2-9][0-9]{2}[ .-][2-9][0-9]{2}[ .-][0-9]{4}\b"  # 415-555-0123
    rb"|\b(?:[1-9]{2} ?9[0-9]{4}|[1-9]{2} [2-5][0-9]{3})-[0-9]{4}\b"  # 11 91234-5678
    rb"|\b3[0-9]{2}[ ./-](?:[0-9]{6,7}|[0-9]{3}[ .-][0-9]{3,4}|[0-9]{2}[ .-][0-9]{2}[ .-][0-9]{3})\b"  # 347 123 4567
    rb"|\b(?:[679][0-9]{2}[ -](?:[0-9]{3}[ -][0-9]{3}|[0-9]{2}[ -][0-9]{2}[ -][0-9]{2})"  # 612 345 678
    rb"|[89][0-9] [0-9]{3} [0-9]{2} [0-9]{2}"  # 91 123 45 67
    rb"|[89][0-9]{2} [0-9]{3} [0-9]{3}|8[0-9]{2} [0-9]{2} [0-9]{2} [0-9]{2})\b"  # 800 123 456
)
_NAMED = pattern(
    rb"(?i)\b(?:(?:tele?)?phone|tel|mobile|cell(?:phone)?|fax|whatsapp|sms|(?:call|text|ring|reach|phone) me|my number"
    rb"|handy|telefon|rufnummer|mobilnummer|ruf(?:en sie)? mich|unter"
    rb"|t\xffl\xffphone|t\xffl|portable|appelez[ -]moi|joindre|mon num\xffro"
    rb"|tel\xfffono|m\xffvil|celular|ll\xffm[ae]n?me|mi n\xffmero"
    rb"|telefono|cellulare|chiam(?:ami|atemi)|mio numero|telefone|telem\xffvel|meu n\xffmero|ligue)"
    rb"(?:nummer)?(?: ?(?:number|nummer|num|n\xff|nr|no|is|at|on|under|via|ist|unter|an|est|le|au|es|en|al|el|\xff|para"
    rb"|[:=.-])){0,4} ?"
    rb"([+(]?[0-9](?:[ ().\-/]{0,3}[0-9]){5,13})\b"
)
_ORDER_BEFORE = pattern(
    rb"(?i)(?:\b|_)(?:order|invoice|ticket|case|ref|reference|tracking|parcel|shipment|customer|account|article|item|sku|serial|isbn"
    rb"|ean|upc|part|model|bestellung|bestell|rechnung|rechnungs|auftrag|auftrags|sendung|sendungs|kunden|artikel"
    rb"|serien|vorgang|vorgangs|pedido|factura|env\xffo|seguimiento|referencia|refer\xffncia|cliente|commande|facture|colis|suivi"
    rb"|dossier|client|r\xfff\xffrence|ordine|fattura|pratica|spedizione|encomenda|fatura|id)"
    rb"[ -]?(?:number|nummer|num|no|nr|code|id|n\xffmero|n[\xff\x80o]?)?[ .:#=-]{0,3}(?:is|was|ist|est|es|\xff)? ?\z"
)
_DATE = re.compile(
    rb"[0-9]{1,2}[./-][0-9]{1,2}[./-](?:[0-9]{4}|[0-9]{2})(?![./-]?[0-9])|[0-9]{2}[./-](?:19|20)[0-9]{2}\b(?![./-][0-9])"
)
_YEAR = re.compile(rb"\((?:19|20)[0-9]{2}\)")
_GOES_ON = re.compile(rb"[-./,]?[0-9]|[-+][A-Za-z]| ?(?:[$%]|EUR|USD|GBP|BRL|euro|dollar|habit)")
_JOINS = (b".", b",", b"-", b"/", b"#", b"=", b"+")
_IN_GROUPS = re.compile(  # of a mistyped card or IBAN, or of a time
    rb"(?:(?:\b[0-9]{4}|\b[A-Z]{2}[0-9]{2}(?: [0-9A-Z]{4})?) |[0-9]:)\Z"
)
_LAST_GROUP = re.compile(rb"[ ().\-/]+[0-9]+\Z")
_NATIONAL_DIGITS = {
    b"1": 10, b"7": 10, b"31": 9, b"33": 9, b"34": 9, b"44": 10, b"61": 9, b"81": 10, b"86": 11, b"91": 10,
}  # fmt: skip


def find_phones(seen: bytes) -> Iterator[Find]:
    """Yield the phone numbers in a shadow."""
    if b"+" in seen or b"00" in seen:
        for match in _INTERNATIONAL.finditer(seen):
            start, end = match.span()
            if _is_international(seen, start, end) and (length := _international_length(seen[start:end])):
                yield Find(start, start + length, "phone")
    last = 0
    for match in _NATIONAL.finditer(seen):
        start, end = match.span()
        if _is_national(seen, start, end) and (
            start - last == 1 or not _IN_GROUPS.search(seen[max(0, start - 10) : start])
        ):
            yield Find(start, end, "phone")
            last = end
    for match in _NAMED.finditer(seen):
        yield Find(match.start(1), match.end(1), "phone")


def _is_international(seen: bytes, start: int, end: int) -> bool:
    before = seen[max(0, start - 40) : start]
    if seen[start] == ord("+"):
        return not before[-1:].isalnum()
    is_part = before[-1:] in _JOINS or _GOES_ON.match(seen, end) or _IN_GROUPS.search(before[-10:])
    return not (is_part or _ORDER_BEFORE.search(before))


def _international_length(found: bytes) -> int:
    """Return how much of `found` is the number: where a country's length is known, more than that is something else."""
    while (missing := _missing_digits(found)) < 0 and (last := _LAST_GROUP.search(found)):
        found = found[: last.start()]
    return 0 if missing > 1 else len(found)  # some places are one digit shorter than their country


def _missing_digits(number: bytes) -> int:
    """Return how many digits a number lacks for its country (negative: has too many), 0 where any number will do."""
    digits = number.replace(b"(0)", b"").translate(None, NOT_DIGITS).removeprefix(b"00")
    code = next((code for code in (digits[:1], digits[:2]) if code in _NATIONAL_DIGITS), None)
    if code is None:
        return max(0, 9 - len(digits))
    return len(code) + _NATIONAL_DIGITS[code] - len(digits)


def _is_national(seen: bytes, start: int, end: int) -> bool:
    number = seen[start:end]
    return not (
        seen[start - 1 : start] in _JOINS
        or _GOES_ON.match(seen, end)
        or _DATE.match(number)
        or _YEAR.match(number)
        or not 9 <= len(number.translate(None, NOT_DIGITS)) <= 12
        or (number.isdigit() and len(number) < 10)
        or _ORDER_BEFORE.search(seen[max(0, start - 40) : start])
    )
