#include "layer.h"

#include "bytes.h"

#define RETIRED_US 2000000 /* how long packets of an SSRC that was replaced may still straggle in */
#define REQUEST_HEAD 12
#define RTCP_RTPFB 205
#define FMT_NACK 1

void layer_clear(layer *l) {
    assembler_free(l->buffer);
    l->buffer = NULL;
}

bool layer_tell(const layer *l, enum event_kind kind) {
    event e = {
        .kind = (uint8_t)kind,
        .connection = l->connection,
        .line = l->line,
        .layer = l->index,
        .ssrc = l->ssrc,
    };
    return events_put(l->events, &e, NULL);
}

static void on_frame(void *user, const frame *whole) {
    layer *l = user;
    if (!whole->size)
        return;
    event e = {
        .kind = EVENT_FRAME,
        .connection = l->connection,
        .line = l->line,
        .layer = l->index,
        .ssrc = l->ssrc,
        .data = whole->data,
        .size = (uint32_t)whole->size,
        .timestamp = whole->timestamp,
        .payload_type = whole->payload_type,
        .key = whole->keyframe,
        .patient = l->patient,
        .at_us = whole->received_us,
        .level = whole->audio_level == FRAME_NO_LEVEL ? NO_LEVEL : (uint8_t)whole->audio_level,
    };
    events_put(l->events, &e, &l->waiting);
}

static void notice_key(layer *l) {
    bool wants = l->waiting.video && (l->waiting.starved || assembler_needs_key(l->buffer));
    l->wants_key = wants && (l->wants_key || layer_tell(l, EVENT_NEEDS_KEY));
}

void layer_count(const layer *l, line_counters *sum) {
    assembler_counters now = {0};
    if (l->buffer)
        assembler_count(l->buffer, &now);
    sum->packets += l->packets;
    sum->lost += l->before.lost + now.lost;
    sum->skips += l->before.skips + now.skips;
}

static bool is_retired(const layer *l, uint32_t ssrc, int64_t now_us) {
    for (size_t i = 0; i < MOST_RETIRED; i++)
        if (l->retired[i].ssrc == ssrc && l->retired[i].until_us > now_us)
            return true;
    return false;
}

static void end(layer *l, uint32_t next_ssrc, int64_t now_us) {
    line_counters sum = {0};
    layer_count(l, &sum);
    l->before = sum;
    if (l->ssrc != next_ssrc) {
        size_t at = l->next_retired++ % MOST_RETIRED;
        l->retired[at].ssrc = l->ssrc;
        l->retired[at].until_us = now_us + RETIRED_US;
    }
    layer_clear(l);
}

/* Begin anew with another SSRC or codec; false when there is no memory. */
static bool begin(layer *l, uint32_t ssrc, enum codec codec, int64_t now_us) {
    bool replaces = l->buffer;
    if (replaces)
        end(l, ssrc, now_us);
    l->buffer = assembler_new(codec);
    if (!l->buffer)
        return false;
    assembler_set_level_id(l->buffer, l->level_id);
    l->ssrc = ssrc;
    l->codec = codec;
    l->wants_key = replaces && l->waiting.video;
    layer_tell(l, l->wants_key ? EVENT_NEEDS_KEY : EVENT_STREAM);
    return true;
}

void layer_restart(layer *l, int64_t now_us) {
    begin(l, l->ssrc, l->codec, now_us);
}

void layer_take(layer *l, const rtp_packet *p, enum codec codec, int64_t now_us) {
    if (is_retired(l, p->ssrc, now_us))
        return;
    /* a late repair of the codec before this one */
    if (p->recovered && l->codec != codec)
        return;
    if ((!l->buffer || l->ssrc != p->ssrc || l->codec != codec) && !begin(l, p->ssrc, codec, now_us))
        return;
    assembler_push(l->buffer, p, now_us, on_frame, l);
    notice_key(l);
}

bool layer_unwrap(const layer *l, rtp_packet *p, uint32_t repairs, uint8_t payload_type) {
    if (!l->buffer || p->payload_size < 2 || (repairs && repairs != l->ssrc))
        return false;
    p->sequence = get_16(p->payload);
    p->payload += 2;
    p->payload_size -= 2;
    p->ssrc = l->ssrc;
    p->payload_type = payload_type;
    p->recovered = true;
    return true;
}

int64_t layer_tick(layer *l, int64_t now_us) {
    if (!l->buffer)
        return INT64_MAX;
    if (assembler_next_us(l->buffer) <= now_us) {
        assembler_tick(l->buffer, now_us, on_frame, l);
        notice_key(l);
        l->asks = true;
    }
    return assembler_next_us(l->buffer);
}

/* Pack numbers into pairs of one number and a mask of the sixteen behind it. */
static size_t pack(const uint16_t *numbers, size_t count, uint8_t *out) {
    size_t size = 0;
    for (size_t i = 0; i < count;) {
        uint16_t first = numbers[i++], mask = 0;
        for (uint16_t step; i < count && (step = (uint16_t)(numbers[i] - first - 1)) < 16; i++)
            mask |= (uint16_t)(1u << step);
        put_16(out + size, first);
        put_16(out + size + 2, mask);
        size += 4;
    }
    return size;
}

size_t layer_request(layer *l, uint32_t ssrc, int64_t now_us, uint8_t *out, size_t room) {
    uint16_t numbers[ASSEMBLER_MAX_REQUESTS];
    if (!l->buffer || !l->asks || room < REQUEST_HEAD + 4)
        return 0;
    l->asks = false;
    size_t most = (room - REQUEST_HEAD) / 4;
    size_t count =
        assembler_requests(l->buffer, now_us, numbers, most < ASSEMBLER_MAX_REQUESTS ? most : ASSEMBLER_MAX_REQUESTS);
    if (!count)
        return 0;
    size_t size = REQUEST_HEAD + pack(numbers, count, out + REQUEST_HEAD);
    out[0] = 0x80 | FMT_NACK;
    out[1] = RTCP_RTPFB;
    put_16(out + 2, (uint16_t)(size / 4 - 1));
    put_32(out + 4, ssrc);
    put_32(out + 8, l->ssrc);
    return size;
}
