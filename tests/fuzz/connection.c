/* A whole connection under a hostile peer: one input is a script of packets, pauses and negotiations. After it an honest
 * peer must still be heard and answered.
 *
 * A libFuzzer entry; driver.c runs the same where there is only gcc. Script: one byte of options, then records of an
 * operation byte, a byte of time, and what the operation wants; seeds_connection.py writes such. */
#define _GNU_SOURCE
#include "bytes.h"
#include "fake_engine.h"

#define MOST_FRAME (1 << 16)
#define MOST_PACKETS 4000 /* that one script makes */
#define MOST_HELD (200u << 20)
#define MOST_OTHERS 512
#define MOST_EVENTS (MOST_OTHERS + NUMBERS * MOST_LAYERS * 64)
#define MOST_EVENT_BYTES ((32u << 20) + 2048u * RTP_MAX_PACKET)
#define FOREVER_US 5000000

enum options { LINES = 1, SENDERS = 2, NO_MEMORY = 4, ABRUPT_END = 8 };
enum { NUMBERS = 4 }; /* of m-lines, and of senders */
enum ids { LEVEL_ID = 1, SEND_TIME_ID, NUMBER_ID, MID_ID, RID_ID = 10, REPAIRED_RID_ID };
enum { VP8_TYPE = 96, VP8_RTX_TYPE, H264_TYPE = 102, H264_RTX_TYPE, OPUS_TYPE = 111 };
enum { FIRST_SSRC = 1000, FIRST_SENT_SSRC = 5000 };

static const extension_ids ALL_IDS = {MID_ID, RID_ID, REPAIRED_RID_ID, LEVEL_ID, SEND_TIME_ID, NUMBER_ID};
static const char *const RIDS[] = {"q", "h", "f", "five"};

/* What is held against the world, beside what it does. */
typedef struct {
    world world;
    line_counters seen[NUMBERS];
    bool told_arrival, told_heard, told_room;
    size_t frames, packets;
    size_t cut; /* packets out of frames */
} trial;

size_t __sanitizer_get_current_allocated_bytes(void);

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
        t->told_arrival |= events[i].kind == EVENT_ARRIVED;
        t->told_heard |= events[i].kind == EVENT_HEARD;
        t->told_room |= events[i].kind == EVENT_ROOM;
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
    CHECK(connection_take_arrived(c, entries, LOG_ROOM) <= LOG_ROOM);
    t->told_arrival = t->told_heard = false;
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

/* Some packets in a row, or each from an SSRC of its own. */
static void send_packets(trial *t, script *s) {
    static const uint8_t types[] = {VP8_TYPE, VP8_RTX_TYPE, H264_TYPE, H264_RTX_TYPE, OPUS_TYPE, 0, 98, 127};
    uint8_t out[RTP_MAX_PACKET];
    unsigned type = take(s, 1), ssrc = take(s, 1), extensions = take(s, 1), times = take(s, 1) + 1;
    rtp_packet p = {.payload_type = types[type % 8], .marker = type & 8, .ssrc = FIRST_SSRC + ssrc};
    p.sequence = (uint16_t)take(s, 2);
    p.timestamp = 3000 * take(s, 1);
    p.payload_size = take(s, 2);
    p.payload = take_bytes(s, &p.payload_size);
    for (; times > 0 && t->packets < MOST_PACKETS; times--, t->packets++) {
        size_t size = make_packet(out, &p, extensions, p.sequence);
        arrive(&t->world, out, size);
        p.sequence++;
        p.timestamp += type & 16 ? 3000 : 0;
        p.ssrc += type & 32 ? 1 : 0;
    }
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

/* What left comes back, with holes, as if it were the peer's. */
static void reflect(trial *t, unsigned lose) {
    static on_wire back[MOST_ON_WIRE];
    size_t count = t->world.wire_count;
    memcpy(back, t->world.wire, count * sizeof *back);
    t->world.wire_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (back[i].size > 0 && !(lose >> i % 8 & 1) && t->packets++ < MOST_PACKETS)
            arrive(&t->world, back[i].data, back[i].size);
        free(back[i].data);
    }
}

/* ---- the script ---- */

enum operation { RAW, PACKETS, REQUEST, TIME, SET_LINE, DROP_LINE, SET_SENDER, DROP_SENDER, FRAME, REFLECT, TAKE_EVENTS,
                 TAKE_LOGS, PACE, INJECT, WEATHER, SEND, OPERATIONS };

static void raw(trial *t, script *s, enum operation operation) {
    size_t size = take(s, 2);
    const uint8_t *bytes = take_bytes(s, &size);
    if (operation == INJECT)
        connection_inject(t->world.connection, bytes, size);
    else if (operation == SEND)
        connection_send(t->world.connection, bytes, size);
    else if (size > 0)
        arrive(&t->world, bytes, size);
}

/* Even what no negotiation would settle. */
static void negotiate(trial *t, script *s) {
    static const char *const mids[] = {"0", "1", "2", ""};
    unsigned what = take(s, 1);
    if (what & 0x80) {
        line_setup setup = {.number = what % NUMBERS};
        size_t size = sizeof setup - sizeof setup.number;
        const uint8_t *bytes = take_bytes(s, &size);
        memcpy((uint8_t *)&setup + sizeof setup.number, bytes, size);
        setup.mid[NAME_ROOM - 1] = 0;
        connection_set_line(t->world.connection, &setup, &ALL_IDS);
        return;
    }
    set_line(t, what % NUMBERS, what & 4, mids[what >> 3 & 3], what & 32);
}

static void pace(trial *t, script *s) {
    connection *c = t->world.connection;
    unsigned what = take(s, 1), amount = take(s, 1);
    connection_set_rtt(c, (int64_t)amount * 1000);
    connection_pace(c, what & 1 ? 100000u * amount : 0);
    if (what & 2)
        connection_probe(c, 100000u * (amount + 1), 500u * (what >> 2));
    t->told_room = t->told_room && !connection_holds(c);
}

static void weather(world *w, script *s) {
    unsigned what = take(s, 1);
    w->refuses = what & 1;
    w->congested = what & 2;
    w->source.ss_family = what & 4 ? AF_INET6 : what & 8 ? AF_UNSPEC : AF_INET;
    /* whichever socket it names, there is one */
    int socket = (int)(what >> 6), family = what & 4 ? AF_INET6 : AF_INET;
    int known = connection_route(w->connection, socket, family, (const uint8_t[16]){0}, 9);
    CHECK(known == (socket ? -1 : 0));
}

static void step(trial *t, script *s) {
    static const enum line_codec codecs[] = {LINE_VP8, LINE_H264, LINE_AUDIO, LINE_VP8};
    connection *c = t->world.connection;
    enum operation operation = (enum operation)(take(s, 1) % OPERATIONS);
    unsigned time = take(s, 1), what;
    size_t size;
    pass_time(&t->world, time < 128 ? (int64_t)time * 1000 : (int64_t)(time - 128) * 20000);
    switch (operation) {
    case RAW:
    case INJECT:
    case SEND: raw(t, s, operation); break;
    case PACKETS: send_packets(t, s); break;
    case REQUEST:
        what = take(s, 1);
        request(t, FIRST_SENT_SSRC + what % NUMBERS, (uint16_t)take(s, 2), (uint16_t)take(s, 2), what / NUMBERS);
        break;
    case SET_LINE: negotiate(t, s); break;
    case DROP_LINE:
        what = take(s, 1) % NUMBERS;
        connection_drop_line(c, (uint16_t)what);
        t->seen[what] = (line_counters){0};
        break;
    case SET_SENDER:
        what = take(s, 1);
        set_sender(t, what % NUMBERS, codecs[what >> 2 & 3], what & 16, what & 32 ? RIDS[what >> 6] : "");
        break;
    case DROP_SENDER: connection_drop_sender(c, take(s, 1) % NUMBERS); break;
    case FRAME:
        what = take(s, 1);
        size = take(s, 2);
        const uint8_t *bytes = take_bytes(s, &size);
        send_frame(t, what % NUMBERS, what / NUMBERS, bytes, size);
        break;
    case REFLECT: reflect(t, take(s, 1)); break;
    case TAKE_EVENTS: take_events(t); break;
    case TAKE_LOGS: take_logs(t); break;
    case PACE: pace(t, s); break;
    case WEATHER: weather(&t->world, s); break;
    default: break;
    }
    wake_if_due(&t->world);
}

/* ---- what must hold ---- */

static void check_senders(trial *t) {
    for (uint16_t number = 0; number < NUMBERS; number++) {
        sender_counters now;
        if (connection_count_sender(t->world.connection, number, &now) == 0)
            CHECK(now.packets <= t->cut && now.octets <= (uint64_t)t->cut * MOST_FRAME);
    }
}

static void check_lines(trial *t) {
    for (uint16_t number = 0; number < NUMBERS; number++) {
        line_counters now, *before = &t->seen[number];
        if (connection_count_line(t->world.connection, number, &now) < 0)
            continue;
        CHECK(now.packets >= before->packets && now.bytes >= before->bytes && now.lost >= before->lost);
        CHECK(now.skips >= before->skips && now.requested >= before->requested && now.rtt_us >= 0);
        *before = now;
    }
}

static void check(trial *t) {
    connection *c = t->world.connection;
    const event_queue *events = &t->world.engine.events;
    connection_counters counters;
    connection_count(c, &counters);
    CHECK(counters.malformed <= counters.received);
    CHECK(events->others <= MOST_OTHERS && events->count <= MOST_EVENTS && events->bytes <= MOST_EVENT_BYTES);
    CHECK(c->in.early_count <= 256 && c->in.source_count <= MOST_SOURCES);
    CHECK(c->out.pace.bytes <= 4u << 20 && c->arrived.count <= LOG_ROOM && c->out.sent.count <= LOG_ROOM);
    CHECK(t->world.engine.told || events->count == 0 || allocations_left != NO_LIMIT);
    check_lines(t);
    check_senders(t);
}

/* A key frame of an SSRC that nobody heard of, then one with a hole before it. */
static void check_hearing(trial *t) {
    const uint8_t key[] = {0x90, 0x80, 0x81, 0x00, 0x42};
    rtp_packet p = {.payload_type = VP8_TYPE, .ssrc = 0xF00D0001, .marker = true, .sequence = 65535};
    uint8_t out[RTP_MAX_PACKET];
    connection *c = t->world.connection;
    set_line(t, NUMBERS, true, "last", false);
    take_events(t);
    p.payload = key;
    p.payload_size = sizeof key;
    size_t frames = t->frames;
    arrive(&t->world, out, make_packet(out, &p, 8, 1));
    take_events(t);
    CHECK(t->frames == frames + 1);
    CHECK(t->told_arrival && t->told_heard);
    p.sequence = 1;
    clear_wire(&t->world);
    arrive(&t->world, out, make_packet(out, &p, 8, 3));
    CHECK(t->world.wire_count == 1);
    const uint8_t *nack = t->world.wire[0].data;
    CHECK(t->world.wire[0].size == 16 && nack[1] == 205 && get_32(nack + 8) == p.ssrc && get_16(nack + 12) == 0);
    connection_drop_line(c, NUMBERS);
}

static bool left(const world *w, uint32_t ssrc, size_t at_least) {
    size_t count = 0;
    for (size_t i = 0; i < w->wire_count; i++)
        count += w->wire[i].size > 12 && get_32(w->wire[i].data + 8) == ssrc;
    return count >= at_least;
}

/* A frame leaves, word comes that it has, and the packet that is asked for is sent again. */
static void check_sending(trial *t) {
    const uint8_t data[5000] = {0};
    world *w = &t->world;
    set_sender(t, NUMBERS, LINE_VP8, true, "");
    clear_wire(w);
    send_frame(t, NUMBERS, 0, data, sizeof data);
    bool waits = connection_holds(w->connection);
    t->told_room = false;
    pass_time(w, FOREVER_US / 10);
    take_events(t);
    CHECK(left(w, FIRST_SENT_SSRC + NUMBERS, 4) && !connection_holds(w->connection) && t->told_room == waits);
    clear_wire(w);
    request(t, FIRST_SENT_SSRC + NUMBERS, 0xFFFE7FFE & 0x7FFF, 1, 1);
    pass_time(w, FOREVER_US);
    CHECK(left(w, FIRST_SENT_SSRC + 100 + NUMBERS, 2));
}

/* All that was done before must not stand in the way of those who behave. */
static void check_end(trial *t) {
    world *w = &t->world;
    CHECK(__sanitizer_get_current_allocated_bytes() < MOST_HELD);
    for (uint16_t number = 0; number < NUMBERS; number++) {
        connection_drop_line(w->connection, number);
        connection_drop_sender(w->connection, number);
    }
    allocations_left = NO_LIMIT;
    w->refuses = w->congested = false;
    take_events(t);
    pass_time(w, FOREVER_US);
    take_events(t);
    check_hearing(t);
    check_sending(t);
    take_logs(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static trial t;
    script s = {data, size};
    unsigned options = take(&s, 1);
    t = (trial){.world.source.ss_family = AF_INET};
    if (options & NO_MEMORY)
        allocations_left = take(&s, 1) + 1;
    if (open_world(&t.world)) {
        if (options & LINES) {
            set_line(&t, 0, true, "0", true);
            set_line(&t, 1, false, "1", false);
        }
        if (options & SENDERS) {
            set_sender(&t, 0, LINE_VP8, true, "h");
            set_sender(&t, 1, LINE_AUDIO, false, "");
        }
        while (s.left > 0) {
            step(&t, &s);
            check(&t);
        }
        if (!(options & ABRUPT_END))
            check_end(&t);
    }
    allocations_left = NO_LIMIT;
    close_world(&t.world);
    return 0;
}
