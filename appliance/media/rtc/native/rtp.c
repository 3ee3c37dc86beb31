#include "rtp.h"

#include <string.h>

enum {
    FIXED_HEADER = 12,
    ONE_BYTE = 0xBEDE,      /* RFC 8285 section 4.2 */
    TWO_BYTE = 0x1000,      /* section 4.3; the low four bits are the application's */
    ONE_BYTE_RESERVED = 15, /* "stop here" */
};

static uint16_t read16(const uint8_t *at) {
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t read32(const uint8_t *at) {
    return (uint32_t)read16(at) << 16 | read16(at + 2);
}

static void write16(uint8_t *at, unsigned value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void write32(uint8_t *at, uint32_t value) {
    write16(at, value >> 16);
    write16(at + 2, value & 0xFFFF);
}

enum datagram_kind datagram_kind_of(const uint8_t *data, size_t size) {
    if (size < 2)
        return DATAGRAM_OTHER;
    if (data[0] <= 3)
        return DATAGRAM_STUN;
    if (data[0] >= 20 && data[0] <= 63)
        return DATAGRAM_DTLS;
    if (data[0] < 128 || data[0] > 191)
        return DATAGRAM_OTHER;
    return data[1] >= 192 && data[1] <= 223 ? DATAGRAM_RTCP : DATAGRAM_RTP;
}

/* Takes the block's header and bytes off the front; false if they are not all there. */
static bool take_extension(rtp_packet *out, const uint8_t **data, size_t *size) {
    if (*size < 4)
        return false;
    size_t length = 4 * (size_t)read16(*data + 2);
    if (*size - 4 < length)
        return false;
    out->profile = read16(*data);
    out->extension = *data + 4;
    out->extension_size = length;
    *data += 4 + length;
    *size -= 4 + length;
    return true;
}

int rtp_parse(rtp_packet *out, const uint8_t *data, size_t size) {
    if (size < FIXED_HEADER || data[0] >> 6 != 2)
        return -1;
    bool padded = data[0] & 0x20, extended = data[0] & 0x10;
    size_t header = FIXED_HEADER + 4 * (size_t)(data[0] & 0x0F);
    if (size < header)
        return -1;
    *out = (rtp_packet){
        .payload_type = data[1] & 0x7F,
        .marker = data[1] >> 7,
        .sequence = read16(data + 2),
        .timestamp = read32(data + 4),
        .ssrc = read32(data + 8),
    };
    data += header;
    size -= header;
    if (extended && !take_extension(out, &data, &size))
        return -1;
    if (padded) {
        if (size == 0 || data[size - 1] == 0 || data[size - 1] > size)
            return -1;
        size -= data[size - 1];
    }
    out->payload = data;
    out->payload_size = size;
    return 0;
}

/* Reads the element at `at`: its id (0 for padding) and size. Returns the size of its header, 0 at the end of all. */
static size_t element_header(const rtp_packet *packet, size_t at, uint8_t *id, size_t *size) {
    const uint8_t *data = packet->extension + at;
    size_t left = packet->extension_size - at;
    *size = 0;
    if (packet->profile == ONE_BYTE) {
        *id = data[0] >> 4;
        if (*id == ONE_BYTE_RESERVED)
            return 0;
        /* one zero byte is padding; an id of zero with a length is padding as well (section 4.2) */
        *size = data[0] ? (size_t)(data[0] & 0x0F) + 1 : 0;
        return 1;
    }
    *id = data[0];
    if (*id == 0)
        return 1;
    if (left < 2)
        return 0;
    *size = data[1];
    return 2;
}

int rtp_extension_get(const rtp_packet *packet, uint8_t id, const uint8_t **data, size_t *size) {
    if (id == 0 || (packet->profile != ONE_BYTE && (packet->profile & 0xFFF0) != TWO_BYTE))
        return -1;
    for (size_t at = 0; at < packet->extension_size;) {
        uint8_t found;
        size_t length, header = element_header(packet, at, &found, &length);
        if (header == 0 || packet->extension_size - at < header + length)
            return -1;
        if (found == id) {
            *data = packet->extension + at + header;
            *size = length;
            return 0;
        }
        at += header + length;
    }
    return -1;
}

static bool fits_one_byte(const rtp_extension *extensions, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (extensions[i].id >= ONE_BYTE_RESERVED || extensions[i].size == 0 || extensions[i].size > 16)
            return false;
    return true;
}

/* Returns the size of the block with its own header, a multiple of four. */
static size_t block_size(const rtp_extension *extensions, size_t count, bool one_byte) {
    size_t size = 4;
    for (size_t i = 0; i < count; i++)
        size += (one_byte ? 1u : 2u) + extensions[i].size;
    return (size + 3) / 4 * 4;
}

static void write_block(uint8_t *out, size_t size, const rtp_extension *extensions, size_t count, bool one_byte) {
    uint8_t *end = out + size;
    write16(out, one_byte ? ONE_BYTE : TWO_BYTE);
    write16(out + 2, (unsigned)(size / 4 - 1));
    out += 4;
    for (size_t i = 0; i < count; i++) {
        if (one_byte) {
            *out++ = (uint8_t)(extensions[i].id << 4 | (extensions[i].size - 1));
        } else {
            *out++ = extensions[i].id;
            *out++ = extensions[i].size;
        }
        if (extensions[i].size)
            memcpy(out, extensions[i].data, extensions[i].size);
        out += extensions[i].size;
    }
    memset(out, 0, (size_t)(end - out));
}

size_t rtp_write(uint8_t *out, size_t room, const rtp_packet *packet, const rtp_extension *extensions,
                 size_t extension_count) {
    if (extension_count > RTP_MAX_EXTENSIONS)
        return 0;
    for (size_t i = 0; i < extension_count; i++)
        if (extensions[i].id == 0) /* it would be read as padding */
            return 0;
    bool one_byte = fits_one_byte(extensions, extension_count);
    size_t block = extension_count ? block_size(extensions, extension_count, one_byte) : 0;
    if (room < FIXED_HEADER + block || room - FIXED_HEADER - block < packet->payload_size)
        return 0;
    out[0] = (uint8_t)(0x80 | (block ? 0x10 : 0));
    out[1] = (uint8_t)((packet->marker ? 0x80 : 0) | (packet->payload_type & 0x7F));
    write16(out + 2, packet->sequence);
    write32(out + 4, packet->timestamp);
    write32(out + 8, packet->ssrc);
    if (block)
        write_block(out + FIXED_HEADER, block, extensions, extension_count, one_byte);
    if (packet->payload_size)
        memcpy(out + FIXED_HEADER + block, packet->payload, packet->payload_size);
    return FIXED_HEADER + block + packet->payload_size;
}
