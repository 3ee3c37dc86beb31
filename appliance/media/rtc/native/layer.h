/* Where one stream of an m-line plays: the jitter buffer of the SSRC that speaks now. Another SSRC begins anew. */
#ifndef SALON_LAYER_H
#define SALON_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assembler.h"
#include "events.h"
#include "rtp.h"

#define MOST_RETIRED 4
#define RTCP_ROOM 1200

typedef struct {
    uint64_t packets, bytes, lost, skips;
} line_counters;

typedef struct {
    /* whose it is */
    event_queue *events;
    uint32_t connection;
    uint16_t line;
    uint8_t index;
    bool patient;     /* its frames may wait for others */
    uint8_t level_id; /* header extension of RFC 6464, 0 for none */

    assembler *buffer;
    enum codec codec;
    uint32_t ssrc;
    bool wants_key, asks;
    uint64_t packets;
    struct {
        uint32_t ssrc;
        int64_t until_us;
    } retired[MOST_RETIRED];
    size_t next_retired;
    line_counters before; /* of the buffers that were here before this one */
    lane waiting;         /* waiting.video says what kind of line it is */
} layer;

void layer_clear(layer *l);

/* Take a packet; frames that it completes go to the events. */
void layer_take(layer *l, const rtp_packet *p, enum codec codec, int64_t now_us);

/* Take a retransmission (RFC 4588) of `repairs`, or of whatever plays now; false when it repairs nothing here. */
bool layer_unwrap(const layer *l, rtp_packet *p, uint32_t repairs, uint8_t payload_type);

/* Let time pass; return when to come again. */
int64_t layer_tick(layer *l, int64_t now_us);

/* Write a request for what is missing (RFC 4585 section 6.2.1) in the name of `ssrc`; 0 when nothing is due. */
size_t layer_request(layer *l, uint32_t ssrc, int64_t now_us, uint8_t *out, size_t room);

/* Forget all that waits, and go on with the next key frame. */
void layer_restart(layer *l, int64_t now_us);

void layer_count(const layer *l, line_counters *sum);

/* False when nobody will hear it. */
bool layer_tell(const layer *l, enum event_kind kind);

#endif
