"""Whether the machine's clock may be believed."""

from pathlib import Path


def synchronised(run: Path = Path("/run")) -> bool | None:
    """Return whether systemd-timesyncd has set the clock since the start; None where nobody tells."""
    folder = run / "systemd/timesync"
    return (folder / "synchronized").exists() if folder.exists() else None
