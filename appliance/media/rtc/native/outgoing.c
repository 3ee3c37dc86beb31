#include "outgoing.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "events.h"
#include "history.h"
#include "incoming.h"
#include "packetize.h"
#include "rtp.h"
#include "srtp.h"

#define HEAD_ROOM 160 /* header and extensions */
#define RTCP_RTPFB 205
#define FMT_NACK 1
#define ONE_BYTE_PROFILE 0xBEDE
#define LARGE 500
#define REPAIRS_US 250000
#define LEAST_REPAIRS 3000 /* bytes of repairs that may leave at once after a pause */

struct sender {
    sender *next;
    sender_setup setup;
    packetizer cut;
    history *kept;
    uint16_t sequence, repair_sequence;
    sender_counters counters;
};

typedef struct {
    outgoing *out;
    sender *from;
    uint32_t timestamp;
    uint8_t level;
} frame_on_its_way;

static sender *sender_numbered(const outgoing *out, uint16_t number) {
    sender *s = out->senders;
    while (s && s->setup.number != number)
        s = s->next;
    return s;
}

static sender *sender_of(const outgoing *out, uint32_t ssrc) {
    sender *s = out->senders;
    while (s && s->setup.ssrc != ssrc)
        s = s->next;
    return s;
}

/* A beginning that nobody can guess and that leaves time before the number wraps (RFC 3711 section 3.3.1). */
static sender *new_sender(uint32_t seed) {
    sender *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->kept = history_new();
    if (!s->kept) {
        free(s);
        return NULL;
    }
    s->sequence = seed & 0x7FFF;
    s->repair_sequence = (seed >> 8) & 0x7FFF;
    s->cut.picture_id = (seed >> 16) & 0x7FFF;
    return s;
}

bool outgoing_set_sender(outgoing *out, const sender_setup *setup, uint32_t seed) {
    sender *s = sender_numbered(out, setup->number);
    if (!s) {
        s = new_sender(seed);
        if (!s)
            return false;
        s->next = out->senders;
        out->senders = s;
    }
    s->setup = *setup;
    s->cut.codec = setup->codec == LINE_VP8 ? CODEC_VP8 : setup->codec == LINE_H264 ? CODEC_H264 : CODEC_OPUS;
    return true;
}

static void free_sender(sender *s) {
    history_free(s->kept);
    free(s);
}

void outgoing_drop_sender(outgoing *out, uint16_t number) {
    for (sender **at = &out->senders; *at; at = &(*at)->next) {
        if ((*at)->setup.number != number)
            continue;
        sender *gone = *at;
        *at = gone->next;
        free_sender(gone);
        return;
    }
}

void outgoing_clear(outgoing *out) {
    for (sender *s = out->senders, *next; s; s = next) {
        next = s->next;
        free_sender(s);
    }
    pacer_clear(&out->pace);
    log_clear(&out->sent);
    *out = (outgoing){0};
}

static packet *new_packet(uint16_t number, size_t room) {
    packet *p = malloc(sizeof *p + room + SRTP_ROOM);
    if (p)
        *p = (packet){.sender = number};
    return p;
}

static size_t extensions_of(const frame_on_its_way *f, rtp_extension *out) {
    static const uint8_t later[3] = {0};
    const sender_setup *setup = &f->from->setup;
    size_t count = 0;
    if (setup->ids.mid && setup->mid[0])
        out[count++] = (rtp_extension){setup->ids.mid, (uint8_t)strlen(setup->mid), (const uint8_t *)setup->mid};
    if (setup->ids.rid && setup->rid[0])
        out[count++] = (rtp_extension){setup->ids.rid, (uint8_t)strlen(setup->rid), (const uint8_t *)setup->rid};
    if (setup->ids.audio_level && f->level != NO_LEVEL)
        out[count++] = (rtp_extension){setup->ids.audio_level, 1, &f->level};
    if (setup->ids.abs_send_time)
        out[count++] = (rtp_extension){setup->ids.abs_send_time, 3, later};
    if (setup->ids.transport_sequence)
        out[count++] = (rtp_extension){setup->ids.transport_sequence, 2, later};
    return count;
}

static void on_payload(void *user, const uint8_t *payload, size_t size, bool last) {
    const frame_on_its_way *f = user;
    sender *s = f->from;
    rtp_extension extensions[5];
    rtp_packet head = {
        .payload_type = s->setup.payload_type,
        .marker = last,
        .sequence = s->sequence++,
        .timestamp = f->timestamp,
        .ssrc = s->setup.ssrc,
        .payload = payload,
        .payload_size = size,
    };
    packet *p = new_packet(s->setup.number, HEAD_ROOM + size);
    if (!p)
        return;
    p->size = (uint16_t)rtp_write(p->data, HEAD_ROOM + size, &head, extensions, extensions_of(f, extensions));
    s->counters.packets++;
    s->counters.octets += size;
    pacer_put(&f->out->pace, p, s->setup.video ? PACE_VIDEO : PACE_AUDIO);
}

size_t outgoing_frame(outgoing *out, uint16_t number, const uint8_t *data, size_t size, uint32_t timestamp,
                      uint8_t level) {
    sender *s = sender_numbered(out, number);
    /* half a frame is of no use to anybody */
    if (!s || !pacer_has_room(&out->pace, 2 * size))
        return 0;
    frame_on_its_way f = {out, s, timestamp, level};
    return packetize(&s->cut, data, size, on_payload, &f);
}

/* ---- again (RFC 4588) ---- */

static void rename_rid(const sender_setup *setup, const rtp_packet *p) {
    const uint8_t *rid;
    size_t size;
    if (!setup->ids.repaired_rid || p->profile != ONE_BYTE_PROFILE ||
        rtp_extension_get(p, setup->ids.rid, &rid, &size) < 0)
        return;
    /* it lies in a packet of ours; the byte before the element names it */
    ((uint8_t *)rid)[-1] = (uint8_t)(setup->ids.repaired_rid << 4 | (size - 1));
}

static packet *wrap(sender *s, const uint8_t *data, size_t size) {
    rtp_packet lost, ours;
    packet *p = new_packet(s->setup.number, size + 2);
    if (!p || rtp_parse(&lost, data, size) < 0) {
        free(p);
        return NULL;
    }
    size_t head = (size_t)(lost.payload - data);
    memcpy(p->data, data, head);
    put_16(p->data + head, lost.sequence);
    memcpy(p->data + head + 2, lost.payload, size - head);
    p->data[1] = (uint8_t)((p->data[1] & 0x80) | s->setup.repair_payload_type);
    put_16(p->data + 2, s->repair_sequence++);
    put_32(p->data + 8, s->setup.repair_ssrc);
    p->size = (uint16_t)(size + 2);
    if (s->setup.rid[0] && rtp_parse(&ours, p->data, p->size) == 0)
        rename_rid(&s->setup, &ours);
    return p;
}

static bool may_repair(repair_budget *b, int64_t now_us) {
    if (!b->bits_per_second)
        return true;
    int64_t elapsed = now_us - b->at_us < REPAIRS_US ? now_us - b->at_us : REPAIRS_US;
    int64_t earned = (int64_t)(b->bits_per_second * (uint64_t)elapsed / 8000000);
    int64_t most = (int64_t)(b->bits_per_second * REPAIRS_US / 8000000);
    most = most > LEAST_REPAIRS ? most : LEAST_REPAIRS;
    if (earned) {
        b->credit = b->credit + earned < most ? b->credit + earned : most;
        b->at_us = now_us;
    }
    return b->credit > 0;
}

static void send_again(outgoing *out, sender *s, uint16_t sequence, int64_t now_us) {
    size_t size;
    const uint8_t *data = NULL;
    packet *p = NULL;
    if (may_repair(&out->repairs, now_us))
        data = history_get(s->kept, sequence, now_us, out->rtt_us, &size);
    if (!data)
        return;
    if (s->setup.repair_payload_type) {
        p = wrap(s, data, size);
    } else if ((p = new_packet(s->setup.number, size))) {
        memcpy(p->data, data, size);
        p->size = (uint16_t)size;
    }
    if (!p)
        return;
    p->repair = true;
    s->counters.repaired++;
    /* what left before anything was known of the network is no debt */
    if (out->repairs.bits_per_second)
        out->repairs.credit -= p->size;
    pacer_put(&out->pace, p, PACE_REPAIR);
}

static void answer(outgoing *out, const uint8_t *request, size_t size, int64_t now_us) {
    sender *s = sender_of(out, get_32(request + 8));
    for (size_t at = 12; s && at + 4 <= size; at += 4) {
        uint16_t first = get_16(request + at), mask = get_16(request + at + 2);
        send_again(out, s, first, now_us);
        for (uint16_t i = 0; i < 16; i++)
            if (mask >> i & 1)
                send_again(out, s, (uint16_t)(first + 1 + i), now_us);
    }
}

void outgoing_requests(outgoing *out, const uint8_t *data, size_t size, int64_t now_us) {
    for (size_t at = 0; at + 12 <= size;) {
        size_t length = 4 * ((size_t)get_16(data + at + 2) + 1);
        if (at + length > size)
            return;
        if (data[at + 1] == RTCP_RTPFB && (data[at] & 0x1F) == FMT_NACK && length >= 16)
            answer(out, data + at, length, now_us);
        at += length;
    }
}

/* ---- the moment of leaving ---- */

static void stamp(outgoing *out, const sender *s, packet *leaving, const rtp_packet *p, int64_t now_us) {
    const uint8_t *at;
    size_t size;
    if (s->setup.ids.abs_send_time && rtp_extension_get(p, s->setup.ids.abs_send_time, &at, &size) == 0 && size == 3) {
        /* seconds in 6.18 fixed point; only differences mean something */
        uint32_t when = (uint32_t)(((uint64_t)now_us << 18) / 1000000);
        uint8_t *to = (uint8_t *)at;
        to[0] = (uint8_t)(when >> 16);
        put_16(to + 1, (uint16_t)when);
    }
    if (s->setup.ids.transport_sequence && rtp_extension_get(p, s->setup.ids.transport_sequence, &at, &size) == 0 &&
        size == 2) {
        put_16((uint8_t *)at, out->transport_sequence);
        log_add(&out->sent, &(log_entry){now_us, leaving->size, out->transport_sequence++, 0});
    }
}

void outgoing_leave(outgoing *out, packet *leaving, int64_t now_us) {
    rtp_packet p;
    const sender *s = sender_numbered(out, leaving->sender);
    if (!s || rtp_parse(&p, leaving->data, leaving->size) < 0)
        return;
    stamp(out, s, leaving, &p, now_us);
    if (!s->setup.video || leaving->repair)
        return;
    history_put(s->kept, p.sequence, leaving->data, leaving->size, now_us);
    if (leaving->size < LARGE || leaving->size > sizeof out->newest.data || !s->setup.repair_payload_type)
        return;
    out->newest.sender = leaving->sender;
    out->newest.size = leaving->size;
    memcpy(out->newest.data, leaving->data, leaving->size);
}

static sender *padder(const outgoing *out) {
    return out->newest.size ? sender_numbered(out, out->newest.sender) : NULL;
}

bool outgoing_can_pad(const outgoing *out) { return padder(out); }

bool outgoing_pad(outgoing *out, int64_t now_us) {
    if (!pacer_wants_padding(&out->pace, now_us))
        return false;
    sender *s = padder(out);
    packet *p = s ? wrap(s, out->newest.data, out->newest.size) : NULL;
    if (!p) {
        out->pace.probe_left = 0;
        return false;
    }
    p->repair = true;
    return pacer_put(&out->pace, p, PACE_REPAIR);
}

bool outgoing_count(const outgoing *out, uint16_t number, sender_counters *counters) {
    const sender *s = sender_numbered(out, number);
    if (s)
        *counters = s->counters;
    return s;
}
