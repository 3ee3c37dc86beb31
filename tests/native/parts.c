/* The pure parts of the engine, each against its promise. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "events.h"
#include "packet_log.h"
#include "pacer.h"
#include "reception.h"

#define CHECK(what)                                             \
    do {                                                        \
        if (!(what)) {                                          \
            fprintf(stderr, "line %d: %s\n", __LINE__, #what);  \
            exit(1);                                            \
        }                                                       \
    } while (0)

static bool put_frame(event_queue *queue, lane *from, uint32_t number, bool key) {
    uint8_t data[100] = {0};
    event e = {.kind = EVENT_FRAME, .connection = 1, .line = 7, .data = data, .size = 100, .timestamp = number, .key = key};
    return events_put(queue, &e, from);
}

static void a_slow_reader_loses_video_up_to_the_next_key_frame(void) {
    event_queue queue = {0};
    lane from = {.video = true};
    const event *out;
    for (uint32_t i = 0; i < 64; i++)
        CHECK(put_frame(&queue, &from, i, i == 0 || i == 40));
    CHECK(!put_frame(&queue, &from, 64, false));
    CHECK(events_take(&queue, &out) == 25);
    CHECK(out[0].timestamp == 40 && out[0].key && out[24].timestamp == 64);
    CHECK(put_frame(&queue, &from, 65, false));
    events_clear(&queue);
}

static void without_another_key_frame_it_starves_until_one_comes(void) {
    event_queue queue = {0};
    lane from = {.video = true}, other = {.video = true};
    const event *out;
    put_frame(&queue, &other, 1000, true);
    for (uint32_t i = 0; i < 200; i++)
        put_frame(&queue, &from, i, i == 0);
    CHECK(from.starved && !other.starved);
    CHECK(put_frame(&queue, &from, 200, true));
    CHECK(put_frame(&queue, &from, 201, false));
    CHECK(events_take(&queue, &out) == 3);
    CHECK(out[0].timestamp == 1000 && out[1].timestamp == 200 && out[2].timestamp == 201);
    CHECK(queue.dropped == 200);
    events_clear(&queue);
}

static void sound_loses_only_the_oldest(void) {
    event_queue queue = {0};
    lane from = {0};
    const event *out;
    for (uint32_t i = 0; i < 70; i++)
        put_frame(&queue, &from, i, true);
    CHECK(events_take(&queue, &out) == 64);
    CHECK(out[0].timestamp == 6);
    events_clear(&queue);
}

static void other_events_are_bounded_and_those_of_the_gone_are_forgotten(void) {
    event_queue queue = {0};
    lane from = {.video = true};
    const event *out;
    for (int i = 0; i < 1000; i++)
        events_put(&queue, &(event){.kind = EVENT_DATAGRAM, .connection = 2}, NULL);
    CHECK(queue.count == 512);
    put_frame(&queue, &from, 1, true);
    events_forget(&queue, 2, EVERY_LINE);
    CHECK(queue.count == 1 && queue.bytes == 100 && queue.others == 0);
    events_forget(&queue, 1, 6);
    CHECK(queue.count == 1);
    events_forget(&queue, 1, 7);
    CHECK(events_take(&queue, &out) == 0);
    events_clear(&queue);
}

static bool put_packet(pacer *p, uint16_t size, enum priority priority) {
    packet *added = calloc(1, sizeof *added + size);
    added->size = size;
    added->sender = (uint16_t)priority;
    return pacer_put(p, added, priority);
}

static int leaving(pacer *p, int64_t now) {
    int count = 0;
    for (packet *one; (one = pacer_take(p, now)); free(one))
        count++;
    return count;
}

static void pictures_leave_at_the_rate_in_small_bursts(void) {
    pacer p = {.bits_per_second = 9600000}; /* a packet a millisecond */
    for (int i = 0; i < 100; i++)
        CHECK(put_packet(&p, 1200, PACE_VIDEO));
    int64_t now = 1000000, begun = now;
    int sent = leaving(&p, now);
    CHECK(sent > 1 && sent < 10);
    while (p.bytes) {
        CHECK(pacer_next_us(&p) > now);
        now = pacer_next_us(&p);
        int burst = leaving(&p, now);
        CHECK(burst && burst < 10);
        sent += burst;
    }
    CHECK(sent == 100 && now - begun > 80000 && now - begun < 100000);
    CHECK(pacer_next_us(&p) == INT64_MAX);
}

static void sound_does_not_wait_and_repairs_go_before_pictures(void) {
    pacer p = {.bits_per_second = 9600000};
    for (int i = 0; i < 50; i++)
        put_packet(&p, 1200, PACE_VIDEO);
    leaving(&p, 0);
    put_packet(&p, 1200, PACE_REPAIR);
    put_packet(&p, 100, PACE_AUDIO);
    CHECK(pacer_next_us(&p) == 0);
    packet *first = pacer_take(&p, 1);
    CHECK(first && first->sender == PACE_AUDIO);
    free(first);
    CHECK(!pacer_take(&p, 1));
    packet *next = pacer_take(&p, 1000000);
    CHECK(next && next->sender == PACE_REPAIR);
    free(next);
    pacer_clear(&p);
}

static void nothing_waits_long_whatever_the_rate(void) {
    pacer p = {.bits_per_second = 10000};
    for (int i = 0; i < 100; i++)
        put_packet(&p, 1200, PACE_VIDEO);
    int64_t now = 0;
    int sent = 0;
    while (now < 1200000) {
        sent += leaving(&p, now);
        now += 5000;
    }
    CHECK(sent > 80);
    while (put_packet(&p, 60000, PACE_VIDEO)) {
    }
    CHECK(p.bytes <= 4 << 20);
    pacer_clear(&p);
}

static void a_probe_leaves_at_its_own_rate_and_asks_for_padding(void) {
    pacer p = {.bits_per_second = 1000000};
    int64_t now = 1000000, begun = now;
    int sent = 0;
    pacer_probe(&p, 9600000, 24000, now); /* twenty packets in twenty milliseconds */
    while (pacer_next_us(&p) != INT64_MAX) {
        while (pacer_wants_padding(&p, now)) {
            put_packet(&p, 1200, PACE_REPAIR);
            sent += leaving(&p, now);
        }
        now += 1000;
        CHECK(now - begun < 100000);
    }
    CHECK(sent == 20 && now - begun >= 15000 && now - begun <= 25000);
    CHECK(!pacer_wants_padding(&p, now + 1000000));
}

static void reports_count_loss_over_the_wrap_and_a_new_beginning(void) {
    reception r = {0};
    reception_report out = {0};
    for (uint32_t i = 65500; i < 65600; i++)
        if (i % 10)
            reception_add(&r, (uint16_t)i, i * 3000, 90000, (int64_t)i * 1000000 / 30);
    CHECK(r.fresh);
    reception_take(&r, &out);
    CHECK(!r.fresh && out.highest == 65599 && out.lost == 9);
    CHECK(out.fraction_lost == 9 * 256 / 99 && out.jitter == 0);
    /* two in a row from afar */
    reception_add(&r, 30000, 0, 90000, 0);
    reception_add(&r, 30001, 3000, 90000, 33333);
    reception_add(&r, 30002, 6000, 90000, 66666);
    reception_take(&r, &out);
    CHECK((out.highest & 0xFFFF) == 30002 && out.lost <= 0);
}

static void a_log_that_nobody_reads_keeps_the_newest(void) {
    packet_log log = {0};
    static log_entry out[LOG_ROOM];
    for (uint32_t i = 0; i < LOG_ROOM + 10; i++)
        log_add(&log, &(log_entry){.at_us = i});
    CHECK(log_take(&log, out, 100) == 100 && out[0].at_us == 10);
    CHECK(log_take(&log, out, LOG_ROOM) == LOG_ROOM - 100 && out[0].at_us == 110);
    CHECK(log_take(&log, out, LOG_ROOM) == 0);
    log_clear(&log);
}

int main(void) {
    a_slow_reader_loses_video_up_to_the_next_key_frame();
    without_another_key_frame_it_starves_until_one_comes();
    sound_loses_only_the_oldest();
    other_events_are_bounded_and_those_of_the_gone_are_forgotten();
    pictures_leave_at_the_rate_in_small_bursts();
    sound_does_not_wait_and_repairs_go_before_pictures();
    nothing_waits_long_whatever_the_rate();
    a_probe_leaves_at_its_own_rate_and_asks_for_padding();
    reports_count_loss_over_the_wrap_and_a_new_beginning();
    a_log_that_nobody_reads_keeps_the_newest();
    return 0;
}
