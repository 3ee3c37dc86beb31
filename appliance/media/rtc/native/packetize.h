/* Encoded frames to RTP payloads: VP8 (RFC 7741), H.264 mode 1 (RFC 6184: single NAL, STAP-A, FU-A), Opus as it is. */
#ifndef SALON_PACKETIZE_H
#define SALON_PACKETIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "depacketize.h"
#include "export.h"

enum { PACKETIZE_MOST = 1200 }; /* bytes of one payload: fits any path with its headers, SRTP and TURN around it */

typedef struct {
    enum codec codec;
    uint16_t picture_id; /* VP8: of the next frame, 15 bits; begin anywhere */
} packetizer;

/* `payload` is valid during the call only. `last` is the marker bit of video. */
typedef void (*payload_fn)(void *user, const uint8_t *payload, size_t size, bool last);

/* Splits one frame (H.264: Annex B); returns the number of payloads, 0 for nonsense. Keeps no reference. */
RTP_API size_t packetize(packetizer *p, const uint8_t *data, size_t size, payload_fn on_payload, void *user);

#endif
