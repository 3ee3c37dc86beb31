#include "missing.h"

enum {
    ASK_AGAIN_LEAST_US = 15000, /* between two requests for one packet; between these it is 3/8 of a round trip: */
    ASK_AGAIN_MOST_US = 100000, /* with timers that come late this makes two requests per round trip */
    HOLD_LEAST_US = 150000,
    FIRST_RTT_US = 100000,
    LONGEST_RTT_US = 1000000,
};

static int64_t clamp(int64_t value, int64_t least, int64_t most) {
    return value < least ? least : value > most ? most : value;
}

void round_trips_init(round_trips *r) {
    *r = (round_trips){.rtt_us = FIRST_RTT_US, .deviation_us = FIRST_RTT_US};
}

int64_t round_trips_hold(const round_trips *r) {
    return clamp(2 * r->rtt_us + 4 * r->deviation_us, HOLD_LEAST_US, MISSING_HOLD_MOST_US);
}

static void note_round_trip(round_trips *r, int64_t taken_us) {
    /* From the first request. If that one was lost the answer looks late, never early: quick answers count for more. */
    int64_t sample = clamp(taken_us, 0, LONGEST_RTT_US);
    int64_t error = sample > r->rtt_us ? sample - r->rtt_us : r->rtt_us - sample;
    r->deviation_us = (3 * r->deviation_us + error) / 4;
    int64_t weight = sample < r->rtt_us ? 4 : 16;
    r->rtt_us = ((weight - 1) * r->rtt_us + sample) / weight;
}

void missing_note(window *w, int64_t first, int64_t end, int64_t now_us, uint8_t tries) {
    for (int64_t number = first; number < end; number++) {
        *window_at(w, number) = (slot){
            .state = SLOT_MISSING,
            .since_us = now_us,
            .first_asked_us = NOT_ASKED,
            .tries_left = tries,
        };
        w->missing++;
    }
}

void missing_fill(window *w, round_trips *r, int64_t number, int64_t now_us, bool recovered) {
    r->repaired = r->repaired || recovered;
    if (!window_is_missing(w, number))
        return;
    int64_t first_asked = window_at(w, number)->first_asked_us;
    /* where answers are marked, an unmarked one was not lost, only late */
    if (first_asked != NOT_ASKED && recovered == r->repaired)
        note_round_trip(r, now_us - first_asked);
    window_clear_slot(w, number);
}

int64_t missing_age(window *w, int64_t number, int64_t now_us) {
    return window_is_missing(w, number) ? now_us - window_at(w, number)->since_us : MISSING_HOLD_MOST_US;
}

static bool is_due(const slot *s, int64_t again_us, int64_t now_us) {
    if (s->state != SLOT_MISSING || s->tries_left == 0)
        return false;
    return s->first_asked_us == NOT_ASKED || now_us - s->asked_us >= again_us;
}

size_t missing_requests(window *w, const round_trips *r, int64_t now_us, uint16_t *sequences, size_t room) {
    int64_t again_us = clamp(r->rtt_us * 3 / 8, ASK_AGAIN_LEAST_US, ASK_AGAIN_MOST_US);
    size_t count = 0, left = w->missing;
    for (int64_t number = w->head; number < w->end && count < room && left > 0; number++) {
        slot *s = window_at(w, number);
        left -= s->state == SLOT_MISSING;
        if (!is_due(s, again_us, now_us))
            continue;
        s->asked_us = now_us;
        s->tries_left--;
        if (s->first_asked_us == NOT_ASKED)
            s->first_asked_us = now_us;
        sequences[count++] = (uint16_t)number;
    }
    return count;
}

size_t missing_forget_old(window *w, int64_t now_us, int64_t first, size_t *lost) {
    size_t count = 0, left = w->missing;
    *lost = 0;
    for (int64_t number = w->head; number < w->end && left > 0; number++) {
        const slot *s = window_at(w, number);
        if (s->state != SLOT_MISSING)
            continue;
        left--;
        if (now_us - s->since_us < MISSING_HOLD_MOST_US)
            continue;
        window_clear_slot(w, number);
        count++;
        *lost += number >= first;
    }
    return count;
}
