"""Judging the sessions that handshakes gave out. Pure."""

import re
from collections.abc import Iterator
from http import HTTPStatus
from itertools import pairwise

from gateway.check.answer import Answer, shown
from gateway.check.asked import SESSION_HEADER
from gateway.check.observations import Observations
from gateway.check.rule import Finding
from gateway.check.rules import sessions

MIN_CHARACTERS = 16
_VISIBLE = re.compile(r"[\x21-\x7e]+").fullmatch


def judge_sessions(seen: Observations) -> Iterator[Finding]:
    """Grammar, strength and uniqueness of ids; ids on refusals."""
    opened = {a.where: a.header(SESSION_HEADER) for a in seen.handshakes.values() if a.result}
    given = {where: session for where, session in opened.items() if session is not None}
    for where, session in given.items():
        yield from _one(where, session)
    if len(set(given.values())) < len(given):
        yield sessions.SAME_ID.at(", ".join(given), "the same id")
    if _are_counted(list(given.values())):
        yield sessions.SHORT_ID.at("initialize", "ids that count up")
    for answer in seen.answers:
        yield from _on_error(answer)


def _one(where: str, session: str) -> Iterator[Finding]:
    if not _VISIBLE(session):
        yield sessions.BAD_ID.at(where, shown(session))
    elif len(session) < MIN_CHARACTERS:
        yield sessions.SHORT_ID.at(where, f"{len(session)} characters")


def _are_counted(ids: list[str]) -> bool:
    """Whether they differ in one number only, which goes up by one."""
    numbers = [re.fullmatch(r"(.*?)([0-9]{1,15})", each) for each in ids]
    found = [(match[1], int(match[2])) for match in numbers if match]
    if len(found) < len(ids) or len(found) < 2:  # noqa: PLR2004 - one alone counts nothing
        return False
    is_one_series = len({prefix for prefix, _ in found}) == 1
    return is_one_series and all(
        later - earlier == 1 for (_, earlier), (_, later) in pairwise(found)
    )


def _on_error(answer: Answer) -> Iterator[Finding]:
    session = answer.header(SESSION_HEADER)
    sent = answer.asked.headers.get(SESSION_HEADER)
    is_refused = (answer.status or 0) >= HTTPStatus.BAD_REQUEST
    if session is not None and session != sent and is_refused:
        yield sessions.ON_ERROR.at(answer.where, f"HTTP {answer.status} with {SESSION_HEADER}")
