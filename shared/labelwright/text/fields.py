"""What the name of a field says about its value: `{"password": …}`, `{"user": {"name": …}}`, `{"phone": 49171123}`."""

import re
from collections.abc import Iterator
from typing import Any, Final

_PERSONS: Final = """
user customer person contact author client reporter sender account profile owner employee kunde nutzer
"""
_NAMES: Final = """
username fullname firstname lastname surname givenname familyname displayname customername contactname authorname
nickname realname sendername vorname nachname prenom apellido apellidos cognome sobrenome 氏名 名前 お名前
"""
PERSONS, NAMES = frozenset(_PERSONS.split()), frozenset(_NAMES.split())
_KINDS: Final = {
    "secret": """
        password passwd pwd passphrase secret clientsecret token accesstoken refreshtoken idtoken authtoken apikey
        apitoken authorization cookie setcookie privatekey secretkey credential credentials otp pin cvv cvc passwort
    """,
    "phone": "phone phonenumber telephone tel mobile mobilenumber cell cellphone fax whatsapp msisdn telefon handy",
    "mail": "email mail emailaddress usermail useremail customeremail",
    "card": "card cardnumber creditcard pan",
    "iban": "iban",
}
_BY_FIELD: Final = {field: kind for kind, fields in _KINDS.items() for field in fields.split()}
_FITS: Final = {
    "phone": r"(?:\D*\d){6}",
    "mail": "@",
    "card": r"(?:\D*\d){12}",
    "iban": r"(?:.*\d){12}",
    "secret": r"\w",
}
_FULL_NAME = re.compile(r"[^\W\d_][^\W\d_'’.-]*(?:[ \u3000][^\W\d_][\w'’.-]*){1,3}")
_IN_MAIL = re.compile(r"([^\W\d_]{2,})[._]([^\W\d_]{2,})@")


def kind_of(field: str, inside: str, value: str | int) -> str:
    """Return the kind of personal data that a field holds by its name and that of the field it lies in; else ""."""
    known = _plain(field)
    if isinstance(value, str) and re.fullmatch(r"\[[a-z]+\]", value):
        return ""
    if kind := _BY_FIELD.get(known):
        return kind if re.search(_FITS[kind], str(value)) else ""
    if not isinstance(value, str) or not value.strip():
        return ""
    is_name = known in NAMES or (known == "name" and (inside in ("", "meta") or _plain(inside) in PERSONS))
    return "name" if is_name or (known in PERSONS and _is_full_name(value)) else ""


def names_in(value: Any) -> Iterator[str]:
    """Yield the names that the fields of a JSON value give, whole; also that in `anna.schmidt@example.com`."""
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:  # not by recursion: how deep a value goes is the sender's choice
        inside, holder = waiting.pop()
        for field, child in holder.items() if isinstance(holder, dict) else enumerate(holder):
            name = field if isinstance(field, str) else inside
            if isinstance(child, dict | list):
                waiting.append((name, child))
            elif isinstance(child, str) and (kind := kind_of(name, inside, child)) == "name":
                yield child.strip()
            elif isinstance(child, str) and kind == "mail" and (parts := _IN_MAIL.match(child)):
                yield f"{parts[1].capitalize()} {parts[2].capitalize()}"


def _plain(field: str) -> str:
    return re.sub(r"[\W_]", "", field.casefold())


def _is_full_name(value: str) -> bool:
    return _FULL_NAME.fullmatch(value) is not None and value == value.title()
