import jwt
import pytest

from appliance.meetings.livekit_link import GuestLink, RoomLink, Server, Ticket, mint, read_link

SERVER = Server("wss://media.example.org", "key1", "a secret of thirty-two letters ..")
SERVERS = {"meet.example.org": SERVER, "other.example:8443": SERVER}
SECRET = "abcdefghijklmnopqr_-42"


@pytest.mark.parametrize(
    ("url", "link"),
    [
        (f"http://10.0.0.5:8000/#{SECRET}", GuestLink("http://10.0.0.5:8000", SECRET)),
        (f"https://[fd00::1]:8000/#{SECRET}", GuestLink("https://[fd00::1]:8000", SECRET)),
        ("https://m.io/custom?liveKitUrl=wss%3A%2F%2Fx.io&token=abc", Ticket("wss://x.io", "abc")),
        ("https://meet.example.org/weekly", RoomLink(SERVER, "weekly")),
        ("https://meet.example.org/rooms/all%20hands", RoomLink(SERVER, "all hands")),
        ("https://other.example:8443/x", RoomLink(SERVER, "x")),
    ],
)
def test_each_shape_of_link_is_understood(url, link):
    assert read_link(url, SERVERS) == link


@pytest.mark.parametrize(
    "url",
    [
        "",
        "weekly",
        "ftp://meet.example.org/x",
        "https://meet.example.org/",
        "https://elsewhere.org/weekly",
        "https://10.0.0.5/#short",
        f"https://10.0.0.5/#{SECRET}é",
        f"https://10.0.0.5/page#{SECRET}",
        "https://m.io/custom?liveKitUrl=http://x.io&token=abc",
        "https://m.io/custom?liveKitUrl=wss://x.io",
        "https://[bad/#x",
    ],
)
def test_other_links_are_left_to_other_providers(url):
    assert read_link(url, SERVERS) is None


def test_a_ticket_of_our_own_keys_is_what_livekit_expects():
    ticket = mint(RoomLink(SERVER, "weekly"), identity="salon-1", name="Board room")
    claims = jwt.decode(ticket.token, SERVER.secret, algorithms=["HS256"])
    assert ticket.url == SERVER.url
    assert (claims["iss"], claims["sub"], claims["name"]) == ("key1", "salon-1", "Board room")
    assert claims["video"]["roomJoin"] is True
    assert claims["video"]["room"] == "weekly"


@pytest.mark.parametrize(
    "link", [GuestLink("http://h", "S3CRET"), Ticket("wss://h", "S3CRET"), Server("u", "k", "S3CRET")]
)
def test_secrets_are_not_printed(link):
    assert "S3CRET" not in repr(link)
