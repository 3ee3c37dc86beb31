"""Log lines that come again and again."""

from appliance.seldom import Seldom


def test_the_first_six_are_said_and_then_one_each_time_the_sixth_last_is_old():
    now = 0.0
    seldom = Seldom(lambda: now)
    said = []
    for now in range(0, 3600, 2):
        if seldom.may():
            said.append(now)
    assert said[:7] == [0, 2, 4, 6, 8, 10, 600]
    assert len(said) == 36
    now += 600
    assert seldom.may()
