/* The sending half of a connection: frames to packets, into the pacer, and again for those who ask (NACK). */
#ifndef SALON_OUTGOING_H
#define SALON_OUTGOING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "extensions.h"
#include "pacer.h"
#include "packet_log.h"
#include "rtp.h"

/* What Python knows of a stream to send. */
typedef struct {
    uint32_t ssrc, repair_ssrc;
    uint16_t number;
    uint8_t video, codec; /* enum line_codec */
    uint8_t payload_type, repair_payload_type; /* the latter 0 without RTX: repairs then look like the lost */
    extension_ids ids;
    char mid[NAME_ROOM], rid[NAME_ROOM];
} sender_setup;

typedef struct {
    uint64_t packets, octets, repaired;
} sender_counters;

typedef struct sender sender;

/* What repairs may take of the rate: what was lost on a full link must not keep it full. As RepairBudget in pacer.py,
 * but answers to requests are charged during a probe too; padding is not. */
typedef struct {
    uint64_t bits_per_second; /* 0: as much as they like */
    int64_t credit;           /* bytes */
    int64_t at_us;
} repair_budget;

typedef struct {
    sender *senders;
    pacer pace;
    repair_budget repairs;
    packet_log sent;
    uint16_t transport_sequence;
    int64_t rtt_us;
    struct { /* the last large packet of video that left: padding repeats it */
        uint16_t sender, size;
        uint8_t data[RTP_MAX_PACKET];
    } newest;
} outgoing;

void outgoing_clear(outgoing *out);

bool outgoing_set_sender(outgoing *out, const sender_setup *setup, uint32_t seed);
void outgoing_drop_sender(outgoing *out, uint16_t number);

/* Queue a whole frame (level: RFC 6464, or NO_LEVEL); returns how many packets it became, 0 if it was refused. */
size_t outgoing_frame(outgoing *out, uint16_t number, const uint8_t *data, size_t size, uint32_t timestamp,
                      uint8_t level);

/* Look through a received compound for requests, and queue what they want. */
void outgoing_requests(outgoing *out, const uint8_t *data, size_t size, int64_t now_us);

/* Write into a packet that leaves now what only now is known; log it, and keep it for requests. */
void outgoing_leave(outgoing *out, packet *leaving, int64_t now_us);

/* Give a probe what it lacks; false if there is nothing to give (any more), and then the probe is over. */
bool outgoing_pad(outgoing *out, int64_t now_us);

/* Whether there is something to give to a probe. */
bool outgoing_can_pad(const outgoing *out);

bool outgoing_count(const outgoing *out, uint16_t number, sender_counters *counters);

#endif
