#include "pacer.h"

#include <stdlib.h>

#define DEFAULT_RATE 20000000u /* until somebody knows better: enough to spread a key frame */
#define BURST_US 5000          /* a wake-up for every packet would cost more than it helps */
#define LONGEST_US 250000      /* nothing waits longer, whatever the rate */
#define MOST_BYTES (4u << 20)

bool pacer_has_room(const pacer *p, size_t size) { return p->bytes + size <= MOST_BYTES; }

bool pacer_put(pacer *p, packet *added, enum priority priority) {
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
    p->bytes += added->size;
    return true;
}

static int64_t time_on_the_way(const pacer *p, size_t size) {
    uint64_t rate = p->bits_per_second ? p->bits_per_second : DEFAULT_RATE;
    uint64_t in_time = (uint64_t)p->bytes * 8 * 1000000 / LONGEST_US;
    return (int64_t)((uint64_t)size * 8 * 1000000 / (rate > in_time ? rate : in_time));
}

packet *pacer_take(pacer *p, int64_t now_us) {
    for (int kind = 0; kind < PACE_KINDS; kind++) {
        packet *first = p->lines[kind].first;
        if (!first)
            continue;
        if (kind != PACE_AUDIO && p->free_us > now_us + BURST_US)
            return NULL;
        p->free_us = (p->free_us > now_us ? p->free_us : now_us) + time_on_the_way(p, first->size);
        p->lines[kind].first = first->next;
        if (!first->next)
            p->lines[kind].last = NULL;
        p->bytes -= first->size;
        return first;
    }
    return NULL;
}

int64_t pacer_next_us(const pacer *p) {
    if (p->lines[PACE_AUDIO].first)
        return 0;
    return p->bytes ? p->free_us : INT64_MAX;
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
