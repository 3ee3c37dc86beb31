/* Sequence numbers without end from RTP's 16 bits, and the question whether a sender began anew. As sequence.py. */
#ifndef SALON_SEQUENCE_H
#define SALON_SEQUENCE_H

#include <stdbool.h>
#include <stdint.h>

#define SEQUENCE_NONE (-1)

typedef struct {
    int64_t highest; /* SEQUENCE_NONE before the first */
    int32_t strange; /* the number that would follow the last wild one; SEQUENCE_NONE */
    int agreeing;
} sequence;

void sequence_reset(sequence *s);

/* The number without wrap, or SEQUENCE_NONE for one from far away that must not disturb the stream. */
int64_t sequence_unwrap(sequence *s, uint16_t number);

/* Ask after SEQUENCE_NONE: whether the sender really goes on from another number. */
bool sequence_restarted(sequence *s, uint16_t number);

#endif
