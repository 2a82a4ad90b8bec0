"""Who may do what: API keys, kept as keyed hashes, and sessions for the desk; each bound to one project.

A key reads `lw_<env>_<key id>_<43 characters><check>`: the prefix lets secret scanners find leaked ones, the key id
finds its record at once, the check (CRC-32, six characters) tells typing errors from wrong keys. The secret part has
256 bits, so a fast keyed hash (BLAKE2b) is as good at rest as a slow one.
"""

import base64
import hmac
import os
import re
import time
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints, ValidationError

from labelwright.contracts.envelope import in_one_sentence
from labelwright.contracts.payload import Part
from labelwright.contracts.project import Name
from labelwright.engine.tables import Documents
from labelwright.errors import ContractError, LabelwrightError
from labelwright.runtime.server import Server, refusing

Role = Literal["publisher", "annotator", "reviewer", "owner"]
AnnotatorName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.@+\-]{0,63}$")]

REMEMBERED_S: Final = 5.0
SESSION: Final = timedelta(hours=12)
SIGN_IN: Final = timedelta(hours=24)
_KEY = re.compile(r"lw_([a-z]{2,8})_([a-z0-9]{12})_([A-Za-z0-9_\-]{43})([a-z0-9]{6})")


class AccessDenied(LabelwrightError):
    """Nobody we know: the key or the session is missing, malformed, wrong, expired or revoked."""


class KeyRecord(Part):
    """What is kept of a key: never the key itself."""

    id: str
    hash: str
    project: Name
    roles: list[Role]
    annotator: AnnotatorName
    sources: list[Name] = Field(default_factory=list, max_length=32)
    skills: list[Name] = Field(default_factory=list, max_length=64)
    note: str = ""
    created_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `sources` are the label sources that they may answer as."""

    key_id: str
    project: str
    roles: frozenset[str]
    annotator: str
    sources: tuple[str, ...] = ()
    skills: tuple[str, ...] = field(default=())

    def may(self, role: Role) -> bool:
        """Say whether a role is theirs; an owner has all."""
        return role in self.roles or "owner" in self.roles


keys: Documents[KeyRecord] = Documents("registry.keys", KeyRecord)
"""By key id, in the registry."""


class Access:
    """Keys and sessions of an installation; records are remembered for five seconds, so a revocation takes as long."""

    def __init__(self, server: Server) -> None:
        self._registry = server.registry
        self._pepper = server.key_for("api keys")
        self._signer = server.key_for("desk sessions")
        self._known: dict[str, tuple[float, KeyRecord]] = {}

    async def mint_key(
        self,
        project: str,
        roles: Sequence[Role],
        *,
        annotator: str | None = None,
        sources: Sequence[str] = (),
        skills: Sequence[str] = (),
        note: str = "",
        env: str = "live",
    ) -> str:
        """Make a key and return it: the only time that it is seen. Raises ContractError for names that can't be."""
        key_id = base64.b32encode(os.urandom(8)).decode().lower()[:12]
        secret = _secret()
        try:
            record = KeyRecord(
                id=key_id,
                hash=self._hash(secret),
                project=project,
                roles=list(roles),
                annotator=annotator or f"key-{key_id}",
                sources=list(sources),
                skills=list(skills),
                note=note,
                created_at=datetime.now(UTC),
            )
        except ValidationError as error:
            raise ContractError("schema_violation", f"such a key can't be: {in_one_sentence(error.errors())}") from None
        await self._write(record, 0)
        stem = f"lw_{env}_{key_id}_{secret}"
        return stem + _check(stem)

    async def revoke(self, key_id: str) -> KeyRecord:
        """End a key and every session made by it. Raises AccessDenied if there is none of that id."""
        with refusing():
            (found,) = await (await self._registry.reads())(keys.get(key_id))
        if found is None:
            raise AccessDenied(f"there is no key {key_id!r}; `labelwright keys list` shows them")
        record = found.value.model_copy(update={"revoked_at": found.value.revoked_at or datetime.now(UTC)})
        await self._write(record, found.version)
        self._known.pop(key_id, None)
        return record

    async def all_keys(self, project: str | None = None) -> list[KeyRecord]:
        """Return the records, oldest first."""
        with refusing():
            (found,) = await (await self._registry.reads())(keys.all())
        records = (document.value for document in found.values() if project in (None, document.value.project))
        return sorted(records, key=lambda record: record.created_at)

    async def authenticate(self, key: str) -> Principal:
        """Return whose key this is. Raises AccessDenied, ServerRefuses."""
        match = _KEY.fullmatch(key)
        if match is None or not hmac.compare_digest(_check(key[:-6]), match[4]):
            raise AccessDenied("that isn't an API key: its form or its check characters are wrong; copy it whole")
        record = await self._record(match[2])
        # an unknown id takes as long as a wrong secret
        expected = record.hash if record else self._hash("")
        if not hmac.compare_digest(expected, self._hash(match[3])) or record is None:
            raise AccessDenied("nobody has that API key; ask the project's owner for one")
        return _principal(record)

    def sign_in_token(self, key_id: str, lives: timedelta = SIGN_IN) -> str:
        """Return the token of a sign-in link for whoever holds a key."""
        return self._signed("link", key_id, lives)

    async def session_from_link(self, token: str) -> tuple[Principal, str]:
        """Return who signs in and the value of their session's cookie. Raises AccessDenied."""
        principal = await self._principal_of("link", token)
        return principal, self._signed("session", principal.key_id, SESSION)

    async def principal_of_session(self, cookie: str) -> Principal:
        """Return whose session this is. Raises AccessDenied."""
        return await self._principal_of("session", cookie)

    async def _principal_of(self, purpose: str, token: str) -> Principal:
        key_id, _, rest = token.partition(".")
        expires, _, signature = rest.partition(".")
        given = signature.encode("utf-8", "surrogatepass")  # compare_digest takes no text beyond ASCII
        if not hmac.compare_digest(self._signature(purpose, key_id, expires).encode(), given):
            raise AccessDenied("the link or session isn't one of ours; ask the project's owner for a sign-in link")
        if int(expires) < time.time():
            raise AccessDenied("the link or session has expired; ask the project's owner for a new sign-in link")
        record = await self._record(key_id)
        if record is None:
            raise AccessDenied("the key behind the link is gone; ask the project's owner for a new sign-in link")
        return _principal(record)

    def _signed(self, purpose: str, key_id: str, lives: timedelta) -> str:
        expires = str(int(time.time() + lives.total_seconds()))
        return f"{key_id}.{expires}.{self._signature(purpose, key_id, expires)}"

    def _signature(self, purpose: str, key_id: str, expires: str) -> str:
        said = f"{purpose}.{key_id}.{expires}".encode("utf-8", "surrogatepass")
        return blake2b(said, key=self._signer, digest_size=20).hexdigest()

    async def _record(self, key_id: str) -> KeyRecord | None:
        known = self._known.get(key_id)
        if known and known[0] > time.monotonic():
            return known[1]
        with refusing():
            (found,) = await (await self._registry.reads())(keys.get(key_id))
        if found is None:
            return None
        if len(self._known) > 10_000:
            self._known.clear()
        self._known[key_id] = (time.monotonic() + REMEMBERED_S, found.value)
        return found.value

    async def _write(self, record: KeyRecord, version: int) -> None:
        guards = [keys.version_is(record.id, version)]
        effects = [keys.put(record.id, record, version + 1)]
        with refusing():
            written = await self._registry.write("registry", guards, effects, cause=record.id, project=record.project)
        if not written:
            raise AccessDenied(f"key {record.id!r} was changed by somebody else just now; look at it again")

    def _hash(self, secret: str) -> str:
        return blake2b(secret.encode(), key=self._pepper, digest_size=32).hexdigest()


def _principal(record: KeyRecord) -> Principal:
    if record.revoked_at:
        raise AccessDenied("that API key was revoked; ask the project's owner for a new one")
    return Principal(
        record.id,
        record.project,
        frozenset(record.roles),
        record.annotator,
        tuple(record.sources),
        tuple(record.skills),
    )


def _secret() -> str:
    """Draw the secret part of a key: 255 bits in letters, digits and `_`, since a DSN of Sentry's takes no `-`."""
    while "-" in (drawn := base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")):
        pass
    return drawn


def _check(stem: str) -> str:
    return base64.b32encode(zlib.crc32(stem.encode()).to_bytes(4, "big")).decode().lower()[:6]


def roles_of(names: Iterable[str]) -> list[Role]:
    """Read roles as a person typed them. Raises AccessDenied that names the roles there are."""
    known: tuple[Role, ...] = ("publisher", "annotator", "reviewer", "owner")
    found = [role for role in known if role in set(names)]
    if unknown := set(names) - set(known):
        raise AccessDenied(f"there is no role {sorted(unknown)[0]!r}; the roles are {', '.join(known)}")
    return found
