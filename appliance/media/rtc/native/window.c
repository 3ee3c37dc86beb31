#include "window.h"

#include <stdlib.h>

void window_clear_slot(window *w, int64_t number) {
    slot *s = window_at(w, number);
    if (s->state == SLOT_PACKET) {
        free(s->data);
        w->packets--;
        w->bytes -= s->size;
    } else if (s->state == SLOT_MISSING) {
        w->missing--;
    }
    *s = (slot){0};
}

size_t window_forget_below(window *w, int64_t head, int64_t first) {
    size_t lost = 0;
    for (int64_t number = w->head; number < head && number < w->end; number++) {
        lost += number >= first && window_is_missing(w, number);
        window_clear_slot(w, number);
    }
    w->head = head;
    if (w->end < head)
        w->end = head;
    return lost;
}

static bool is_of(window *w, int64_t number, uint32_t timestamp) {
    const slot *s = window_packet(w, number);
    return s != NULL && s->timestamp == timestamp;
}

void window_run(window *w, int64_t number, int64_t *first, int64_t *last) {
    uint32_t timestamp = window_at(w, number)->timestamp;
    *first = *last = number;
    while (is_of(w, *first - 1, timestamp))
        --*first;
    while (is_of(w, *last + 1, timestamp))
        ++*last;
}

static bool any_flag(window *w, int64_t first, int64_t last, uint8_t flag) {
    for (int64_t number = first; number <= last; number++)
        if (window_at(w, number)->flags & flag)
            return true;
    return false;
}

bool window_is_whole(window *w, int64_t first, int64_t last) {
    uint8_t flags = window_at(w, first)->flags;
    bool begins = flags & SLOT_STARTS && (flags & SLOT_SURE || !window_is_missing(w, first - 1));
    /* padding after a frame repeats its timestamp, so the marker need not be on the last */
    return begins && (window_packet(w, last + 1) != NULL || any_flag(w, first, last, SLOT_MARKER));
}

bool window_has_key(window *w, int64_t first, int64_t last) {
    return any_flag(w, first, last, SLOT_KEY);
}

int64_t window_next_key(window *w, int64_t after) {
    for (int64_t number = after + 1; number < w->end; number++) {
        const slot *s = window_packet(w, number);
        if (s == NULL || !(s->flags & SLOT_KEY))
            continue;
        int64_t first, last;
        window_run(w, number, &first, &last);
        if (window_is_whole(w, first, last))
            return first;
        number = last;
    }
    return -1;
}
