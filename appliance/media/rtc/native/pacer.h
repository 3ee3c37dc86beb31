/* Packets on their way out: sound at once, repairs next, pictures as fast as the way can bear. Pure. */
#ifndef SALON_PACER_H
#define SALON_PACER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum priority { PACE_AUDIO, PACE_REPAIR, PACE_VIDEO, PACE_KINDS };

typedef struct packet {
    struct packet *next;
    uint16_t size;
    uint16_t sender; /* whose it is; the pacer does not look */
    bool repair;
    _Alignas(8) uint8_t data[]; /* libsrtp works on words */
} packet;

typedef struct {
    struct {
        packet *first, *last;
        size_t count;
    } lines[PACE_KINDS];
    size_t bytes;
    int64_t free_us; /* when all that left is through, at the present rate */
    uint64_t bits_per_second;
    uint64_t probe_rate; /* while it lasts, instead of the other */
    int64_t probe_left;  /* bytes */
} pacer;

/* Whether so many bytes more may wait. */
bool pacer_has_room(const pacer *p, size_t size);

/* Queue a packet, which is the pacer's from now on; false: too much waits, it was freed. */
bool pacer_put(pacer *p, packet *added, enum priority priority);

/* Return the next packet if it may leave now; the caller frees it. */
packet *pacer_take(pacer *p, int64_t now_us);

/* When to ask again; INT64_MAX while nothing waits. */
int64_t pacer_next_us(const pacer *p);

/* Whether pictures wait: the next frame had better wait where it can still be dropped whole. */
bool pacer_holds(const pacer *p);

/* Send so many bytes at that rate from now on. */
void pacer_probe(pacer *p, uint64_t bits_per_second, size_t bytes, int64_t now_us);

/* Whether the probe lacks packets now; what is put in then is padding. */
bool pacer_wants_padding(const pacer *p, int64_t now_us);

void pacer_clear(pacer *p);

#endif
