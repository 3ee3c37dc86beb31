"""`scheme:path?key=value`: how settings name a device."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from hardware.ports import BadUri


@dataclass(frozen=True, slots=True)
class DeviceUri:
    """A device URI in its parts."""

    scheme: str
    path: str
    options: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> "DeviceUri":
        """Take a URI apart, or raise `BadUri`."""
        scheme, colon, rest = text.partition(":")
        if not colon or not scheme:
            raise BadUri(f"{text!r} is no device: write scheme:name, such as sim:pattern or file:/home/room/clip.mp4")
        path, _, query = rest.partition("?")
        return cls(scheme.lower(), unquote(path), dict(parse_qsl(query, keep_blank_values=True)))

    def only(self, *known: str) -> "DeviceUri":
        """Return the URI itself, or raise `BadUri` when it has an option that is not `known`."""
        for key in self.options:
            if key not in known:
                raise BadUri(f"{self.scheme}:{self.path} has no option {key!r}; it has {', '.join(known) or 'none'}")
        return self

    def integer(self, key: str, default: int, lowest: int, highest: int) -> int:
        """Return a whole number within bounds."""
        text = self.options.get(key, str(default))
        if not text.isdecimal() or not lowest <= int(text) <= highest:
            raise BadUri(f"{self.scheme}:{self.path}: {key}={text} should be a number from {lowest} to {highest}")
        return int(text)

    def flag(self, key: str, *, default: bool) -> bool:
        """Return a yes/no option."""
        text = self.options.get(key, "1" if default else "0")
        if text not in {"0", "1"}:
            raise BadUri(f"{self.scheme}:{self.path}: {key}={text} should be 0 or 1")
        return text == "1"

    def size(self) -> tuple[int, int] | None:
        """Return `size=WIDTHxHEIGHT` as even numbers; I420 halves them."""
        text = self.options.get("size")
        if text is None:
            return None
        width, _, height = text.partition("x")
        if not (width.isdecimal() and height.isdecimal() and 16 <= int(width) <= 3840 and 16 <= int(height) <= 2160):
            raise BadUri(f"{self.scheme}:{self.path}: size={text} should look like 1280x720")
        return int(width) // 2 * 2, int(height) // 2 * 2
