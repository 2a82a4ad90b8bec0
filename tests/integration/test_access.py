"""Keys: known by their hash alone, refused when malformed, wrong or revoked, and bound to a project and its roles."""

import time
from datetime import timedelta
from typing import Any

import pytest

from labelwright.access import REMEMBERED_S, Access, AccessDenied, Principal, keys, roles_of
from labelwright.errors import ContractError, SettingsError
from labelwright.runtime.server import Server
from labelwright.settings import LabelwrightSettings
from tests.conftest import until

pytestmark = [pytest.mark.server, pytest.mark.anyio]


async def test_a_key_is_its_holder(server: Server) -> None:
    access = Access(server)

    key = await access.mint_key(
        "shop", ["annotator", "reviewer"], annotator="ann@example.com", sources=["crowd"], skills=["german"]
    )

    assert await Access(server).authenticate(key) == Principal(
        key.split("_")[2], "shop", frozenset({"annotator", "reviewer"}), "ann@example.com", ("crowd",), ("german",)
    )


def test_an_owner_has_every_role_and_nobody_else_has_another() -> None:
    owner, publisher = (Principal("k", "shop", frozenset({role}), "x") for role in ("owner", "publisher"))

    assert all(owner.may(role) for role in roles_of(["publisher", "annotator", "reviewer", "owner"]))
    assert [publisher.may(role) for role in roles_of(["publisher", "annotator", "reviewer", "owner"])] == [
        True, False, False, False
    ]  # fmt: skip


async def test_no_part_of_a_key_is_kept(server: Server) -> None:
    access = Access(server)
    minted = [await access.mint_key("shop", ["owner"], note="for Ann") for _ in range(3)]
    for key in minted:
        await access.authenticate(key)

    kept = await _everything(server)

    for key in minted:
        _, _, key_id, rest = key.split("_", 3)
        assert key_id.encode() in kept
        for part in (key, rest, rest[:43], rest[:20], rest[20:43]):
            assert part.encode() not in kept


async def _everything(server: Server) -> bytes:
    """Every key and value on the server, whatever its type."""
    found = []
    async for key in server.client.scan_iter():
        found += [key, await server.client.dump(key)]
        kind = await server.client.type(key)
        if kind == b"hash":  # a dump may be compressed
            found += [part for pair in (await server.client.hgetall(key)).items() for part in pair]
        elif kind == b"stream":
            found += [value for _, fields in await server.client.xrange(key) for value in fields.values()]
    return b"\n".join(found)


@pytest.mark.parametrize(
    "mangle",
    [
        lambda _: "",
        lambda key: key[:-1],
        lambda key: key + "a",
        lambda key: key.upper(),
        lambda key: key.replace("lw_", "sk_"),
        lambda key: key[:-6] + ("aaaaaa" if key[-6:] != "aaaaaa" else "bbbbbb"),
        lambda key: key[:30] + ("A" if key[30] != "A" else "B") + key[31:],
        lambda key: f" {key}",
        lambda key: f"{key}\n",
        lambda key: key.replace("_", "\N{FULLWIDTH LOW LINE}"),
        lambda key: "lw_live_" + "\u0660" * 12 + key[20:],
        lambda key: key * 10_000,
    ],
)
async def test_a_malformed_key_is_told_from_a_wrong_one(server: Server, mangle: Any) -> None:
    access = Access(server)
    key = await access.mint_key("shop", ["owner"])

    with pytest.raises(AccessDenied, match="form or its check characters"):
        await access.authenticate(mangle(key))


async def test_a_well_formed_key_of_another_installation_is_nobodys(server: Server) -> None:
    other = Server(
        server.client, server.settings.model_copy(update={"secret": type(server.settings.secret)("ab" * 32)})
    )
    foreign = await Access(other).mint_key("shop", ["owner"])

    with pytest.raises(AccessDenied, match="nobody has that API key"):
        await Access(server).authenticate(foreign)


async def test_the_secret_of_one_key_with_the_id_of_another_is_refused(server: Server) -> None:
    from labelwright.access import _check

    access = Access(server)
    one, two = [await access.mint_key("shop", ["owner"]) for _ in range(2)]
    stem = "_".join([*one.split("_", 3)[:3], two.split("_", 3)[3][:-6]])

    with pytest.raises(AccessDenied, match="nobody has that API key"):
        await access.authenticate(stem + _check(stem))


async def test_a_revoked_key_ends_within_five_seconds_everywhere(server: Server) -> None:
    here, there = Access(server), Access(server)
    key = await here.mint_key("shop", ["owner"])
    await there.authenticate(key)
    began = time.monotonic()

    await here.revoke(key.split("_")[2])

    with pytest.raises(AccessDenied, match="revoked"):
        await here.authenticate(key)

    async def is_over() -> bool:
        try:
            await there.authenticate(key)
        except AccessDenied:
            return True
        return False

    await until(is_over)
    assert time.monotonic() - began < REMEMBERED_S + 1


async def test_revoking_twice_keeps_the_first_moment_and_an_unknown_id_is_named(server: Server) -> None:
    access = Access(server)
    key_id = (await access.mint_key("shop", ["owner"])).split("_")[2]

    first, again = [await access.revoke(key_id) for _ in range(2)]

    assert first.revoked_at == again.revoked_at
    with pytest.raises(AccessDenied, match="there is no key 'none'"):
        await access.revoke("none")


async def test_keys_are_listed_oldest_first_by_project(server: Server) -> None:
    access = Access(server)
    made = [(await access.mint_key(project, ["owner"])).split("_")[2] for project in ("shop", "bank", "shop")]

    assert [record.id for record in await access.all_keys()] == made
    assert [record.id for record in await access.all_keys("shop")] == made[::2]


@pytest.mark.parametrize(
    "about",
    [
        {"project": "Shop!"},
        {"annotator": "a b"},
        {"sources": ["Crowd"]},
        {"skills": [""]},
        {"annotator": "machine:x"},
        {"sources": ["s"] * 33},
        {"skills": ["s"] * 65},
    ],
)
async def test_a_key_with_names_that_can_not_be_is_not_made(server: Server, about: dict[str, Any]) -> None:
    access = Access(server)

    with pytest.raises(ContractError, match="such a key can't be"):
        await access.mint_key(**({"project": "shop", "roles": ["owner"]} | about))

    assert await access.all_keys() == []


def test_an_unknown_role_is_told_the_known_ones() -> None:
    with pytest.raises(AccessDenied, match=r"'boss'; the roles are publisher, annotator, reviewer, owner"):
        roles_of(["owner", "boss"])


async def test_a_link_signs_in_once_its_key_lives(server: Server) -> None:
    access = Access(server)
    key = await access.mint_key("shop", ["annotator"], annotator="ann")
    token = access.sign_in_token(key.split("_")[2])

    principal, cookie = await access.session_from_link(token)

    assert principal == await access.authenticate(key)
    assert await Access(server).principal_of_session(cookie) == principal
    await access.revoke(principal.key_id)
    with pytest.raises(AccessDenied, match="revoked"):
        await access.principal_of_session(cookie)


async def test_links_and_sessions_are_not_each_others_and_end(server: Server) -> None:
    access = Access(server)
    key_id = (await access.mint_key("shop", ["annotator"])).split("_")[2]
    token = access.sign_in_token(key_id)
    _, cookie = await access.session_from_link(token)

    for answer, given in ((access.principal_of_session, token), (access.session_from_link, cookie)):
        with pytest.raises(AccessDenied, match="isn't one of ours"):
            await answer(given)
    with pytest.raises(AccessDenied, match="expired"):
        await access.session_from_link(access.sign_in_token(key_id, timedelta(seconds=-2)))


@pytest.mark.parametrize(
    "cookie", ["", ".", "..", "a.b.c", "a.9999999999.é", "a.9999999999." + "0" * 40, "\udcff.1.\udcff", "💥" * 999]
)
async def test_a_forged_session_is_refused(server: Server, cookie: str) -> None:
    with pytest.raises(AccessDenied):
        await Access(server).principal_of_session(cookie)


async def test_without_a_secret_nobody_can_be_known(server: Server) -> None:
    bare = Server(server.client, LabelwrightSettings(redis_url=server.settings.redis_url))

    with pytest.raises(SettingsError, match="LABELWRIGHT_SECRET"):
        Access(bare)


async def test_a_record_tells_nothing_beyond_its_fields(server: Server) -> None:
    access = Access(server)
    key = await access.mint_key("shop", ["owner"])
    (found,) = await (await server.registry.reads())(keys.get(key.split("_")[2]))

    assert found is not None
    assert found.value.hash not in key
    assert len(found.value.hash) == 64
