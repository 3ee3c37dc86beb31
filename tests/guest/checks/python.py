"""The room's packages load under the guest's Python, and what runs is the checkout."""

import platform
from pathlib import Path

from check import say, step

with step("importing all that a call needs"):
    import av

    from appliance.media import studio

assert platform.python_version_tuple()[:2] == ("3", "13")
assert Path(studio.__file__).is_relative_to("/srv/salon")
say(f"Python {platform.python_version()}, PyAV {av.__version__}")
