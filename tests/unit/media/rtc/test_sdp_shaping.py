import pytest

from appliance.media.rtc.sdp import BadDescription, finish_local, shape_remote

HEAD = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2\r\n"
TRANSPORT = "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 AA:BB\r\na=setup:actpass\r\n"
AUDIO = (
    "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=sendonly\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n"
    "a=candidate:1 1 udp 2130706431 127.0.0.1 5000 typ host\r\na=end-of-candidates\r\n" + TRANSPORT
)
AV1 = "m=video 9 UDP/TLS/RTP/SAVPF 45\r\na=mid:1\r\na=sendonly\r\na=rtcp-mux\r\na=rtpmap:45 AV1/90000\r\n" + TRANSPORT
SIMULCAST = (
    "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:2\r\na=sendonly\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\n"
    "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n"
    "a=rid:q send\r\na=rid:h send\r\na=rid:f send\r\na=simulcast:send q;h;f\r\n" + TRANSPORT
)


def test_candidates_are_taken_out():
    shaped = shape_remote(HEAD + AUDIO)
    assert shaped.candidates == ("candidate:1 1 udp 2130706431 127.0.0.1 5000 typ host",)
    assert "candidate" not in shaped.text


def test_an_m_line_without_a_codec_of_ours_is_held_by_a_stand_in_and_refused_in_the_answer():
    shaped = shape_remote(HEAD + AUDIO + AV1 + SIMULCAST)
    assert shaped.rejected == {"1"}
    assert "AV1" not in shaped.text
    answer = finish_local(shaped.text, shaped)
    assert "m=video 0 " in answer
    assert "a=group:BUNDLE 0 2\r\n" in answer


def test_a_rejected_m_line_needs_no_transport():
    rejected = "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=inactive\r\na=rtpmap:96 VP8/90000\r\n"
    shaped = shape_remote(HEAD + AUDIO + rejected)
    assert shaped.rejected == {"1"}
    assert shaped.text.count("a=ice-ufrag:abcd") == 2


def test_an_m_line_that_only_rides_in_the_bundle_is_not_rejected():
    riding = SIMULCAST.replace("m=video 9", "m=video 0") + "a=bundle-only\r\n"
    assert shape_remote(HEAD + AUDIO + riding).rejected == frozenset()


@pytest.mark.parametrize(
    ("offered", "taken"),
    [("q;h;f", "q;h;f"), ("q;h", "q;h"), ("~f;q", "f;q"), ("q,x;h", "q;x;h"), ("a;b;c;d;e", "a;b;c;d"), ("q;q", "q")],
)
def test_all_simulcast_layers_are_taken(offered, taken):
    shaped = shape_remote(HEAD + SIMULCAST.replace("send q;h;f", f"send {offered}"))
    answer = finish_local("v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:2\r\n", shaped)
    rids = "".join(f"a=rid:{rid} recv\r\n" for rid in taken.split(";"))
    assert f"{rids}a=simulcast:recv {taken}\r\n" in answer
    assert "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n" in answer


def test_opus_asks_for_error_correction_and_for_nothing_during_silence():
    assert "a=fmtp:111 minptime=10;useinbandfec=1;usedtx=1\r\n" in finish_local(HEAD + AUDIO)


@pytest.mark.parametrize("offered", ["", "send", "send ;", "send \u00e9", "recv q;h;f"])
def test_a_simulcast_offer_that_makes_no_sense_is_one_stream(offered):
    shaped = shape_remote(HEAD + SIMULCAST.replace("send q;h;f", offered))
    assert "simulcast" not in finish_local("v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:2\r\n", shaped)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        HEAD,
        HEAD + "m=text 9 RTP/AVP 98\r\na=mid:0\r\n",
        HEAD + AUDIO.replace("a=mid:0\r\n", ""),
        HEAD + AUDIO.replace("mid:0", "mid:" + "x" * 33),
        HEAD + AUDIO.replace("mid:0", "mid:\u00e9"),
        HEAD + AUDIO + AUDIO,
        HEAD + "".join(AUDIO.replace("mid:0", f"mid:{i}") for i in range(513)),
        HEAD + AUDIO + "a=x\r\n" * 500_000,
    ],
)
def test_what_is_no_description_is_refused(text):
    with pytest.raises(BadDescription):
        shape_remote(text)


def test_a_description_that_names_no_certificate_is_refused_in_words():
    whole = HEAD + AUDIO
    shape_remote(whole)
    without = "".join(line for line in whole.splitlines(keepends=True) if not line.startswith("a=fingerprint:"))
    assert without != whole
    with pytest.raises(BadDescription, match="certificate"):
        shape_remote(without)


def test_our_own_description_is_as_long_as_the_meeting_is_large():
    many = HEAD + "".join(AUDIO.replace("a=mid:0", f"a=mid:{number}") for number in range(600))
    assert finish_local(many).count("m=audio") == 600
