"""`plug=/path`: the plug of a simulated device. It is in while the file is there."""

from pathlib import Path

from hardware.ports import DeviceError, DeviceMissing
from hardware.uri import DeviceUri


class Plug:
    """Fails like a device that is pulled out; without `plug=` it never does."""

    def __init__(self, uri: DeviceUri) -> None:
        path = uri.options.get("plug")
        self._file = Path(path).expanduser() if path else None

    @property
    def is_in(self) -> bool:
        return self._file is None or self._file.exists()

    def open(self) -> None:
        """Raise `DeviceMissing` when it is out."""
        if self._file and not self.is_in:
            raise DeviceMissing(f"the simulated device {self._file.name} is not plugged in: touch {self._file}")

    def check(self) -> None:
        """Raise `DeviceError` when it has been pulled out."""
        if self._file and not self.is_in:
            raise DeviceError(f"the simulated device {self._file.name} was unplugged: plug it in again")
