"""What a piece of feedback says in words, and what makes two pieces say the same."""

import hashlib
from functools import lru_cache
from typing import Final

from labelwright.contracts.feedback import Feedback
from labelwright.text.fingerprint import normalise, seal

LEAST_WORDS: Final = 4
"""Below this a text ("wrong answer") only means something about its own subject."""


def is_in_words(feedback: Feedback) -> bool:
    """Whether the user wrote something, rather than only pressed a button."""
    return bool(feedback.comment or feedback.corrected)


def text_of(feedback: Feedback) -> str:
    """Return what annotators see, never empty: what the user wrote, else the response that it is about.

    The user's comment and correction stand one below the other. Feedback without any text is described ("thumb down on
    screen checkout"), so that it is counted and asked about like any other.
    """
    written = "\n\n".join(filter(None, (feedback.comment, feedback.corrected)))
    about = f"{feedback.subject.type} {feedback.subject.id}"
    return written or feedback.subject.response or f"{_gesture(feedback)} on {about}"


def fingerprint_of(project: str, feedback: Feedback) -> str:
    """Return 32 hex digits, equal for feedback of one project that means the same, as far as equal words can tell.

    Equal must be: the words after normalisation, the subject's type, the kind, the sign and, for a signal, which one.
    Only a comment speaks for itself; a correction or a gesture means the same only for an equal prompt. Texts of fewer
    than four words must be about the same subject, too.
    """
    speaks_for_itself = feedback.comment and not feedback.corrected
    said = text_of(feedback) if speaks_for_itself else f"{feedback.subject.prompt or ''}\n{text_of(feedback)}"
    signal = str(feedback.value) if feedback.kind == "signal" else ""
    return _fingerprint(
        project, (feedback.subject.type, feedback.kind, str(feedback.sign), signal), feedback.subject.id, said
    )


@lru_cache(maxsize=1_024)  # load asks first, then decide, and again after a conflict
def _fingerprint(project: str, scope: tuple[str, ...], subject: str, said: str) -> str:
    words = normalise(said)
    is_short = len(words.split()) < LEAST_WORDS
    return seal((*scope, subject if is_short else "", words), _key_of(project))


@lru_cache(maxsize=1_024)
def _key_of(project: str) -> bytes:
    return hashlib.blake2b(project.encode(), digest_size=32).digest()


def _gesture(feedback: Feedback) -> str:
    match feedback.kind:
        case "thumb":
            return "thumb up" if feedback.sign > 0 else "thumb down"
        case "stars":
            return f"{feedback.value} stars"
        case _:
            return str(feedback.value)
