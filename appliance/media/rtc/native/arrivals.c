#include "arrivals.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"

enum {
    REMEMBERED_US = 500000, /* what came later than a packet that comes late is told again together with it */
    MOST_TOLD = 400,        /* numbers one feedback speaks of: it must fit FEEDBACK_ROOM */
    REFERENCE_US = 64000,
    DELTA_US = 250,
    SMALL_MOST = 0xFF,
    LARGE_MOST = 0x7FFF,
    VECTOR = 7, /* statuses in a chunk that is no run */
    HEAD = 20,  /* RTCP's header, two SSRCs, and what stands before the chunks */
    RTCP_RTPFB = 205,
    FMT_TRANSPORT_WIDE = 15,
};

enum status { LOST, SMALL, LARGE };

static const struct {
    int packets;
    int64_t us;
} WAITS[] = {{10, 50000}, {5, 100000}, {1, 200000}}; /* with this many to tell of, no longer than this */

struct arrivals {
    sequence numbers;
    struct {
        int64_t number, at_us;
    } came[ARRIVALS_REMEMBERED]; /* at its number modulo the size; a number of SEQUENCE_NONE is empty */
    int64_t first;               /* the lowest to speak of next time, SEQUENCE_NONE if nothing was told yet */
    int64_t highest;
    int64_t telling; /* the number that the next packet of this feedback begins with, SEQUENCE_NONE between two */
    int waiting;
    int64_t since_us;
    uint8_t count;
};

static void begin_anew(arrivals *a) {
    sequence_reset(&a->numbers);
    for (size_t i = 0; i < ARRIVALS_REMEMBERED; i++)
        a->came[i].number = SEQUENCE_NONE;
    a->first = a->highest = a->telling = SEQUENCE_NONE;
    a->waiting = 0;
}

arrivals *arrivals_new(void) {
    arrivals *a = calloc(1, sizeof *a);
    if (a)
        begin_anew(a);
    return a;
}

void arrivals_free(arrivals *a) { free(a); }

static bool came(const arrivals *a, int64_t number) { return a->came[number % ARRIVALS_REMEMBERED].number == number; }

static int64_t at_us(const arrivals *a, int64_t number) { return a->came[number % ARRIVALS_REMEMBERED].at_us; }

void arrivals_add(arrivals *a, uint16_t sequence, int64_t now_us) {
    int64_t number = sequence_unwrap(&a->numbers, sequence);
    if (number == SEQUENCE_NONE && sequence_restarted(&a->numbers, sequence)) {
        begin_anew(a);
        number = sequence_unwrap(&a->numbers, sequence);
    }
    if (number == SEQUENCE_NONE || came(a, number))
        return;
    a->came[number % ARRIVALS_REMEMBERED].number = number;
    a->came[number % ARRIVALS_REMEMBERED].at_us = now_us;
    if (!a->waiting++)
        a->since_us = now_us;
    if (a->first == SEQUENCE_NONE || number < a->first)
        a->first = number;
    if (number > a->highest)
        a->highest = number;
}

int64_t arrivals_due_us(const arrivals *a) {
    for (size_t i = 0; i < sizeof WAITS / sizeof *WAITS; i++)
        if (a->waiting >= WAITS[i].packets)
            return a->since_us + WAITS[i].us;
    return INT64_MAX;
}

/* Packs statuses: long runs as such, the rest seven by seven. Returns the bytes written. */
static size_t write_chunks(uint8_t *out, const uint8_t *statuses, size_t count) {
    size_t written = 0;
    for (size_t at = 0, run; at < count; at += run, written += 2) {
        for (run = 1; at + run < count && statuses[at + run] == statuses[at]; run++)
            ;
        if (run >= VECTOR || at + run == count) {
            put_16(out + written, (uint16_t)(statuses[at] << 13 | run));
            continue;
        }
        uint16_t vector = 3;
        for (size_t i = 0; i < VECTOR; i++)
            vector = (uint16_t)(vector << 2 | (at + i < count ? statuses[at + i] : LOST));
        put_16(out + written, vector);
        run = VECTOR;
    }
    return written;
}

/* To the nearest, halves to the even one. */
static int64_t in_deltas(int64_t us) {
    int64_t whole = us / DELTA_US, rest = us % DELTA_US;
    if (rest < 0) {
        whole--;
        rest += DELTA_US;
    }
    return whole + (2 * rest > DELTA_US || (2 * rest == DELTA_US && whole & 1));
}

/* Writes one packet from `telling` on; a jump in time ends it early. */
static size_t write_packet(arrivals *a, uint8_t *out) {
    uint8_t statuses[MOST_TOLD + 1], deltas[2 * (MOST_TOLD + 1)];
    size_t told = 0, delta_size = 0;
    int64_t begin = a->telling;
    while (!came(a, begin))
        begin++;
    int64_t reference = at_us(a, begin) / REFERENCE_US, now = reference * REFERENCE_US;
    for (int64_t number = a->telling; number <= a->highest; number++, told++) {
        if (!came(a, number)) {
            statuses[told] = LOST;
            continue;
        }
        int64_t delta = in_deltas(at_us(a, number) - now);
        if (delta > LARGE_MOST || delta < -LARGE_MOST)
            break;
        now += delta * DELTA_US;
        statuses[told] = delta >= 0 && delta <= SMALL_MOST ? SMALL : LARGE;
        if (statuses[told] == LARGE)
            deltas[delta_size++] = (uint8_t)((uint16_t)delta >> 8);
        deltas[delta_size++] = (uint8_t)delta;
    }
    put_16(out + 12, (uint16_t)a->telling);
    put_16(out + 14, (uint16_t)told);
    put_32(out + 16, (uint32_t)reference << 8 | a->count++);
    size_t size = HEAD + write_chunks(out + HEAD, statuses, told);
    memcpy(out + size, deltas, delta_size);
    size += delta_size;
    a->telling += (int64_t)told;
    return size;
}

static void finish(arrivals *a, int64_t now_us) {
    a->first = a->highest + 1;
    a->telling = a->highest = SEQUENCE_NONE;
    a->waiting = 0;
    for (size_t i = 0; i < ARRIVALS_REMEMBERED; i++) {
        if (a->came[i].number != SEQUENCE_NONE && now_us - a->came[i].at_us >= REMEMBERED_US)
            a->came[i].number = SEQUENCE_NONE;
        if (a->came[i].number > a->highest)
            a->highest = a->came[i].number;
    }
}

size_t arrivals_take(arrivals *a, uint32_t ssrc, uint32_t media_ssrc, int64_t now_us, uint8_t *out) {
    bool begins = a->telling == SEQUENCE_NONE;
    if (begins) {
        if (now_us < arrivals_due_us(a))
            return 0;
        /* nobody waits for news of a hole this wide */
        a->telling = a->first > a->highest - MOST_TOLD ? a->first : a->highest - MOST_TOLD;
    }
    while (!begins && a->telling <= a->highest && !came(a, a->telling))
        a->telling++;
    if (a->telling > a->highest) {
        finish(a, now_us);
        return 0;
    }
    size_t size = write_packet(a, out);
    for (; size % 4; size++)
        out[size] = 0;
    out[0] = 0x80 | FMT_TRANSPORT_WIDE;
    out[1] = RTCP_RTPFB;
    put_16(out + 2, (uint16_t)(size / 4 - 1));
    put_32(out + 4, ssrc);
    put_32(out + 8, media_ssrc);
    return size;
}
