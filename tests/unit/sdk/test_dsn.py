"""How a DSN is read."""

import pytest

from labelwright.errors import SettingsError
from labelwright.sdk.dsn import Dsn, parse_dsn


@pytest.mark.parametrize(
    ("text", "dsn"),
    [
        ("https://key@host.example/shop", Dsn(True, "key", "host.example", 443, "", "shop")),
        ("http://key@localhost:8000/shop/", Dsn(False, "key", "localhost", 8000, "", "shop")),
        ("http://lw_live_k1_aB-9=@[::1]:8000/shop", Dsn(False, "lw_live_k1_aB-9=", "::1", 8000, "", "shop")),
        (" https://key@host/labels/v2/shop ", Dsn(True, "key", "host", 443, "/labels/v2", "shop")),
    ],
)
def test_a_dsn_names_key_host_and_project(text: str, dsn: Dsn) -> None:
    assert parse_dsn(text) == dsn


@pytest.mark.parametrize(
    "text",
    [
        "",
        "secret",
        "https://host/shop",
        "https://secret@host",
        "https://secret@host/",
        "ftp://secret@host/shop",
        "https://secret@host:port/shop",
        "https://secret@host:70000/shop",
        "https://secret@host/shop?x=1",
        "https://sec ret@host/shop",
        "https://secret\r\nX: y@host/shop",
        "https://secret@host/shop\r\nX: y",
    ],
)
def test_a_wrong_dsn_is_refused_without_repeating_its_key(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_dsn(text)

    assert "secret" not in str(caught.value)


def test_a_dsn_shown_hides_its_key() -> None:
    assert repr(parse_dsn("https://secret@host/labels/shop")) == "https://…@host:443/labels/shop"
