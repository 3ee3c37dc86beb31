/* The jitter buffer of one SSRC: packets in, whole frames in order out, and the requests for what is missing.
 *
 * Video behaves as assembler.py (VideoAssembler), audio as reorder.py (AudioOrder); tests hold them together.
 * Pure: times are monotonic microseconds from outside; no clock, no I/O. Not thread-safe: one thread owns it.
 * Memory is bounded: at most ASSEMBLER_WINDOW packets of RTP_MAX_PACKET bytes, and one frame made of them. */
#ifndef SALON_ASSEMBLER_H
#define SALON_ASSEMBLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "depacketize.h"
#include "export.h"
#include "rtp.h"

enum {
    ASSEMBLER_WINDOW = 2048,     /* sequence numbers looked after at once */
    ASSEMBLER_MAX_REQUESTS = 200, /* at one time */
    ASSEMBLER_TICK_US = 10000,
    FRAME_NO_LEVEL = -1,
};
#define ASSEMBLER_NEVER INT64_MAX

typedef struct assembler assembler;

typedef struct {
    const uint8_t *data; /* valid during the callback only */
    size_t size;
    uint32_t timestamp;
    uint8_t payload_type;
    bool keyframe;       /* always true for audio */
    int64_t received_us; /* when its last packet arrived */
    int audio_level;     /* RFC 6464: 0 (loudest) to 127 dB below full scale; FRAME_NO_LEVEL */
} frame;

/* The callback must not call into the same assembler. */
typedef void (*frame_fn)(void *user, const frame *whole);

typedef struct {
    uint64_t packets;  /* taken; duplicates, strays and nonsense are not */
    uint64_t refused;  /* those */
    uint64_t frames, keyframes;
    uint64_t lost;     /* given up; a packet that a retransmission brought is not lost */
    uint64_t skips;    /* how often the picture had to wait for a key frame because a hole did not fill */
    uint64_t requested; /* sequence numbers, each as often as it was asked for */
    int64_t rtt_us;    /* of requests and their answers */
    int64_t hold_us;   /* how long a hole may stop the picture at present */
} assembler_counters;

/* NULL when there is no memory. A new SSRC, or another codec on it, wants a new assembler. */
RTP_API assembler *assembler_new(enum codec codec);
RTP_API void assembler_free(assembler *a);

/* The negotiated header extension of RFC 6464; 0 (the beginning) is none. */
RTP_API void assembler_set_level_id(assembler *a, uint8_t id);

RTP_API void assembler_push(assembler *a, const rtp_packet *packet, int64_t now_us, frame_fn on_frame, void *user);

/* Lets time pass. Call it, then assembler_requests, when assembler_next_us has come. */
RTP_API void assembler_tick(assembler *a, int64_t now_us, frame_fn on_frame, void *user);

/* Writes the sequence numbers to NACK now, oldest first (so they may wrap from 65535 to 0); returns how many.
 * They count as asked for: send them. */
RTP_API size_t assembler_requests(assembler *a, int64_t now_us, uint16_t *sequences, size_t room);

/* When to tick: at once after a new hole, then every ASSEMBLER_TICK_US while something waits, else ASSEMBLER_NEVER.
 * Cheap; ask again after each push and tick. */
RTP_API int64_t assembler_next_us(const assembler *a);

/* A key frame should be asked for (PLI); the caller asks as often as is polite. */
RTP_API bool assembler_needs_key(const assembler *a);

/* Bytes of packets and of the room for a frame; sound holds next to nothing. */
size_t assembler_held(const assembler *a);

RTP_API void assembler_count(const assembler *a, assembler_counters *out);

#endif
