#include "depacketize.h"

#include <string.h>

enum { NAL_IDR = 5, NAL_SEI = 6, NAL_SPS = 7, NAL_DELIMITER = 9, NAL_STAP_A = 24, NAL_FU_A = 28 };
enum { START_CODE = 4 };

/* Returns the size of the payload descriptor (RFC 7741 section 4.2), 0 if it is cut off. */
static size_t vp8_descriptor(const uint8_t *data, size_t size) {
    if (!(data[0] & 0x80))
        return 1;
    if (size < 2)
        return 0;
    uint8_t extended = data[1];
    size_t at = 2;
    if (extended & 0x80) { /* I: picture id, of 7 or 15 bits */
        if (size < at + 1)
            return 0;
        at += data[at] & 0x80 ? 2 : 1;
    }
    if (extended & 0x40) /* L: TL0PICIDX */
        at++;
    if (extended & 0x30) /* T, K: share one byte */
        at++;
    return size < at ? 0 : at;
}

static int vp8(piece *out, const uint8_t *data, size_t size) {
    size_t header = vp8_descriptor(data, size);
    if (header == 0)
        return -1;
    /* S is set and the partition index is 0 */
    bool starts = (data[0] & 0x1F) == 0x10;
    *out = (piece){.data = data + header, .data_size = size - header, .size = size - header};
    out->starts = out->sure = starts;
    /* the inverse key frame flag is the first bit of the frame (RFC 7741 section 4.3) */
    out->key = starts && size > header && !(data[header] & 1);
    return 0;
}

/* Whether a NAL unit can be the first of its access unit: parameters, or a slice whose first macroblock is 0. */
static bool begins(uint8_t kind, const uint8_t *after, size_t size) {
    return (kind >= NAL_SEI && kind <= NAL_DELIMITER) || (size > 0 && after[0] & 0x80);
}

/* Nothing stands before an access unit delimiter, and an encoder without it begins with the SPS. */
static bool is_sure(uint8_t kind) {
    return kind == NAL_SPS || kind == NAL_DELIMITER;
}

static void note_unit(piece *out, const uint8_t *unit, size_t size) {
    uint8_t kind = unit[0] & 0x1F;
    if (out->size == 0) {
        out->starts = begins(kind, unit + 1, size - 1);
        out->sure = is_sure(kind);
    }
    out->key = out->key || kind == NAL_IDR;
    out->size += START_CODE + size;
}

/* RFC 6184 section 5.8. */
static int h264_fragment(piece *out, const uint8_t *data, size_t size) {
    if (size < 2)
        return -1;
    bool first = data[1] & 0x80;
    uint8_t kind = data[1] & 0x1F;
    *out = (piece){.data = data + 2, .data_size = size - 2, .size = size - 2, .key = kind == NAL_IDR};
    if (first) {
        out->form = PIECE_FU_START;
        out->nal_header = (uint8_t)((data[0] & 0xE0) | kind);
        out->size += START_CODE + 1;
        out->starts = begins(kind, data + 2, size - 2);
    }
    return 0;
}

/* Takes one unit off a single-time aggregation packet (RFC 6184 section 5.7.1); false if it is cut off. */
static bool next_unit(const uint8_t **at, size_t *left, const uint8_t **unit, size_t *size) {
    if (*left < 2)
        return false;
    *size = (size_t)((*at)[0] << 8 | (*at)[1]);
    *unit = *at + 2;
    if (*left - 2 < *size)
        return false;
    *at += 2 + *size;
    *left -= 2 + *size;
    return true;
}

static int h264_aggregate(piece *out, const uint8_t *data, size_t size) {
    const uint8_t *at = data + 1, *unit;
    size_t left = size - 1, length;
    *out = (piece){.data = at, .data_size = left, .form = PIECE_STAP};
    while (left > 0) {
        if (!next_unit(&at, &left, &unit, &length))
            return -1;
        if (length > 0)
            note_unit(out, unit, length);
    }
    return 0;
}

static int h264(piece *out, const uint8_t *data, size_t size) {
    uint8_t kind = data[0] & 0x1F;
    if (kind == NAL_FU_A)
        return h264_fragment(out, data, size);
    if (kind == NAL_STAP_A)
        return h264_aggregate(out, data, size);
    if (kind == 0 || kind > NAL_STAP_A)
        return -1;
    *out = (piece){.data = data, .data_size = size, .form = PIECE_NAL};
    note_unit(out, data, size);
    return 0;
}

int depacketize(piece *out, enum codec codec, const uint8_t *payload, size_t size) {
    *out = (piece){0};
    if (size == 0)
        return 0;
    if (codec == CODEC_VP8)
        return vp8(out, payload, size);
    if (codec == CODEC_H264)
        return h264(out, payload, size);
    *out = (piece){.data = payload, .data_size = size, .size = size, .starts = true, .sure = true, .key = true};
    return 0;
}

static uint8_t *write_start_code(uint8_t *out) {
    memcpy(out, "\0\0\0\1", START_CODE);
    return out + START_CODE;
}

static void write_units(const piece *from, uint8_t *out) {
    const uint8_t *at = from->data, *unit;
    size_t left = from->data_size, length;
    while (next_unit(&at, &left, &unit, &length)) {
        if (length == 0)
            continue;
        out = write_start_code(out);
        memcpy(out, unit, length);
        out += length;
    }
}

void piece_write(const piece *from, uint8_t *out) {
    if (from->form == PIECE_STAP) {
        write_units(from, out);
        return;
    }
    if (from->form != PIECE_PLAIN)
        out = write_start_code(out);
    if (from->form == PIECE_FU_START)
        *out++ = from->nal_header;
    if (from->data_size > 0)
        memcpy(out, from->data, from->data_size);
}
