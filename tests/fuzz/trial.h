/* A connection on trial: what Python and the peer do with it, and what came of that. */
#ifndef FUZZ_TRIAL_H
#define FUZZ_TRIAL_H

#include "bytes.h"
#include "fake_engine.h"

#define MOST_FRAME (1 << 16)
#define MOST_OTHERS 512
#define MOST_EVENTS (MOST_OTHERS + NUMBERS * MOST_LAYERS * 64)

enum { NUMBERS = 4 }; /* of m-lines, and of senders */
enum ids { LEVEL_ID = 1, SEND_TIME_ID, NUMBER_ID, MID_ID, RID_ID = 10, REPAIRED_RID_ID };
enum { VP8_TYPE = 96, VP8_RTX_TYPE, H264_TYPE = 102, H264_RTX_TYPE, OPUS_TYPE = 111 };
enum { FIRST_SSRC = 1000, FIRST_SENT_SSRC = 5000 };

static const extension_ids ALL_IDS = {MID_ID, RID_ID, REPAIRED_RID_ID, LEVEL_ID, SEND_TIME_ID, NUMBER_ID};
static const char *const RIDS[] = {"q", "h", "f", "five"};

typedef struct {
    world world;
    line_counters seen[NUMBERS];
    bool told_heard, told_room, told_key;
    uint64_t pace; /* bits per second that were last asked for */
    size_t frames;  /* that Python got */
    size_t packets; /* that the peer sent */
    size_t cut;     /* that our frames became */
} trial;

/* ---- what Python would do ---- */

static void set_line(trial *t, uint16_t number, bool video, const char *mid, bool names_ssrcs) {
    line_setup setup = {.number = number, .video = video, .codec_count = video ? 4 : 2};
    const struct {
        uint8_t type, codec, repairs;
    } known[] = {{VP8_TYPE, LINE_VP8, 0}, {VP8_RTX_TYPE, LINE_RTX, VP8_TYPE}, {H264_TYPE, LINE_H264, 0},
                 {H264_RTX_TYPE, LINE_RTX, H264_TYPE}, {OPUS_TYPE, LINE_AUDIO, 0}, {0, LINE_AUDIO, 0}};
    for (uint8_t i = 0; i < setup.codec_count; i++) {
        size_t at = video ? i : 4u + i;
        setup.codecs[i].payload_type = known[at].type;
        setup.codecs[i].codec = known[at].codec;
        setup.codecs[i].repairs = known[at].repairs;
        setup.codecs[i].clock_rate = video ? 90000 : 48000;
    }
    strncpy(setup.mid, mid, NAME_ROOM - 1);
    setup.ssrc_count = names_ssrcs ? 2 : 0;
    setup.ssrcs[0].ssrc = FIRST_SSRC + number;
    setup.ssrcs[1].ssrc = FIRST_SSRC + 100 + number;
    setup.ssrcs[1].repairs = FIRST_SSRC + number;
    connection_set_line(t->world.connection, &setup, &ALL_IDS);
}

static void set_sender(trial *t, uint16_t number, enum line_codec codec, bool repairs, const char *rid) {
    sender_setup setup = {.ssrc = FIRST_SENT_SSRC + number, .repair_ssrc = FIRST_SENT_SSRC + 100 + number};
    setup.number = number;
    setup.video = codec != LINE_AUDIO;
    setup.codec = (uint8_t)codec;
    setup.payload_type = codec == LINE_VP8 ? VP8_TYPE : codec == LINE_H264 ? H264_TYPE : OPUS_TYPE;
    setup.repair_payload_type = repairs ? (uint8_t)(setup.payload_type + 1) : 0;
    setup.ids = ALL_IDS;
    setup.mid[0] = (char)('0' + number);
    strncpy(setup.rid, rid, NAME_ROOM - 1);
    connection_set_sender(t->world.connection, &setup, 0xFFFE7FFE);
}

static void send_frame(trial *t, uint16_t number, unsigned times, const uint8_t *data, size_t size) {
    uint8_t *bytes = repeated(data, size, times, MOST_FRAME / 2, &size);
    t->cut += connection_send_frame(t->world.connection, number, bytes, size, (uint32_t)t->world.now_us, (uint8_t)times);
    free(bytes);
}

static void take_events(trial *t) {
    const event *events;
    size_t count = events_take(&t->world.engine.events, &events);
    CHECK(count <= MOST_EVENTS);
    t->world.engine.told = false;
    for (size_t i = 0; i < count; i++) {
        uint8_t sum = 0;
        for (uint32_t at = 0; at < events[i].size; at++)
            sum = (uint8_t)(sum + events[i].data[at]);
        t->frames += events[i].kind == EVENT_FRAME && events[i].size > sum % 2;
        t->told_heard |= events[i].kind == EVENT_HEARD;
        t->told_room |= events[i].kind == EVENT_ROOM;
        t->told_key |= events[i].kind == EVENT_NEEDS_KEY;
    }
}

static void take_logs(trial *t) {
    static log_entry entries[LOG_ROOM];
    static reception_report reports[MOST_SOURCES];
    char name[NAME_ROOM];
    connection *c = t->world.connection;
    take_events(t);
    size_t count = connection_take_reports(c, reports, MOST_SOURCES);
    for (size_t i = 0; i < count; i++)
        CHECK(reports[i].fraction_lost < 256 && reports[i].lost <= 0x7FFFFF && reports[i].lost >= -0x7FFFFF);
    count = connection_take_sent(c, entries, LOG_ROOM);
    for (size_t i = 1; i < count; i++)
        CHECK(entries[i].sequence == (uint16_t)(entries[i - 1].sequence + 1) && entries[i].at_us >= entries[i - 1].at_us);
    t->told_heard = false;
    for (uint8_t layer = 0; layer <= MOST_LAYERS; layer++) {
        connection_layer_name(c, layer, layer, name);
        CHECK(memchr(name, 0, NAME_ROOM) != NULL);
    }
}

/* ---- what a peer does ---- */

/* A packet that is well-formed at least. */
static size_t make_packet(uint8_t *out, const rtp_packet *p, unsigned extensions, uint16_t number) {
    static const char *const mids[] = {"0", "1", "2", "strange"};
    const uint8_t level = 0x80 | 30, wide[2] = {(uint8_t)(number >> 8), (uint8_t)number};
    const char *mid = mids[extensions >> 6 & 3], *rid = RIDS[extensions >> 5 & 3];
    rtp_extension chosen[5];
    size_t count = 0;
    if (extensions & 1)
        chosen[count++] = (rtp_extension){MID_ID, (uint8_t)strlen(mid), (const uint8_t *)mid};
    if (extensions & 2)
        chosen[count++] = (rtp_extension){RID_ID, (uint8_t)strlen(rid), (const uint8_t *)rid};
    if (extensions & 4)
        chosen[count++] = (rtp_extension){REPAIRED_RID_ID, (uint8_t)strlen(rid), (const uint8_t *)rid};
    if (extensions & 8)
        chosen[count++] = (rtp_extension){NUMBER_ID, 2, wide};
    if (extensions & 16)
        chosen[count++] = (rtp_extension){LEVEL_ID, 1, &level};
    return rtp_write(out, RTP_MAX_PACKET, p, chosen, count);
}

static void request(trial *t, uint32_t ssrc, uint16_t first, uint16_t mask, size_t pairs) {
    uint8_t out[12 + 4 * 256] = {0x81, 205};
    put_16(out + 2, (uint16_t)(2 + pairs));
    put_32(out + 8, ssrc);
    for (size_t i = 0; i < pairs; i++) {
        put_16(out + 12 + 4 * i, (uint16_t)(first + 17 * i));
        put_16(out + 14 + 4 * i, mask);
    }
    arrive(&t->world, out, 12 + 4 * pairs);
}

#endif
