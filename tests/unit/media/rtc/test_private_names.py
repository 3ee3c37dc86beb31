"""Private names that we stand on: when one of these fails, read `private/names.py` before lifting a version."""

import ast
import importlib
import importlib.metadata
from pathlib import Path

import pytest
from aiortc import RTCPeerConnection
from pylibsrtp import Policy, Session

from appliance.media.rtc.private import names

FOLDER = Path(names.__file__).parent


def test_the_version_is_the_one_the_names_were_read_in():
    assert importlib.metadata.version("aiortc").startswith("1.16.")


def owner_of(path):
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


@pytest.mark.parametrize(("path", "name"), [(path, name) for path, listed in names.METHODS.items() for name in listed])
def test_a_method_we_call_or_replace_exists(path, name):
    assert callable(getattr(owner_of(path), name))


async def test_the_attributes_we_read_or_set_exist():
    pc = RTCPeerConnection()
    transceiver = pc.addTransceiver("video")
    pc.createDataChannel("x")
    dtls = transceiver.receiver.transport
    things = [transceiver, transceiver.sender, transceiver.receiver, dtls, dtls.transport, dtls.transport._connection]
    things += [pc.sctp, Session(Policy(key=bytes(30), ssrc_type=Policy.SSRC_ANY_INBOUND))]
    for path, listed in names.ATTRIBUTES.items():
        instance = next(thing for thing in things if isinstance(thing, owner_of(path)))
        assert [name for name in listed if not hasattr(instance, name)] == [], path
    await pc.close()


class Privates(ast.NodeVisitor):
    """Collects private names: those used on something, and those that this folder defines itself."""

    def __init__(self):
        self.used, self.own = set(), set()

    def visit_Attribute(self, node):
        of_self = isinstance(node.value, ast.Name) and node.value.id == "self"
        (self.own if of_self and isinstance(node.ctx, ast.Store) else self.used).add(node.attr)
        self.generic_visit(node)

    def visit_FunctionDef(self, node):
        self.own.add(node.name)
        if node.name.startswith("_RTC"):
            self.used.add(node.name)
        self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node):
        self.visit_FunctionDef(node)

    def visit_Subscript(self, node):
        # vars(thing)["_name"] = …
        if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
            self.used.add(node.slice.value)
        self.generic_visit(node)


def test_what_is_used_is_listed_and_what_is_listed_is_used():
    found = Privates()
    for file in FOLDER.glob("*.py"):
        if file.name != "names.py":
            found.visit(ast.parse(file.read_text()))
    listed = {name for part in (names.METHODS, names.ATTRIBUTES) for entry in part.values() for name in entry}
    used = {name for name in found.used if name.startswith("_") and not name.endswith("__")}
    assert used - found.own - listed == set(), "used and not listed"
    assert listed - used - found.own == set(), "listed and not used"


def test_the_ice_connection_gathers_by_a_method_that_takes_addresses():
    from aioice.ice import Connection

    assert Connection.get_component_candidates.__code__.co_varnames[1:3] == ("component", "addresses")
