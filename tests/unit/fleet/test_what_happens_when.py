"""Each line of "What happens when ..." in docs/fleet.md has tests behind it, by these names."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FILES = [path for part in ("fleet", "interop", "unit") for path in (ROOT / "tests" / part).rglob("test_*.py")]
TESTS = {name for path in FILES for name in re.findall(r"^(?:async )?def (test_\w+)\(", path.read_text(), re.MULTILINE)}
BEHIND = {
    "broker, ingest, room or a node of a cluster is killed": ("test_every_record_is_stored_once_whatever_is_killed",),
    "a node of a cluster stays dead": ("test_rooms_and_ingest_go_on_at_another_node_when_theirs_dies_for_good",),
    "a broker acknowledges and hands nothing on": (
        "test_what_a_broker_only_promises_to_hand_on_is_kept_told_and_delivered_later",
    ),
    "the console's database is away, slow, or its disk full": (
        "test_while_the_database_fails_nothing_is_acknowledged_and_then_everything",
        "test_what_cannot_be_taken_any_more_is_left_to_the_rooms_and_taken_later",
        "test_a_full_disk_loses_nothing_and_is_said",
        "test_what_is_acknowledged_outlives_a_kill_of_the_database",
        "test_a_database_that_is_stopped_and_started_is_said_once_and_all_goes_on",
    ),
    "a room's disk is full": (
        "test_a_full_disk_is_said_and_nothing_is_lost_when_there_is_room_again",
        "test_a_real_disk_that_others_have_filled_loses_nothing_that_was_noted",
        "test_memory_is_bounded_while_the_disk_fails_and_the_loss_is_told",
    ),
    "a room was away for a week": (
        "test_a_room_that_was_away_for_a_week_tells_it_in_order",
        "test_a_week_without_a_network_comes_back_in_order_and_whole",
    ),
    "a room's clock is ten years off": (
        "test_a_room_whose_clock_is_ten_years_off_is_stored_once_at_the_times_it_was_heard",
    ),
    "the console's own clock jumps ahead": (
        "test_a_clock_that_jumps_ten_years_ahead_has_nothing_forgotten_for_a_day",
        "test_a_clock_that_was_ten_years_ahead_holds_up_neither_the_work_nor_an_alert",
    ),
    "two machines have one identity": (
        "test_of_two_machines_with_one_identity_both_and_the_console_say_so_and_nothing_is_lost",
    ),
    "a room is of the next version": (
        "test_a_record_of_the_next_version_is_kept_as_unknown_and_holds_nothing_up",
        "test_what_a_newer_room_says_is_read_as_far_as_it_is_known",
    ),
    "the console is of the next version": (
        "test_what_the_next_version_says_besides_is_left_out_and_the_rest_is_done",
        "test_a_job_of_the_next_version_is_handed_on_as_unknown_beside_those_that_are_known",
        "test_a_document_with_one_wrong_key_is_refused_whole_and_each_mistake_is_told",
        "test_an_order_of_a_kind_of_the_next_version_does_nothing_is_told_and_holds_nothing_up",
    ),
    "messages are hostile, too large or not understood": (
        "test_hostile_messages_are_counted_by_reason",
        "test_one_message_that_cannot_be_stored_takes_no_other_with_it",
        "test_anything_at_all_is_read_or_refused",
    ),
    "a room sends records without end, broken or in foreign hands": (
        "test_beyond_its_budget_a_room_is_acknowledged_and_not_stored_and_the_others_are",
        "test_boots_without_end_take_no_place_either",
        "test_meetings_and_how_jobs_ended_are_stored_once_when_measurements_and_events_are_left",
        "test_meetings_and_jobs_without_end_have_a_budget_too",
        "test_how_a_job_ended_is_known_however_much_the_room_has_sent",
        "test_people_are_told_and_that_it_is_over_once_the_room_is_quiet",
        "test_all_that_a_spool_keeps_fits_beside_what_happens_meanwhile",
    ),
    "rooms appear that nobody enrolled": ("test_strangers_are_listed_up_to_a_bound",),
    "a retired room speaks": ("test_a_retired_room_is_not_listened_to",),
    "two consoles have one database": (
        "test_two_ingests_side_by_side_store_nothing_twice",
        "test_two_consoles_on_one_database_tell_of_an_alert_once_whichever_dies",
        "test_a_console_that_is_killed_is_followed_by_another_and_nobody_hears_of_an_alert_twice",
    ),
    "a migration is killed in the middle": (
        "test_a_migration_killed_in_the_middle_never_happened",
        "test_two_consoles_that_start_together_migrate_once",
    ),
}


def lines():
    page = (ROOT / "docs/fleet.md").read_text().partition("## What happens when")[2].partition("\n## ")[0]
    return re.findall(r"^\| ([^|]+) \| [^|]+ \|$", page, re.MULTILINE)[1:]


def test_every_line_has_its_tests():
    assert lines() == list(BEHIND)


@pytest.mark.parametrize("line", BEHIND)
def test_the_tests_behind_a_line_are_there(line):
    assert set(BEHIND[line]) <= TESTS
