/* A whole connection under a hostile peer: one input is a script of packets, pauses and negotiations. After it an honest
 * peer must still be heard and answered.
 *
 * A libFuzzer entry; driver.c runs the same where there is only gcc. Script: one byte of options, then records of an
 * operation byte, a byte of time, and what the operation wants; seeds_connection.py writes such. */
#define _GNU_SOURCE
#include "verdict.h"

#define MOST_PACKETS 5000 /* that one script makes */

enum options { LINES = 1, SENDERS = 2, NO_MEMORY = 4, ABRUPT_END = 8, SLOW_READER = 16, PATIENT = 32 };

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
    t->pace = what & 1 ? 100000u * amount : 0;
    connection_pace(c, t->pace, what & 2 ? 10000u * amount : 0);
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
        const uint16_t first = (uint16_t)take(s, 2), mask = (uint16_t)take(s, 2);
        request(t, FIRST_SENT_SSRC + what % NUMBERS, first, mask, what / NUMBERS);
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static trial t;
    script s = {data, size};
    unsigned options = take(&s, 1);
    t = (trial){.world.source.ss_family = AF_INET};
    if (options & NO_MEMORY)
        allocations_left = take(&s, 1) + 1;
    if (open_world(&t.world, options & PATIENT)) {
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
            check_end(&t, options & SLOW_READER);
    }
    allocations_left = NO_LIMIT;
    close_world(&t.world);
    return 0;
}
