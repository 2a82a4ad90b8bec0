"""Secrets that show by their shape: keys of well-known issuers, tokens and passwords in addresses, private keys."""

import re
from collections.abc import Iterator

from labelwright.text.shadow import Find, pattern

_KEY = pattern(
    rb"\b(?:sk-[\w-]{16,}|[srp]k_(?:live|test)_\w{16,}|whsec_[\w+/=]{16,}"  # OpenAI, Anthropic; Stripe
    rb"|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}"
    rb"|npm_\w{30,}|pypi-[\w-]{30,}|dckr_pat_[\w-]{16,}|hf_\w{20,}|gsk_\w{20,}|r8_\w{20,}"
    rb"|A[KBCS]IA[0-9A-Z]{16}|AIza[\w-]{35}|ya29\.[\w-]{20,}"  # Amazon; Google
    rb"|xox[a-z]-[\w-]{10,}|xapp-[\w-]{20,}|hooks\.slack\.com/services/[\w/]{20,}"
    rb"|SG\.[\w-]{16,}\.[\w-]{16,}|key-[0-9a-f]{32}|SK[0-9a-f]{32}"  # SendGrid, Mailgun, Twilio
    rb"|shp(?:at|ca|pa|ss)_[0-9A-Fa-f]{32}|sq0[a-z]{3}-[\w-]{22,}|dop_v1_[0-9a-f]{40,}|hvs\.[\w-]{20,}"
    rb"|glsa_[\w]{20,}|sntrys_[\w=]{20,}|lin_api_\w{20,}|[0-9]{8,10}:AA[\w-]{32,}"
    rb"|lw_(?:live|test)_[\w-]{8,}"
    rb"|eyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?"  # a JSON Web Token
    rb"|(?i:(?:bearer|authorization: *(?:basic|token|apikey))) +[\w.~+/=-]{16,})"
)
_IN_ADDRESS = pattern(
    rb"(?i)[?&;#](?:[\w-]*token|key|sig|signature|auth|code|session(?:id)?|sid|jwt)=([^&;\s#\"'<>\[\]{}$*]{8,})"
    rb"|\b(?:[\w-]*(?:api|account|access|private)[_-]?key|[\w-]*access[_-]?token|[\w-]*secret|password|passwd|pwd)"
    rb"=([^&;\s#\"'<>\[\]{}$*]+)"
    rb"|://[^\s/@:]*:([^\s/@\[\]]+)@"
)
_PRIVATE_KEY = pattern(
    rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?:[\w+/=\s\\:;,.()<>@]|-[\w+/=\s\\:;,.()<>@])*"
    rb"(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----)?"
)


def find_credentials(seen: bytes) -> Iterator[Find]:
    """Yield the secrets in a shadow."""
    for match in _KEY.finditer(seen):
        start, end = match.span()
        if re.search(rb"[0-9]|[a-z][A-Z]|A[KBCS]IA", seen[start:end]):  # not "bearer responsibilities", "sk-learn-…"
            yield Find(start, end, "secret")
    if b"=" in seen or b"://" in seen:
        for match in _IN_ADDRESS.finditer(seen):
            start, end = max(match.span(1), match.span(2), match.span(3))
            yield Find(start, end, "secret")
    if b"PRIVATE KEY" in seen:
        for match in _PRIVATE_KEY.finditer(seen):
            yield Find(match.start(), match.end(), "secret")
