#include "packetize.h"

#include <string.h>

enum {
    VP8_DESCRIPTOR = 4, /* extended, with a picture id of 15 bits (RFC 7741 section 4.2) */
    FU_HEADER = 2,
    NAL_STAP_A = 24,
    NAL_FU_A = 28,
    NAL_FIRST_UNUSED = 24, /* an encoder makes kinds 1 to 23; the rest belongs to RTP */
    LENGTH_FIELD = 2,
};

/* Where payloads go, and the buffer they are made in. */
typedef struct {
    payload_fn emit;
    void *user;
    size_t count;
    size_t held; /* bytes of an aggregation packet so far */
    size_t units; /* in it */
    uint8_t buffer[PACKETIZE_MOST];
} out_stream;

static void emit(out_stream *out, const uint8_t *payload, size_t size, bool last) {
    out->count++;
    out->emit(out->user, payload, size, last);
}

/* Pieces of nearly the same size lose and pace better than full ones and a small rest. */
static size_t next_share(size_t left, size_t room) {
    size_t shares = (left + room - 1) / room;
    return (left + shares - 1) / shares;
}

static void vp8(packetizer *p, out_stream *out, const uint8_t *data, size_t size) {
    uint16_t id = p->picture_id & 0x7FFF;
    uint8_t *header = out->buffer;
    memcpy(header, (const uint8_t[]){0x90, 0x80, (uint8_t)(0x80 | id >> 8), (uint8_t)id}, VP8_DESCRIPTOR);
    while (size > 0) {
        size_t share = next_share(size, PACKETIZE_MOST - VP8_DESCRIPTOR);
        memcpy(header + VP8_DESCRIPTOR, data, share);
        data += share;
        size -= share;
        emit(out, header, VP8_DESCRIPTOR + share, size == 0);
        header[0] = 0x80;
    }
    p->picture_id = (id + 1) & 0x7FFF;
}

/* Returns where the next start code (00 00 01) begins, `size` if there is none. */
static size_t find_start(const uint8_t *data, size_t size) {
    for (size_t at = 2; at < size;) {
        const uint8_t *one = memchr(data + at, 1, size - at);
        if (one == NULL)
            break;
        at = (size_t)(one - data);
        if (data[at - 1] == 0 && data[at - 2] == 0)
            return at - 2;
        at++;
    }
    return size;
}

/* Takes the next NAL unit that an encoder makes off an Annex B stream; false at the end. */
static bool next_nal(const uint8_t **data, size_t *left, const uint8_t **nal, size_t *size) {
    for (;;) {
        size_t start = find_start(*data, *left);
        if (start == *left)
            return false;
        *nal = *data + start + 3;
        *left -= start + 3;
        *size = find_start(*nal, *left);
        *data = *nal + *size;
        *left -= *size;
        /* a NAL unit does not end in a zero: those are of the next start code or padding (Annex B.1) */
        while (*size > 0 && (*nal)[*size - 1] == 0)
            --*size;
        if (*size > 0 && ((*nal)[0] & 0x1F) != 0 && ((*nal)[0] & 0x1F) < NAL_FIRST_UNUSED)
            return true;
    }
}

/* RFC 6184 section 5.8. */
static void fragment(out_stream *out, const uint8_t *nal, size_t size, bool last) {
    uint8_t kind = nal[0] & 0x1F, first = 0x80;
    out->buffer[0] = (uint8_t)((nal[0] & 0xE0) | NAL_FU_A);
    nal++;
    size--;
    while (size > 0) {
        size_t share = next_share(size, PACKETIZE_MOST - FU_HEADER);
        memcpy(out->buffer + FU_HEADER, nal, share);
        nal += share;
        size -= share;
        out->buffer[1] = (uint8_t)(first | (size == 0 ? 0x40 : 0) | kind);
        emit(out, out->buffer, FU_HEADER + share, last && size == 0);
        first = 0;
    }
}

static void flush(out_stream *out, bool last) {
    /* one unit goes alone, without the aggregation around it */
    size_t skip = out->units == 1 ? 1 + LENGTH_FIELD : 0;
    if (out->units > 0)
        emit(out, out->buffer + skip, out->held - skip, last);
    out->units = out->held = 0;
}

/* Adds a unit that fits to the aggregation packet (RFC 6184 section 5.7.1). */
static void aggregate(out_stream *out, const uint8_t *nal, size_t size) {
    if (out->units == 0) {
        out->buffer[0] = NAL_STAP_A;
        out->held = 1;
    }
    uint8_t importance = nal[0] & 0x60, forbidden = nal[0] & 0x80;
    if ((out->buffer[0] & 0x60) < importance)
        out->buffer[0] = (uint8_t)((out->buffer[0] & 0x9F) | importance);
    out->buffer[0] |= forbidden;
    out->buffer[out->held] = (uint8_t)(size >> 8);
    out->buffer[out->held + 1] = (uint8_t)size;
    memcpy(out->buffer + out->held + LENGTH_FIELD, nal, size);
    out->held += LENGTH_FIELD + size;
    out->units++;
}

static void h264(out_stream *out, const uint8_t *data, size_t left) {
    const uint8_t *nal, *following;
    size_t size, following_size;
    bool more = next_nal(&data, &left, &nal, &size);
    while (more) {
        more = next_nal(&data, &left, &following, &following_size);
        size_t held = out->units ? out->held : 1;
        if (held + LENGTH_FIELD + size > PACKETIZE_MOST) {
            flush(out, false);
            held = 1;
        }
        if (size > PACKETIZE_MOST)
            fragment(out, nal, size, !more);
        else if (held + LENGTH_FIELD + size > PACKETIZE_MOST)
            emit(out, nal, size, !more); /* it fits, but not with a header around it */
        else
            aggregate(out, nal, size);
        nal = following;
        size = following_size;
    }
    flush(out, true);
}

size_t packetize(packetizer *p, const uint8_t *data, size_t size, payload_fn on_payload, void *user) {
    out_stream out;
    out.emit = on_payload;
    out.user = user;
    out.count = out.held = out.units = 0;
    if (size == 0)
        return 0;
    if (p->codec == CODEC_VP8)
        vp8(p, &out, data, size);
    else if (p->codec == CODEC_H264)
        h264(&out, data, size);
    else
        emit(&out, data, size, true);
    return out.count;
}
