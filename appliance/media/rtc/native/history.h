/* What one SSRC sent lately (serialised, not yet protected), for those who ask for it again (RFC 4585 NACK).
 *
 * Pure; not thread-safe. Bounded: HISTORY_BYTES, HISTORY_PACKETS and HISTORY_US, whichever ends first. */
#ifndef SALON_HISTORY_H
#define SALON_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#include "export.h"

enum {
    HISTORY_BYTES = 1 << 20,
    HISTORY_PACKETS = 1024,
    HISTORY_US = 2000000,
    HISTORY_AGAIN_US = 12000, /* asked again sooner than this, or than a third of a round trip, is one request */
};

typedef struct history history;

/* NULL when there is no memory. */
RTP_API history *history_new(void);
RTP_API void history_free(history *h);

/* Keeps a copy. Sequence numbers should rise; a jump by more than HISTORY_PACKETS forgets all before. */
RTP_API void history_put(history *h, uint16_t sequence, const uint8_t *data, size_t size, int64_t now_us);

/* The packet to send again, NULL if it is gone or was given out a moment ago. Valid until the next put. */
RTP_API const uint8_t *history_get(history *h, uint16_t sequence, int64_t now_us, int64_t rtt_us, size_t *size);

/* Bytes held. */
RTP_API size_t history_bytes(const history *h);

#endif
