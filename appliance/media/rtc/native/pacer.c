#include "pacer.h"

#include <stdlib.h>

#define DEFAULT_RATE 20000000u /* until somebody knows better: enough to spread a key frame */
#define BURST_US 5000          /* a wake-up for every packet would cost more than it helps */
#define PROBE_BURST_US 1000    /* a probe's rate is measured from its packets, so they must not come in lumps */
#define LATE_US 2000           /* timers fire late; so much is caught up */
#define DRAIN_US 500000        /* whatever the rate, what waits leaves as if it had to be through in this time: it
                                * dwindles, and the last of it waits longer. pacer.py, which holds the speed until
                                * nothing waits, keeps to the time; this is gentler on a narrow link. */
#define MOST_BYTES (4u << 20)
#define MOST_REPAIRS 200

bool pacer_has_room(const pacer *p, size_t size) { return p->bytes + size <= MOST_BYTES; }

static packet *take_first(pacer *p, enum priority priority) {
    packet *first = p->lines[priority].first;
    p->lines[priority].first = first->next;
    if (!first->next)
        p->lines[priority].last = NULL;
    p->lines[priority].count--;
    p->bytes -= first->size;
    return first;
}

bool pacer_put(pacer *p, packet *added, enum priority priority) {
    /* what could not be repaired in time is not repaired at all */
    if (priority == PACE_REPAIR && p->lines[priority].count >= MOST_REPAIRS)
        free(take_first(p, priority));
    if (!pacer_has_room(p, added->size)) {
        free(added);
        return false;
    }
    added->next = NULL;
    if (p->lines[priority].last)
        p->lines[priority].last->next = added;
    else
        p->lines[priority].first = added;
    p->lines[priority].last = added;
    p->lines[priority].count++;
    p->bytes += added->size;
    return true;
}

static uint64_t rate_of(const pacer *p) {
    if (p->probe_left > 0)
        return p->probe_rate;
    uint64_t rate = p->bits_per_second ? p->bits_per_second : DEFAULT_RATE;
    uint64_t in_time = (uint64_t)p->bytes * 8 * 1000000 / DRAIN_US;
    return rate > in_time ? rate : in_time;
}

static int64_t burst_of(const pacer *p) { return p->probe_left > 0 ? PROBE_BURST_US : BURST_US; }

static void account(pacer *p, size_t size, int64_t now_us) {
    int64_t from = p->free_us > now_us - LATE_US ? p->free_us : now_us - LATE_US;
    p->free_us = from + (int64_t)((uint64_t)size * 8 * 1000000 / rate_of(p));
    if (p->probe_left > 0)
        p->probe_left -= (int64_t)size;
}

packet *pacer_take(pacer *p, int64_t now_us) {
    for (enum priority kind = 0; kind < PACE_KINDS; kind++) {
        packet *first = p->lines[kind].first;
        if (!first)
            continue;
        if (kind != PACE_AUDIO && p->free_us > now_us + burst_of(p))
            return NULL;
        account(p, first->size, now_us);
        return take_first(p, kind);
    }
    return NULL;
}

int64_t pacer_next_us(const pacer *p) {
    if (p->lines[PACE_AUDIO].first)
        return 0;
    return p->bytes || p->probe_left > 0 ? p->free_us : INT64_MAX;
}

bool pacer_holds(const pacer *p) { return p->lines[PACE_VIDEO].first; }

void pacer_probe(pacer *p, uint64_t bits_per_second, size_t bytes, int64_t now_us) {
    p->probe_rate = bits_per_second ? bits_per_second : 1;
    p->probe_left = (int64_t)bytes;
    /* a pause after its first packet would count as the link's */
    if (p->free_us > now_us)
        p->free_us = now_us;
}

bool pacer_wants_padding(const pacer *p, int64_t now_us) {
    return p->probe_left > 0 && !p->bytes && p->free_us <= now_us + PROBE_BURST_US;
}

void pacer_clear(pacer *p) {
    for (int kind = 0; kind < PACE_KINDS; kind++) {
        for (packet *one = p->lines[kind].first, *next; one; one = next) {
            next = one->next;
            free(one);
        }
    }
    *p = (pacer){.bits_per_second = p->bits_per_second};
}
