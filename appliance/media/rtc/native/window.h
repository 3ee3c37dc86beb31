/* A ring of the sequence numbers that matter now: for each the packet, or since when it is missing. */
#ifndef SALON_WINDOW_H
#define SALON_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assembler.h"

enum slot_state { SLOT_EMPTY, SLOT_PACKET, SLOT_MISSING };
enum slot_flags { SLOT_MARKER = 1, SLOT_STARTS = 2, SLOT_SURE = 4, SLOT_KEY = 8 };

typedef struct {
    union {
        uint8_t *data;          /* of a packet: its piece of the frame; NULL if that is empty */
        int64_t first_asked_us; /* of a missing one: NOT_ASKED before the first request */
    };
    int64_t since_us; /* arrived, or missing since */
    int64_t asked_us; /* last */
    uint32_t timestamp;
    uint16_t size;
    uint8_t state, flags, tries_left, payload_type;
} slot;

#define NOT_ASKED INT64_MIN

typedef struct {
    slot slots[ASSEMBLER_WINDOW];
    int64_t head; /* all slots outside [head, end) are empty; end - head <= ASSEMBLER_WINDOW */
    int64_t end;
    size_t packets, missing, bytes;
} window;

static inline slot *window_at(window *w, int64_t number) {
    return &w->slots[(uint64_t)number % ASSEMBLER_WINDOW];
}

/* NULL unless the packet of this number is here. */
static inline slot *window_packet(window *w, int64_t number) {
    slot *s = window_at(w, number);
    return number >= w->head && number < w->end && s->state == SLOT_PACKET ? s : NULL;
}

static inline bool window_is_missing(window *w, int64_t number) {
    return number >= w->head && number < w->end && window_at(w, number)->state == SLOT_MISSING;
}

void window_clear_slot(window *w, int64_t number);

/* Forgets what is before this number; returns how many missing ones of `first` and later were among that. */
size_t window_forget_below(window *w, int64_t head, int64_t first);

/* First and last number around a packet that share its timestamp without a hole. */
void window_run(window *w, int64_t number, int64_t *first, int64_t *last);
bool window_is_whole(window *w, int64_t first, int64_t last);
bool window_has_key(window *w, int64_t first, int64_t last);

/* Where the first whole key frame behind a number begins, or -1. */
int64_t window_next_key(window *w, int64_t after);

#endif
