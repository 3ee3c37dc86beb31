"""Takes the secrets out of text that is logged or shown: of an address, only its scheme and host are for everybody."""

import re

_ADDRESS = re.compile(
    r"""\b(?!file:)(?P<scheme>[a-z][a-z0-9+.-]*://)
        (?:[^\s/?\#'"<>]*@)?
        (?P<host>[^\s/?\#'"<>@]*)
        (?P<rest>[^\s'"<>]*)""",
    re.IGNORECASE | re.VERBOSE,
)


def without_secrets(text: str) -> str:
    """Cut every address in a text down to scheme and host: user, path, query and fragment may open a door."""
    return _ADDRESS.sub(lambda found: found["scheme"] + found["host"] + "/…" * bool(found["rest"].strip("/")), text)
