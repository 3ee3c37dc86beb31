/* RTP payloads of VP8 (RFC 7741), H.264 (RFC 6184) and Opus (RFC 7587) to pieces of frames. */
#ifndef SALON_DEPACKETIZE_H
#define SALON_DEPACKETIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "export.h"

enum codec { CODEC_VP8, CODEC_H264, CODEC_OPUS };

/* How a piece's bytes are made of the payload's. */
enum piece_form { PIECE_PLAIN, PIECE_NAL, PIECE_FU_START, PIECE_STAP };

typedef struct {
    const uint8_t *data; /* points into the payload */
    size_t data_size;
    size_t size;        /* of what piece_write writes; 0 for padding */
    uint8_t nal_header; /* PIECE_FU_START: the NAL unit's first byte */
    enum piece_form form;
    bool starts; /* the frame can begin with this packet */
    bool sure;   /* it begins with this packet and no other: nothing of it can be missing before */
    bool key;    /* this packet proves that the frame is a key frame */
} piece;

/* 0, or -1 for nonsense. An empty payload is padding: an empty piece. */
RTP_API int depacketize(piece *out, enum codec codec, const uint8_t *payload, size_t size);

/* Writes the piece's part of the frame (H.264 with start codes): exactly `size` bytes. */
RTP_API void piece_write(const piece *from, uint8_t *out);

#endif
