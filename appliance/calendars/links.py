"""Find the one link in an event by which a room joins it. Calendar text is hostile: nothing here opens a link."""

import binascii
import html
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from appliance.calendars.errors import CalendarError

LIVEKIT = "livekit"
UNKNOWN = "unknown"
_LONGEST_TEXT = 64 * 1024
_MOST_URLS = 100
_MOST_WRAPPINGS = 3

# In order of trust: what a program wrote for programs comes before what people wrote for people.
STATED = (
    "X-SALON-JOIN",
    "CONFERENCE",
    "X-GOOGLE-CONFERENCE",
    "X-MICROSOFT-SKYPETEAMSMEETINGURL",
    "X-MICROSOFT-ONLINEMEETINGCONFLINK",
)
PROPERTIES = (*STATED, "URL", "LOCATION", "DESCRIPTION", "X-ALT-DESC")
"""Where links are looked for; the first hit wins."""

_URL = re.compile(r"https?://[^\s<>\"^`{|}\\]{1,2048}", re.IGNORECASE)
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]{1,15}://\S+", re.IGNORECASE)
# not "-" and "_": a guest link's random part may end in them
_TRAILING = tuple(".,;:!?'*]>")
_HOST = re.compile(r"[a-z0-9:._-]{1,253}")
# "&region=" must survive: only entities that end in a semicolon are entities here
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,8});")
_ESCAPE = re.compile(r"\\([nN,;\\])")

_PROOFPOINT_V2 = "/v2/url"
# (host, path, the query's name of the real link)
_WRAPPERS = (
    ("safelinks.protection.outlook.com", "/", "url"),
    ("google.com", "/url", "q"),
    ("google.com", "/url", "url"),
    ("linkprotect.cudasvc.com", "/url", "a"),
    ("urldefense.proofpoint.com", _PROOFPOINT_V2, "u"),
)


@dataclass(frozen=True, slots=True)
class JoinLink:
    """Where a meeting is. The URL is secret: it lets its holder in."""

    provider: str
    url: str = field(repr=False)
    host: str
    """The server the room would really connect to, in lower case, with its port when the link names one."""


@dataclass(frozen=True, slots=True)
class Provider:
    """One kind of meeting server and what its links look like."""

    name: str
    pattern: str
    """A regular expression that the whole link must match; letter case does not matter."""


_ANY = r"https?://(?:[a-z0-9-]{1,63}\.){0,5}"
PROVIDERS = (
    # A hub's guest link: 128 random bits after the hash, which browsers never send to a server.
    Provider(LIVEKIT, r"https?://[a-z0-9.:\[\]_-]+/#(?-i:[A-Za-z0-9_-]{22})"),
    Provider(LIVEKIT, r"https?://[a-z0-9.:\[\]_-]+/custom/?\?(?=.*livekiturl=wss?(?::|%3a))(?=.*token=).+"),
    Provider("zoom", _ANY + r"zoom(?:gov)?\.(?:us|com|com\.cn)/(?:j|s|w|my|wc)/.+"),
    Provider("teams", r"https?://teams\.(?:microsoft|live)\.com/(?:l/meetup-join|meet)/.+"),
    Provider("meet", r"https?://meet\.google\.com/(?:[a-z]{3}-[a-z]{4}-[a-z]{3}|lookup/.+)(?:\?.*)?"),
    Provider("webex", _ANY + r"webex\.com/.*(?:meet|join|j\.php|mtid=|/m/).*"),
    Provider("jitsi", r"https?://(?:meet\.jit\.si|8x8\.vc)/.+"),
)
_LABELS = {"zoom": "Zoom", "teams": "Microsoft Teams", "meet": "Google Meet", "webex": "Webex", "jitsi": "Jitsi"}


def label(provider: str) -> str:
    """Return the provider's name as people know it."""
    return _LABELS.get(provider, provider)


def providers_from(table: Mapping[str, str]) -> tuple[Provider, ...]:
    """Build the operator's own rows (provider name to pattern), which are asked before the built-in ones."""
    for name, pattern in table.items():
        try:
            re.compile(pattern)
        except re.error as err:
            raise CalendarError(f"The link pattern for {name!r} is not a regular expression: {err}.") from err
    return tuple(Provider(name, pattern) for name, pattern in table.items())


class LinkFinder:
    """Knows the providers and the operator's own meeting servers."""

    def __init__(self, extra: Iterable[Provider] = (), *, livekit_hosts: Iterable[str] = ()) -> None:
        rows = (*extra, *PROVIDERS)
        self._rows = tuple((row.name, re.compile(row.pattern, re.IGNORECASE)) for row in rows)
        self._livekit_hosts = frozenset(livekit_hosts)

    def find(self, properties: Iterable[tuple[str, str]]) -> JoinLink | None:
        """Return the event's join link. `properties` are (name, value), already in the order of `PROPERTIES`.

        A link of an unknown kind counts only where a program states the meeting's address, and only if nothing
        else in the event is known; its provider is then `UNKNOWN`.
        """
        stated: JoinLink | None = None
        for name, value in properties:
            for url in urls_in(value):
                link = self._recognise(url)
                if link is not None:
                    return link
                if stated is None and name in STATED:
                    stated = _link(UNKNOWN, url)
        return stated

    def _recognise(self, url: str) -> JoinLink | None:
        for name, pattern in self._rows:
            if pattern.fullmatch(url):
                return _link(name, url)
        link = _link(LIVEKIT, url)
        return link if link and is_listed(link.host, self._livekit_hosts) else None


def is_listed(host: str, listed: Iterable[str]) -> bool:
    """Tell whether a host is on a list. An entry with a port means just this port, one without means any."""
    return bool({host, _without_port(host)} & {entry.lower() for entry in listed})


def host_of(url: str) -> str:
    """Return the host (and port) of a URL as it may be shown and compared; empty when it cannot be trusted.

    User names before an @ imitate hosts, and look-alike letters imitate names: the first are refused, the second
    are shown as the "xn--" they are.
    """
    try:
        parts = urlsplit(url)
        name, port = parts.hostname or "", parts.port
        name = name.rstrip(".").encode("idna").decode("ascii").lower()
    except ValueError:  # UnicodeError is one
        return ""
    if "@" in parts.netloc or not _HOST.fullmatch(name):
        return ""
    name = f"[{name}]" if ":" in name else name
    return f"{name}:{port}" if port else name


def urls_in(text: str) -> Iterator[str]:
    """Yield the links in a property's value, unescaped, without entities, and freed of mail filters' wrapping."""
    text = _ESCAPE.sub(lambda m: "\n" if m[1] in "nN" else m[1], text[:_LONGEST_TEXT])
    text = _ENTITY.sub(lambda m: html.unescape(m[0]), text)
    for count, found in enumerate(_URL.finditer(text)):
        if count == _MOST_URLS:
            return
        yield unwrap(_trimmed(found[0]))


def unwrap(url: str) -> str:
    """Return the link inside a mail filter's redirector, without asking the redirector."""
    for _ in range(_MOST_WRAPPINGS):
        inner = _unwrapped(url)
        if inner is None or not _URL.fullmatch(inner):
            return url
        url = inner
    return url


def _unwrapped(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        host, query = parts.hostname or "", parse_qs(parts.query, max_num_fields=50)
    except ValueError:
        return None
    if host == "urldefense.com":
        return _proofpoint_v3(url)
    for wrapper, path, name in _WRAPPERS:
        if (host == wrapper or host.endswith("." + wrapper)) and parts.path.startswith(path) and name in query:
            inner = query[name][0]
            return unquote(inner.replace("-", "%").replace("_", "/")) if path == _PROOFPOINT_V2 else inner
    return None


def _proofpoint_v3(url: str) -> str | None:
    """Undo `/v3/__<url>__;<base64 of the replaced characters>!!…`: each * stands for the next replaced character."""
    found = re.search(r"/v3/__(.+?)__;([\w-]*={0,2})!", url)
    if found is None:
        return None
    coded, replaced = found[1], found[2].rstrip("=")
    try:
        characters = iter(urlsafe_b64decode(replaced + "=" * (-len(replaced) % 4)).decode())
    except (binascii.Error, UnicodeDecodeError):
        return None
    return "".join(next(characters, "*") if char == "*" else char for char in coded)


def _trimmed(url: str) -> str:
    """Drop the sentence's punctuation after a link; a closing bracket stays if it was opened inside."""
    while url:
        unopened = url.endswith(")") and url.count("(") < url.count(")")
        if not unopened and not url.endswith(_TRAILING):
            break
        url = url[:-1]
    return url


def _link(provider: str, url: str) -> JoinLink | None:
    host = host_of(url)
    try:
        servers = _servers_named(url) if provider == LIVEKIT else []
    except ValueError:  # more arguments than any honest link has
        return None
    if servers:
        # such a page connects to the server its query names, so that one is judged; two of them are a trick
        host = host_of(servers[0]) if len(servers) == 1 else ""
    return JoinLink(provider, url, host) if host else None


def _servers_named(url: str) -> list[str]:
    query = parse_qs(urlsplit(url).query, max_num_fields=50)
    return [value for name, values in query.items() if name.lower() == "livekiturl" for value in values]


def _without_port(host: str) -> str:
    return re.sub(r":\d+$", "", host)


def hide_links(text: str) -> str:
    """Replace each link in a title by its host, because titles are public and links are keys."""
    return _ADDRESS.sub(lambda m: host_of(_trimmed(m[0])) or "…", text)
