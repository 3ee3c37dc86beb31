import sys
from pathlib import Path

import pytest

from appliance.media.rtc.native.build import build

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def librtp(tmp_path_factory) -> Path:
    """The native engine, built from what lies here."""
    return build(tmp_path_factory.mktemp("native"))
