#include "reception.h"

#define MOST_DROPOUT 3000
#define MOST_MISORDER 100
#define MOST_LOST 0x7FFFFF

static void begin(reception *r, uint16_t sequence) {
    *r = (reception){.begun = true, .first = sequence, .highest = sequence, .strange = (uint16_t)(sequence - 1)};
}

static void follow(reception *r, uint16_t sequence) {
    uint16_t step = (uint16_t)(sequence - r->highest);
    if (step < MOST_DROPOUT) {
        if (sequence < r->highest)
            r->cycles += 1u << 16;
        r->highest = sequence;
    } else if (step <= (uint16_t)-MOST_MISORDER) {
        /* two in a row from far away: the sender began anew */
        if (sequence == r->strange)
            begin(r, sequence);
        r->strange = (uint16_t)(sequence + 1);
    }
}

void reception_add(reception *r, uint16_t sequence, uint32_t timestamp, uint32_t clock_rate, int64_t now_us) {
    uint32_t transit = (uint32_t)((uint64_t)now_us * clock_rate / 1000000) - timestamp;
    if (!r->begun) {
        begin(r, sequence);
        r->transit = transit;
    } else {
        follow(r, sequence);
    }
    int32_t change = (int32_t)(transit - r->transit);
    r->transit = transit;
    uint32_t size = change < 0 ? 0u - (uint32_t)change : (uint32_t)change;
    /* a jump of more than some seconds is a clock that was set, not the network's doing */
    if (size < 10 * clock_rate)
        r->jitter_16 += size - ((r->jitter_16 + 8) >> 4);
    r->received++;
    r->fresh = true;
}

void reception_take(reception *r, reception_report *out) {
    uint32_t expected = r->cycles + r->highest - r->first + 1;
    int64_t lost = (int64_t)expected - r->received;
    uint32_t expected_now = expected - r->expected_before;
    uint32_t received_now = r->received - r->received_before;
    out->highest = r->cycles + r->highest;
    out->jitter = r->jitter_16 >> 4;
    out->lost = (int32_t)(lost > MOST_LOST ? MOST_LOST : lost < -MOST_LOST ? -MOST_LOST : lost);
    out->fraction_lost = 0;
    if (expected_now && expected_now < 1u << 24 && received_now < expected_now)
        out->fraction_lost = ((expected_now - received_now) << 8) / expected_now;
    if (out->fraction_lost > 255)
        out->fraction_lost = 255;
    r->expected_before = expected;
    r->received_before = r->received;
    r->fresh = false;
}
