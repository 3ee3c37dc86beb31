#include "history.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    uint8_t *data; /* NULL: empty */
    size_t size;
    int64_t sent_us;
    int64_t again_us; /* when it was last given out; INT64_MIN: never */
} entry;

struct history {
    entry entries[HISTORY_PACKETS];
    uint16_t oldest, newest; /* live between them, both included */
    bool any;
    size_t bytes;
};

static entry *entry_of(history *h, uint16_t sequence) {
    return &h->entries[sequence % HISTORY_PACKETS];
}

static void drop(history *h, uint16_t sequence) {
    entry *e = entry_of(h, sequence);
    if (e->data != NULL)
        h->bytes -= e->size;
    free(e->data);
    *e = (entry){0};
}

static void drop_oldest(history *h) {
    drop(h, h->oldest);
    if (h->oldest == h->newest)
        h->any = false;
    else
        h->oldest++;
}

static void drop_all(history *h) {
    while (h->any)
        drop_oldest(h);
}

history *history_new(void) {
    return calloc(1, sizeof(history));
}

void history_free(history *h) {
    if (h != NULL)
        drop_all(h);
    free(h);
}

static bool is_live(const history *h, uint16_t sequence) {
    return h->any && (uint16_t)(sequence - h->oldest) <= (uint16_t)(h->newest - h->oldest);
}

/* Lets the live range end with this number, and makes room in it. */
static void advance(history *h, uint16_t sequence) {
    /* a jump, ahead or back, is a sender that began anew */
    if (h->any && (uint16_t)(sequence - h->newest) > HISTORY_PACKETS)
        drop_all(h);
    while (h->any && (uint16_t)(sequence - h->oldest) >= HISTORY_PACKETS)
        drop_oldest(h);
    if (!h->any)
        h->oldest = sequence;
    h->newest = sequence;
    h->any = true;
}

static bool is_too_much(const history *h, size_t size, int64_t now_us) {
    const entry *e = &h->entries[h->oldest % HISTORY_PACKETS];
    return e->data == NULL || h->bytes + size > HISTORY_BYTES || now_us - e->sent_us > HISTORY_US;
}

void history_put(history *h, uint16_t sequence, const uint8_t *data, size_t size, int64_t now_us) {
    if (size == 0 || size > HISTORY_BYTES)
        return;
    while (h->any && is_too_much(h, size, now_us))
        drop_oldest(h);
    if (is_live(h, sequence))
        drop(h, sequence);
    else
        advance(h, sequence);
    uint8_t *copy = malloc(size);
    if (copy == NULL)
        return;
    memcpy(copy, data, size);
    *entry_of(h, sequence) = (entry){copy, size, now_us, INT64_MIN};
    h->bytes += size;
}

const uint8_t *history_get(history *h, uint16_t sequence, int64_t now_us, int64_t rtt_us, size_t *size) {
    if (!is_live(h, sequence))
        return NULL;
    entry *e = entry_of(h, sequence);
    if (e->data == NULL || now_us - e->sent_us > HISTORY_US)
        return NULL;
    int64_t pause = rtt_us / 3 > HISTORY_AGAIN_US ? rtt_us / 3 : HISTORY_AGAIN_US;
    if (e->again_us != INT64_MIN && now_us - e->again_us < pause)
        return NULL;
    e->again_us = now_us;
    *size = e->size;
    return e->data;
}

size_t history_bytes(const history *h) {
    return h->bytes;
}
