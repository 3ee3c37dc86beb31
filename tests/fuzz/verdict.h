/* What must hold of a connection after every step, and what an honest peer must find at the end. */
#ifndef FUZZ_VERDICT_H
#define FUZZ_VERDICT_H

#include "trial.h"

#define MOST_HELD (200u << 20)
#define MOST_EVENT_BYTES ((32u << 20) + 2048u * RTP_MAX_PACKET)
#define FOREVER_US 5000000

size_t __sanitizer_get_current_allocated_bytes(void);

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
        CHECK(now.skips >= before->skips);
        *before = now;
    }
}

static void check(trial *t) {
    connection *c = t->world.connection;
    const event_queue *events = &t->world.engine.events;
    connection_counters counters;
    connection_count(c, &counters);
    CHECK(counters.malformed + counters.numbered <= counters.octets);
    CHECK(events->others <= MOST_OTHERS && events->count <= MOST_EVENTS && events->bytes <= MOST_EVENT_BYTES);
    CHECK(events->patient <= events->count);
    CHECK(c->out.pace.lines[PACE_REPAIR].count <= 200);
    CHECK(c->heard.count <= MOST_HEARD);
    CHECK(c->in.early_count <= 256 && c->in.source_count <= MOST_SOURCES);
    CHECK(c->out.pace.bytes <= 4u << 20 && c->out.sent.count <= LOG_ROOM);
    CHECK(t->world.engine.told || events->count == 0 || allocations_left != NO_LIMIT);
    check_lines(t);
    check_senders(t);
}

static bool tells_of_numbers(const world *w) {
    for (size_t i = 0; i < w->wire_count; i++)
        if (w->wire[i].size >= 20 && (w->wire[i].data[0] & 0x1F) == 15 && w->wire[i].data[1] == 205)
            return true;
    return false;
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
    CHECK(t->told_heard);
    p.sequence = 1;
    clear_wire(&t->world);
    arrive(&t->world, out, make_packet(out, &p, 8, 3));
    CHECK(t->world.wire_count == 1);
    const uint8_t *nack = t->world.wire[0].data;
    CHECK(t->world.wire[0].size == 16 && nack[1] == 205 && get_32(nack + 8) == p.ssrc && get_16(nack + 12) == 0);
    /* three in a row are believed, whatever the numbers were before; one of these rows is new */
    clear_wire(&t->world);
    for (uint16_t number = 0; number < 6; number++, p.sequence++)
        arrive(&t->world, out, make_packet(out, &p, 8, number < 3 ? 0x5EE0 + number : 0xBEE0 + number));
    pass_time(&t->world, FOREVER_US / 10);
    CHECK(tells_of_numbers(&t->world));
    connection_drop_line(c, NUMBERS);
}

/* Nobody takes events while others flood them and frames are dropped: who does in the end hears what is needed. */
static void check_slow_reader(trial *t) {
    const uint8_t key[] = {0x90, 0x80, 0x81, 0x00}, delta[] = {0x90, 0x80, 0x82, 0x01};
    rtp_packet p = {.payload_type = VP8_TYPE, .ssrc = 0xF00D0002, .marker = true, .payload = key, .payload_size = 4};
    uint8_t out[RTP_MAX_PACKET];
    set_line(t, NUMBERS, true, "last", false);
    for (int i = 0; i < MOST_OTHERS + 1; i++)
        request(t, 0, 0, 0, 1);
    for (int i = 0; i < 100; i++, p.sequence++, p.timestamp += 3000) {
        arrive(&t->world, out, make_packet(out, &p, 0, 0));
        p.payload = delta;
    }
    take_events(t);
    t->told_key = false;
    arrive(&t->world, out, make_packet(out, &p, 0, 0));
    take_events(t);
    CHECK(t->told_key);
    connection_drop_line(t->world.connection, NUMBERS);
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
    /* the last repair must not have to wait for its share */
    connection_pace(w->connection, t->pace, 0);
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
static void check_end(trial *t, bool slow_reader) {
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
    if (slow_reader)
        check_slow_reader(t);
    check_hearing(t);
    check_sending(t);
    take_logs(t);
}

#endif
