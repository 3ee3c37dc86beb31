/* The packets of one video stream that have not come: when to ask for which again, and for how long to hope.
 * As missing.py; the holes themselves are in the window. */
#ifndef SALON_MISSING_H
#define SALON_MISSING_H

#include "window.h"

enum {
    MISSING_TRIES = 10,
    MISSING_HOLD_MOST_US = 600000, /* nothing is asked for or hoped for longer than this */
};

typedef struct {
    int64_t rtt_us, deviation_us;
    bool repaired; /* this sender's answers come marked as such (RFC 4588) */
} round_trips;

void round_trips_init(round_trips *r);

/* How long a hole may stop the picture: two round trips, and as much as they vary (RFC 6298 section 2). */
int64_t round_trips_hold(const round_trips *r);

/* Takes down numbers that were jumped over: from `first` up to, but not with, `end`. */
void missing_note(window *w, int64_t first, int64_t end, int64_t now_us, uint8_t tries);

/* Strikes out what came; `recovered` when it is known to be the answer to a request. */
void missing_fill(window *w, round_trips *r, int64_t number, int64_t now_us, bool recovered);

/* How long a number is missing; one that was forgotten is as old as can be. */
int64_t missing_age(window *w, int64_t number, int64_t now_us);

/* Writes what to ask for now: each at once, then twice per round trip, and not forever. */
size_t missing_requests(window *w, const round_trips *r, int64_t now_us, uint16_t *sequences, size_t room);

/* Strikes out what nobody hopes for any more; returns how many, in `lost` those of `first` and later. */
size_t missing_forget_old(window *w, int64_t now_us, int64_t first, size_t *lost);

#endif
