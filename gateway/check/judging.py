"""From what was seen to a report. Pure."""

from collections.abc import Iterator
from statistics import median

from gateway.check.answer import Answer, Stream, shown
from gateway.check.judge_answers import judge_answers
from gateway.check.judge_authorization import judge_authorization
from gateway.check.judge_catalogue import judge_catalogue
from gateway.check.judge_eras import judge_eras
from gateway.check.judge_sessions import judge_sessions
from gateway.check.location import is_plain_http
from gateway.check.observations import EraSeen, Observations
from gateway.check.report import Report
from gateway.check.rule import Finding, Severity
from gateway.check.rules import GROUPS, messages, security

SLOW_S = 1.0
_SEVERITIES = list(Severity)
_GROUPS = list(GROUPS)


def judge(seen: Observations) -> Report:
    """The report about everything that was seen."""
    latency_s = _latency(seen)
    findings = dict.fromkeys([*_findings(seen), *_about_time(seen, latency_s)])
    return Report(
        url=seen.url,
        server=_server(seen),
        revisions=tuple(_revisions(seen)),
        facts=dict(_facts(seen)),
        latency_s=latency_s,
        requests=len(seen.answers),
        findings=tuple(sorted(findings, key=_rank)),
    )


def _rank(finding: Finding) -> tuple[int, int]:
    return _GROUPS.index(finding.rule.group), _SEVERITIES.index(finding.rule.severity)


def _findings(seen: Observations) -> Iterator[Finding]:
    yield from judge_eras(seen)
    yield from judge_answers(seen)
    yield from judge_sessions(seen)
    yield from judge_catalogue(seen)
    yield from judge_authorization(seen)
    if is_plain_http(seen.url):
        yield security.PLAIN_HTTP.at(shown(seen.url), "http")


def _about_time(seen: Observations, latency_s: float | None) -> Iterator[Finding]:
    if not seen.is_complete:
        what = f"{len(seen.answers)} requests were made"
        yield messages.INCOMPLETE_CHECK.at("the check", what)
    if latency_s is not None and latency_s > SLOW_S:
        yield messages.SLOW.at("the median of five", f"{latency_s:.1f} s")


def _latency(seen: Observations) -> float | None:
    for era in seen.eras:
        times = [each.duration_s for each in era.pings if each.result is not None]
        if times:
            return median(times)
    return None


def _server(seen: Observations) -> str:
    for era in seen.eras:
        result = era.opening.result or {}
        meta = result.get("_meta")
        info = result.get("serverInfo") or (
            meta.get("io.modelcontextprotocol/serverInfo") if isinstance(meta, dict) else None
        )
        if isinstance(info, dict):
            return shown(f"{info.get('name', '?')} {info.get('version', '')}".strip(), 80)
    return ""


def _revisions(seen: Observations) -> Iterator[str]:
    if seen.modern is not None:
        yield seen.modern.talk.revision
    for revision, answer in seen.handshakes.items():
        if (answer.result or {}).get("protocolVersion") == revision:
            yield revision


def _facts(seen: Observations) -> Iterator[tuple[str, str]]:
    for era in seen.eras:
        yield f"capabilities ({era.talk.revision})", shown(", ".join(era.capabilities) or "none")
        for method, each in era.lists.items():
            yield f"{method} ({era.talk.revision})", _count(len(each.items), len(each.pages))
        if streams := [a.stream for a in _of(era, seen) if a.stream is not None]:
            yield f"event streams ({era.talk.revision})", _streaming(streams)
    if seen.legacy is not None:
        yield "sessions", "yes" if seen.legacy.talk.session else "no"
        yield "GET stream", "yes" if _has_stream(seen.legacy) else "no"
    if seen.anonymous is not None:
        yield "authorization", _authorization(seen)


def _count(items: int, pages: int) -> str:
    return f"{items} in {pages} page{'' if pages == 1 else 's'}"


def _of(era: EraSeen, seen: Observations) -> Iterator[Answer]:
    place = f"({era.talk.revision})"
    return (answer for answer in seen.answers if answer.where.endswith(place))


def _streaming(streams: list[Stream]) -> str:
    """What they do beyond carrying messages."""
    has = {
        "event ids": any(each.events_have_ids for each in streams),
        "retry": any(each.retry_ms is not None for each in streams),
        "comments": any(each.comments for each in streams),
    }
    named = ", ".join(name for name, is_there in has.items() if is_there)
    return f"yes, with {named}" if named else "yes"


def _has_stream(era: EraSeen) -> bool:
    return any(a.asked.http_method == "GET" and a.stream is not None for _, a in era.trials)


def _authorization(seen: Observations) -> str:
    if seen.authorization is None:
        return "none is asked for"
    issuers = ", ".join(shown(each.issuer) for each in seen.authorization.issuers)
    return f"OAuth, issuers: {issuers}" if issuers else "401"
