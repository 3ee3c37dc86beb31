"""Which link of an event the room joins by, and what it refuses to believe."""

import pytest

from appliance.calendars.errors import CalendarError
from appliance.calendars.links import (
    LIVEKIT,
    UNKNOWN,
    JoinLink,
    LinkFinder,
    hide_links,
    host_of,
    is_listed,
    providers_from,
    unwrap,
    urls_in,
)

HUB = "https://hub.example.org/#AbCdEfGhIjKlMnOpQrSt-_"


def test_the_first_property_with_a_known_link_wins():
    found = LinkFinder().find(
        [("CONFERENCE", "https://video.example.net/7"), ("LOCATION", HUB), ("DESCRIPTION", "https://meet.jit.si/x")]
    )
    assert found == JoinLink(LIVEKIT, HUB, "hub.example.org")


def test_a_stated_link_of_unknown_kind_is_only_the_last_resort():
    assert LinkFinder().find([("CONFERENCE", "https://video.example.net/7")]) == JoinLink(
        UNKNOWN, "https://video.example.net/7", "video.example.net"
    )
    assert LinkFinder().find([("DESCRIPTION", "https://video.example.net/7")]) is None


def test_a_link_is_secret_in_its_repr():
    assert "AbCd" not in repr(LinkFinder().find([("URL", HUB)]))


@pytest.mark.parametrize("token", ["AbCdEfGhIjKlMnOpQrSt-", "AbCdEfGhIjKlMnOpQrSt-_x", "AbCdEfGhIjKlMnOpQrSt.!"])
def test_a_guest_link_carries_exactly_128_bits(token: str):
    assert LinkFinder().find([("URL", f"https://hub.example.org/#{token}")]) is None


def test_a_link_at_the_end_of_a_sentence_loses_the_full_stop_but_not_its_dash():
    assert list(urls_in(f"Join ({HUB}). Or <{HUB[:-1]}->, or '{HUB}'!")) == [HUB, HUB[:-1] + "-", HUB]


def test_html_entities_are_decoded_only_where_they_end():
    assert list(urls_in("https://a.example/x?a=1&amp;token=2&region=eu&para=3")) == [
        "https://a.example/x?a=1&token=2&region=eu&para=3"
    ]


def test_calendar_escapes_end_a_link_or_belong_to_it():
    assert list(urls_in(r"see https://a.example/x\nnext https://b.example/p\,q\;r")) == [
        "https://a.example/x",
        "https://b.example/p,q;r",
    ]


@pytest.mark.parametrize(
    "wrapped",
    [
        "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fhub.example.org%2F%23AbCdEfGhIjKlMnOpQrSt-_&data=0",
        "https://www.google.com/url?q=https://hub.example.org/%23AbCdEfGhIjKlMnOpQrSt-_&sa=D&usg=x",
        "https://linkprotect.cudasvc.com/url?a=https%3a%2f%2fhub.example.org%2f%23AbCdEfGhIjKlMnOpQrSt-_&c=E",
        "https://urldefense.com/v3/__https://hub.example.org/*AbCdEfGhIjKlMnOpQrSt-___;Iw!!x!y$",
        (
            "https://nam02.safelinks.protection.outlook.com/?url=https%3A%2F%2Fwww.google.com%2Furl%3Fq%3Dhttps%253A%252F%252F"
            "hub.example.org%252F%2523AbCdEfGhIjKlMnOpQrSt-_"
        ),
    ],
)
def test_a_mail_filters_wrapping_comes_off(wrapped: str):
    assert unwrap(wrapped) == HUB


def test_the_older_proofpoint_wrapping_comes_off():
    wrapped = "https://urldefense.proofpoint.com/v2/url?u=https-3A__meet.jit.si_Some-2DRoom&d=x&c=y"
    assert unwrap(wrapped) == "https://meet.jit.si/Some-Room"


def test_wrapping_that_hides_something_else_stays_on():
    wrapped = "https://eur01.safelinks.protection.outlook.com/?url=javascript%3Aalert(1)"
    assert unwrap(wrapped) == wrapped


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Hub.Example.ORG./x", "hub.example.org"),
        ("https://hub.local:8443/", "hub.local:8443"),
        ("http://[::1]:80/", "[::1]:80"),
        ("https://good.example@evil.example/", ""),
        ("https://münchen.example/", "xn--mnchen-3ya.example"),
        ("https://a..b/", ""),
        ("https://x:99999/", ""),
        ("https:///path", ""),
    ],
)
def test_a_host_is_what_the_room_would_connect_to(url: str, host: str):
    assert host_of(url) == host


def test_a_listed_host_means_any_port_and_a_listed_port_just_that_one():
    assert is_listed("hub.local:8443", ["Hub.Local"])
    assert is_listed("hub.local:8443", ["hub.local:8443"])
    assert not is_listed("hub.local:9", ["hub.local:8443"])
    assert not is_listed("hub.local", ["hub.local:8443"])


def test_an_operators_pattern_comes_before_ours_and_a_wrong_one_is_named():
    finder = LinkFinder(providers_from({"jitsi": r"https://meet\.example\.org/.+"}))
    assert finder.find([("LOCATION", "https://meet.example.org/Kepler")]) == JoinLink(
        "jitsi", "https://meet.example.org/Kepler", "meet.example.org"
    )
    with pytest.raises(CalendarError, match="'broken' is not a regular expression"):
        providers_from({"broken": "("})


def test_a_title_keeps_a_links_host_and_loses_the_rest():
    assert hide_links(f"Call {HUB}, now") == "Call hub.example.org now"
    assert hide_links("zoommtg://zoom.us/join?pwd=secret") == "zoom.us"


def test_a_wall_of_links_is_read_only_in_part():
    assert len(list(urls_in("https://a.example/ " * 5000))) == 100


def test_a_link_with_a_hundred_arguments_is_no_link():
    url = "https://hub.example.org/custom?liveKitUrl=wss://hub.example.org&token=x" + "&a=b" * 100
    assert LinkFinder().find([("URL", url)]) is None
    assert LinkFinder(livekit_hosts=["hub.example.org"]).find([("URL", url)]) is None


def test_a_configured_servers_page_that_names_another_server_is_not_that_servers():
    url = "https://lk.example.org/rooms/x?LiveKitURL=wss://evil.example&token=x"
    assert LinkFinder(livekit_hosts=["lk.example.org"]).find([("URL", url)]) is None
