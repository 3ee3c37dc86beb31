#include "reorder.h"

#include <stdlib.h>
#include <string.h>

enum { HOLD_US = 40000 }; /* sound that comes later is of no use to a conversation */

reorder *reorder_new(void) {
    reorder *r = calloc(1, sizeof *r);
    if (r != NULL)
        sequence_reset(&r->numbers);
    return r;
}

static void clear(reorder *r) {
    for (size_t i = 0; i < r->count; i++)
        free(r->held[i].data);
    r->count = 0;
    r->blocked = false;
}

void reorder_free(reorder *r) {
    if (r != NULL)
        clear(r);
    free(r);
}

static void emit(reorder *r, const held_packet *p, const sink *to) {
    frame whole = {
        .data = p->data,
        .size = p->size,
        .timestamp = p->timestamp,
        .payload_type = p->payload_type,
        .keyframe = true,
        .received_us = p->received_us,
        .audio_level = p->level,
    };
    sink_put(to, &whole, &r->counters);
}

/* Hands out all whose turn it is. */
static void emit_ready(reorder *r, int64_t now_us, const sink *to) {
    size_t ready = 0;
    for (; ready < r->count && r->held[ready].number == r->next; ready++, r->next++) {
        emit(r, &r->held[ready], to);
        free(r->held[ready].data);
    }
    r->count -= ready;
    memmove(r->held, r->held + ready, r->count * sizeof *r->held);
    if (r->count > 0 && (ready > 0 || !r->blocked))
        r->blocked_since_us = now_us;
    r->blocked = r->count > 0;
}

static void skip(reorder *r, int64_t now_us, const sink *to) {
    r->counters.lost += (uint64_t)(r->held[0].number - r->next);
    r->next = r->held[0].number;
    emit_ready(r, now_us, to);
}

static int64_t unwrap(reorder *r, uint16_t number) {
    int64_t extended = sequence_unwrap(&r->numbers, number);
    if (extended == SEQUENCE_NONE && sequence_restarted(&r->numbers, number)) {
        clear(r);
        sequence_reset(&r->numbers);
        r->begun = false;
        extended = sequence_unwrap(&r->numbers, number);
    }
    return extended;
}

/* Returns where a packet belongs among the held; false if it is there already. */
static bool find_place(const reorder *r, int64_t number, size_t *place) {
    *place = r->count;
    while (*place > 0 && r->held[*place - 1].number > number)
        --*place;
    return *place == 0 || r->held[*place - 1].number != number;
}

bool reorder_push(reorder *r, const rtp_packet *packet, int level, int64_t now_us, const sink *to) {
    int64_t number = unwrap(r, packet->sequence);
    if (number == SEQUENCE_NONE)
        return false;
    if (!r->begun) {
        r->begun = true;
        r->next = number;
    }
    size_t place;
    if (number < r->next || !find_place(r, number, &place))
        return false;
    held_packet p = {
        .number = number,
        .size = packet->payload_size,
        .timestamp = packet->timestamp,
        .payload_type = packet->payload_type,
        .level = level,
        .received_us = now_us,
    };
    if (p.size > 0) {
        p.data = malloc(p.size);
        if (p.data == NULL)
            return false;
        memcpy(p.data, packet->payload, p.size);
    }
    memmove(r->held + place + 1, r->held + place, (r->count - place) * sizeof p);
    r->held[place] = p;
    r->count++;
    emit_ready(r, now_us, to);
    if (r->count >= REORDER_CAPACITY)
        skip(r, now_us, to);
    return true;
}

void reorder_tick(reorder *r, int64_t now_us, const sink *to) {
    if (r->blocked && now_us - r->blocked_since_us >= HOLD_US)
        skip(r, now_us, to);
}

int64_t reorder_next_us(const reorder *r) {
    return r->blocked ? r->blocked_since_us + HOLD_US : ASSEMBLER_NEVER;
}
