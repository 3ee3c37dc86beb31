"""What the web part has to know: where it listens, how it is reached, and who may come in from elsewhere."""

from dataclasses import dataclass

from fleet.web.access.permissions import Role


@dataclass(frozen=True, slots=True)
class GroupRole:
    """Members of a group at the sign-in service have this role here."""

    group: str
    role: Role
    site: str = ""
    """A site's id; empty for everywhere."""


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """A sign-in service: OpenID Connect with code and PKCE."""

    issuer: str
    client_id: str
    client_secret_file: str = ""
    """Empty for a public client, which PKCE alone protects."""
    name: str = "your organisation"
    """What the button says: Sign in with ..."""
    groups_claim: str = "groups"
    groups: tuple[GroupRole, ...] = ()


@dataclass(frozen=True, slots=True)
class WebSettings:
    """The console's web server."""

    address: str = "127.0.0.1"
    port: int = 8800
    public_url: str = ""
    """How browsers reach it, such as https://rooms.example.org; empty for http://address:port."""
    certificate_file: str = ""
    key_file: str = ""
    behind_proxy: bool = False
    """A proxy on this machine says from which address a request really came."""
    idle_hours: float = 12
    """A session that was not used for so long is over."""
    session_days: int = 7
    """And so is one that is older."""
    requests_a_minute: int = 6000
    """That one session or API token may make."""
    oidc: OidcSettings | None = None

    @property
    def url(self) -> str:
        """Where a browser finds it, without a slash at the end."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"http{'s' if self.certificate_file else ''}://{host}:{self.port}"

    @property
    def secure(self) -> bool:
        """Whether browsers come by https."""
        return self.url.startswith("https:")
