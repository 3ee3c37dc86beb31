#include "assembler.h"

#include <stdlib.h>

#include "reorder.h"
#include "video.h"

struct assembler {
    enum codec codec;
    uint8_t level_id;
    int64_t due_us;
    uint64_t packets, refused;
    video *video; /* one of these two */
    reorder *audio;
};

assembler *assembler_new(enum codec codec) {
    assembler *a = calloc(1, sizeof *a);
    if (a == NULL)
        return NULL;
    a->codec = codec;
    a->due_us = ASSEMBLER_NEVER;
    if (codec == CODEC_OPUS)
        a->audio = reorder_new();
    else
        a->video = video_new();
    if (a->audio == NULL && a->video == NULL) {
        free(a);
        return NULL;
    }
    return a;
}

void assembler_free(assembler *a) {
    if (a == NULL)
        return;
    video_free(a->video);
    reorder_free(a->audio);
    free(a);
}

void assembler_set_level_id(assembler *a, uint8_t id) {
    a->level_id = id;
}

/* RFC 6464 section 3: one bit of voice activity, seven of level. */
static int level_of(const assembler *a, const rtp_packet *packet) {
    const uint8_t *data;
    size_t size;
    if (a->level_id == 0 || rtp_extension_get(packet, a->level_id, &data, &size) != 0 || size == 0)
        return FRAME_NO_LEVEL;
    return data[0] & 0x7F;
}

static bool push_video(assembler *a, const rtp_packet *packet, int64_t now_us, const sink *to) {
    piece part;
    if (depacketize(&part, a->codec, packet->payload, packet->payload_size) != 0)
        return false;
    size_t missing = a->video->window.missing;
    bool taken = video_push(a->video, packet, &part, now_us, to);
    if (a->video->window.missing > missing)
        a->due_us = now_us; /* a new hole: ask for it */
    else if (!video_is_waiting(a->video))
        a->due_us = ASSEMBLER_NEVER;
    else if (a->due_us == ASSEMBLER_NEVER)
        a->due_us = now_us + ASSEMBLER_TICK_US;
    return taken;
}

void assembler_push(assembler *a, const rtp_packet *packet, int64_t now_us, frame_fn on_frame, void *user) {
    sink to = {on_frame, user};
    bool taken = false;
    if (packet->payload_size <= RTP_MAX_PACKET)
        taken = a->audio != NULL ? reorder_push(a->audio, packet, level_of(a, packet), now_us, &to)
                            : push_video(a, packet, now_us, &to);
    a->packets += taken;
    a->refused += !taken;
}

void assembler_tick(assembler *a, int64_t now_us, frame_fn on_frame, void *user) {
    sink to = {on_frame, user};
    if (a->audio != NULL) {
        reorder_tick(a->audio, now_us, &to);
        return;
    }
    video_tick(a->video, now_us, &to);
    a->due_us = video_is_waiting(a->video) ? now_us + ASSEMBLER_TICK_US : ASSEMBLER_NEVER;
}

size_t assembler_requests(assembler *a, int64_t now_us, uint16_t *sequences, size_t room) {
    return a->audio != NULL ? 0 : video_requests(a->video, now_us, sequences, room);
}

int64_t assembler_next_us(const assembler *a) {
    return a->audio != NULL ? reorder_next_us(a->audio) : a->due_us;
}

bool assembler_needs_key(const assembler *a) {
    return a->video != NULL && a->video->needs_key;
}

size_t assembler_held(const assembler *a) {
    return a->video != NULL ? a->video->window.bytes + a->video->joined_room : 0;
}

void assembler_count(const assembler *a, assembler_counters *out) {
    *out = a->audio != NULL ? a->audio->counters : a->video->counters;
    out->packets = a->packets;
    out->refused = a->refused;
    if (a->video != NULL) {
        out->rtt_us = a->video->trips.rtt_us;
        out->hold_us = round_trips_hold(&a->video->trips);
    }
}
