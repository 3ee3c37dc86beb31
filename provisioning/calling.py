"""How a room calls its console: JSON by HTTPS, and by whom the console has to be vouched for."""

import http.client
import ssl
import urllib.error
import urllib.request

from provisioning.enrolled import NotEnrolled

_ANSWER_S = 20
_LONGEST = 64 * 1024


def http_post(url: str, data: bytes, *, context: ssl.SSLContext | None = None) -> tuple[int, bytes]:
    """Send JSON and return status and answer, or raise `OSError`; without `context` the machine's authorities count."""
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})  # noqa: S310 - http or https
    try:
        with urllib.request.urlopen(request, timeout=_ANSWER_S, context=context) as answer:  # noqa: S310
            return answer.status, answer.read(_LONGEST)
    except urllib.error.HTTPError as err:
        with err:
            return err.code, err.read(_LONGEST)
    except http.client.HTTPException as err:
        raise ConnectionError("what answers there does not speak HTTP") from err


def vouched(ca: str) -> ssl.SSLContext:
    """Return what trusts the machine's authorities, or the given one (PEM) alone; or raise `NotEnrolled`."""
    try:
        return ssl.create_default_context(cadata=ca or None)
    except (ssl.SSLError, ValueError) as err:
        raise NotEnrolled("What --ca names holds no certificate (PEM).") from err


def whoever() -> ssl.SSLContext:
    """Return what trusts everybody: for who proves themselves in what they say."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
