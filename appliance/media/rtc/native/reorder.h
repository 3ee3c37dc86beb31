/* Audio packets back into order: nothing is asked for again, so nothing waits longer than a moment. As reorder.py. */
#ifndef SALON_REORDER_H
#define SALON_REORDER_H

#include "sequence.h"
#include "sink.h"

enum { REORDER_CAPACITY = 10 };

typedef struct {
    int64_t number;
    uint8_t *data;
    size_t size;
    uint32_t timestamp;
    uint8_t payload_type;
    int level;
    int64_t received_us;
} held_packet;

typedef struct {
    sequence numbers;
    held_packet held[REORDER_CAPACITY]; /* by number */
    size_t count;
    bool begun;
    int64_t next;
    bool blocked;
    int64_t blocked_since_us;
    assembler_counters counters;
} reorder;

reorder *reorder_new(void); /* NULL when there is no memory */
void reorder_free(reorder *r);

/* False for what is not taken: duplicates, strays, late ones, and when there is no memory. */
bool reorder_push(reorder *r, const rtp_packet *packet, int level, int64_t now_us, const sink *to);
void reorder_tick(reorder *r, int64_t now_us, const sink *to);

/* When reorder_tick has something to do, or ASSEMBLER_NEVER. */
int64_t reorder_next_us(const reorder *r);

#endif
