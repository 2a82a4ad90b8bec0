"""What a piece of feedback says in words, and what makes two pieces say the same, or nearly."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from labelwright import duplicates
from labelwright.contracts.feedback import Feedback, FeedbackAccepted, Subject
from labelwright.text.fingerprint import seal
from labelwright.text.words import normalise

LEAST_WORDS: Final = 4
"""Below this a text ("wrong answer") only means something about its own subject."""

MOST_COMPARED: Final = 8_000
"""Characters of the longest text that is compared; of longer ones only equal words are the same."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """What a text is compared by: where its like is found, and what decides. Without cells it is compared with none."""

    statement: duplicates.Statement
    cells: Sequence[str]


_UNLIKE: Final = Likeness(duplicates.read(""), ())


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


def speaks_for_itself(feedback: Feedback) -> bool:
    """Whether a comment says it all; a correction or a gesture means the same only for an equal prompt."""
    return bool(feedback.comment and not feedback.corrected)


def fingerprint_of(project: str, feedback: Feedback) -> str:
    """Return 16 characters, equal for feedback of one project that means the same, as far as equal words can tell.

    Equal must be: the words after normalisation, the subject's type, the sign, for a signal which one, and the
    complaint where its words don't tell it (`complaint_by`). Texts of fewer than four words must be about the same
    subject, too. Feedback without a comment of its own must be of one kind
    and about an equal prompt.
    """
    if speaks_for_itself(feedback):
        return _fingerprint(project, _scope(feedback), feedback.subject.id, text_of(feedback))
    said = f"{feedback.subject.prompt or ''}\n{text_of(feedback)}"
    return _fingerprint(project, (*_scope(feedback), feedback.kind), feedback.subject.id, said)


def likeness_of(project: str, feedback: Feedback) -> Likeness:
    """Return what feedback is compared by with what was said before in the same scope; see `fingerprint_of`."""
    text = text_of(feedback)
    if not speaks_for_itself(feedback) or len(text) > MOST_COMPARED:
        return _UNLIKE
    return _likeness(project, _scope(feedback), feedback.subject.id, text)


def likeness_of_words(project: str, subject: Subject, sign: int, aside: str, text: str) -> Likeness:
    """Return what words are compared by that were said about a subject, as `likeness_of` does of feedback."""
    signal, _, ticked = aside.partition("|")
    return _likeness(project, (subject.type, str(sign), signal, ticked), subject.id, text)


def aside_of(feedback: Feedback) -> str:
    """Return what feedback says beside its words and its sign, as far as that tells it from other feedback."""
    *_, signal, ticked = _scope(feedback)
    return f"{signal}|{ticked}" if signal or ticked else ""


@lru_cache(maxsize=4_096)  # a text that much is near to is compared again and again
def statement_of(text: str) -> duplicates.Statement:
    """Return a text as it is compared."""
    return duplicates.read(text)


def _scope(feedback: Feedback) -> tuple[str, ...]:
    signal = str(feedback.value) if feedback.kind == "signal" else ""
    return feedback.subject.type, str(feedback.sign), signal, _ticked(feedback)


def _ticked(feedback: Feedback) -> str:
    """Return the complaint that the user ticked and did not write: equal words then don't say the same."""
    if isinstance(feedback, FeedbackAccepted) and feedback.complaint_by == "event":
        return feedback.complaint or ""
    return ""


@lru_cache(maxsize=1_024)  # load asks first, then decide, and again after a conflict
def _fingerprint(project: str, scope: tuple[str, ...], subject: str, said: str) -> str:
    words = normalise(said)
    sealed = seal((*scope, subject if _says_little(words) else "", words), _key_of(project))
    return base64.urlsafe_b64encode(bytes.fromhex(sealed)[:12]).decode()


@lru_cache(maxsize=1_024)  # as above
def _likeness(project: str, scope: tuple[str, ...], subject: str, text: str) -> Likeness:
    statement = statement_of(text)
    about = subject if _says_little(statement.words) else ""
    return Likeness(statement, duplicates.cells(statement, bytes.fromhex(seal((*scope, about), _key_of(project)))))


def _says_little(words: str) -> bool:
    return len(words.split()) < LEAST_WORDS


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
