from appliance.media.rtc.congestion.probing import Prober


def test_the_first_probes_wait_for_the_picture_that_has_use_for_them():
    prober = Prober()
    assert prober.next(0, target=600_000, most=57_600) is None
    probe = prober.next(1_000_000, target=600_000, most=3_000_000)
    assert probe is not None
    assert probe.rate == 1_800_000
