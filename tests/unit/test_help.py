"""`--help` of each command: what it does, and how it is used."""

import argparse

import pytest

from appliance.cli import _parser


def every(parser, words=()):
    """Yield each command with its parser, also those below another."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield " ".join((*words, name)), below
                yield from every(below, (*words, name))


COMMANDS = dict(every(_parser()))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_an_example_of_itself(name):
    text = COMMANDS[name].format_help()
    assert "example" in text
    assert f"salon {name}" in text.partition("example")[2]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_each_of_its_words_is_for(name):
    actions = [action for action in COMMANDS[name]._actions if not isinstance(action, argparse._SubParsersAction)]
    assert [action.dest for action in actions if not action.help and not action.choices] == []
