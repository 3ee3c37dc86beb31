/* RTP packets on the wire (RFC 3550 section 5.1, header extensions RFC 8285): parse, write, and tell datagrams apart. */
#ifndef SALON_RTP_H
#define SALON_RTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "export.h"

enum {
    RTP_MAX_PACKET = 2048, /* longer datagrams are not ours: no path outside one machine carries them */
    RTP_MAX_EXTENSIONS = 16,
};

typedef struct {
    uint8_t payload_type;
    bool marker;
    bool recovered; /* came as a retransmission (RFC 4588); rtp_parse says false, who unwraps says true */
    uint16_t sequence;
    uint32_t timestamp, ssrc;
    uint16_t profile; /* of the extension block; 0 when there is none */
    const uint8_t *extension;
    size_t extension_size;
    const uint8_t *payload; /* without padding; points into the datagram */
    size_t payload_size;
} rtp_packet;

typedef struct {
    uint8_t id; /* 1 to 14 for the one-byte form, to 255 for the two-byte form */
    uint8_t size;
    const uint8_t *data;
} rtp_extension;

/* RFC 7983 section 7, and RFC 5761 section 4 for RTCP. */
enum datagram_kind { DATAGRAM_OTHER, DATAGRAM_STUN, DATAGRAM_DTLS, DATAGRAM_RTP, DATAGRAM_RTCP };

RTP_API enum datagram_kind datagram_kind_of(const uint8_t *data, size_t size);

/* 0, or -1 for nonsense. */
RTP_API int rtp_parse(rtp_packet *out, const uint8_t *data, size_t size);

/* 0 and the element's bytes, or -1 if the packet has no such element. */
RTP_API int rtp_extension_get(const rtp_packet *packet, uint8_t id, const uint8_t **data, size_t *size);

/* Writes header, extensions and payload; `extension` and `profile` of the packet are not used.
 * Returns the size, 0 if it does not fit. `out` must not overlap the payload. */
RTP_API size_t rtp_write(uint8_t *out, size_t room, const rtp_packet *packet, const rtp_extension *extensions,
                         size_t extension_count);

#endif
