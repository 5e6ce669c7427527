import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from auth.addresses import read_address
from auth.destinations import read_destination
from auth.errors import EgressRefused
from tests.auth.url_corpus import ACCEPTED, U02


@pytest.mark.parametrize("url", U02, ids=lambda url: f"U02-{url[:60]!a}")
def test_u02_a_url_that_parsers_read_differently_is_refused(url: str) -> None:
    with pytest.raises(EgressRefused):
        read_destination(url)


@pytest.mark.parametrize("url", ACCEPTED)
def test_what_is_accepted_is_read_as_the_http_client_reads_it(url: str) -> None:
    ours, theirs = read_destination(url), URL(url)

    assert (ours.scheme, ours.port) == (theirs.scheme, theirs.port)
    assert ours.host == theirs.raw_host or ours.address == read_address(str(theirs.raw_host))


@given(
    st.text("htps:/@#?[]\\.%0127xaf-_ \t\n\u00e9\u24db\u3002\uff11", max_size=24).map(
        lambda rest: f"https://{rest}"
    )
)
def test_whatever_is_accepted_is_read_as_the_http_client_reads_it(url: str) -> None:
    try:
        ours = read_destination(url)
    except EgressRefused:
        return
    theirs = URL(url)

    assert (ours.scheme, ours.port) == (theirs.scheme, theirs.port)
    assert theirs.user is None
    assert theirs.password is None
    assert ours.host == theirs.raw_host or ours.address is not None


def test_default_ports_are_those_of_the_scheme() -> None:
    assert read_destination("https://example.com").authority == ("example.com", 443)
    assert read_destination("http://example.com").authority == ("example.com", 80)
