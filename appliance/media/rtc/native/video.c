#include "video.h"

#include <stdlib.h>
#include <string.h>

enum {
    EARLY_US = 150000,    /* a hole older than this is not waited for if a whole key frame stands behind it */
    PATIENCE_US = 200000, /* how long the first key frame may take before we ask for one */
    STALL_US = 100000,
    MAX_HOLES = 500, /* more missing than this is no loss but an outage: a key frame is cheaper */
    LOOK_BACK = 32,  /* what may be missing before the first packet, if that one begins no frame */
    LOOK_BACK_TRIES = 3,
    FIRST_ROOM = 16384,
};

video *video_new(void) {
    video *v = calloc(1, sizeof *v);
    if (v != NULL) {
        sequence_reset(&v->numbers);
        round_trips_init(&v->trips);
    }
    return v;
}

void video_free(video *v) {
    if (v == NULL)
        return;
    window_forget_below(&v->window, v->window.end, 0);
    free(v->joined);
    free(v);
}

/* Whether packets wait behind the cursor, for one that is missing. */
static bool is_stuck(const video *v) {
    return v->following && v->window.packets > (size_t)(v->cursor - v->window.head);
}

bool video_is_waiting(const video *v) {
    return v->window.missing > 0 || ((is_stuck(v) || v->searching) && !v->needs_key);
}

/* Whether the picture stands still for so long that a key frame behind the hole may go first. */
static bool is_overdue(video *v, int64_t now_us) {
    return is_stuck(v) && missing_age(&v->window, v->cursor, now_us) >= EARLY_US;
}

static void want_key(video *v) {
    v->counters.skips += !v->needs_key;
    v->needs_key = true;
}

static void forget_below(video *v, int64_t head) {
    v->counters.lost += window_forget_below(&v->window, head, v->first);
}

static void give_up(video *v, int64_t now_us) {
    if (v->following)
        want_key(v);
    v->following = false;
    v->searching = true;
    v->searching_since_us = now_us;
    v->needs_key = true;
}

/* Grows the room for one frame; the window bounds how far. */
static bool make_joined(video *v, size_t size) {
    size_t room = v->joined_room ? v->joined_room : FIRST_ROOM;
    while (room < size)
        room *= 2;
    if (room == v->joined_room)
        return true;
    uint8_t *larger = realloc(v->joined, room);
    if (larger == NULL)
        return false;
    v->joined = larger;
    v->joined_room = room;
    return true;
}

/* Describes the frame in [head, end): all but its bytes. */
static frame describe(window *w, int64_t end) {
    const slot *begin = window_at(w, w->head);
    frame whole = {.timestamp = begin->timestamp, .payload_type = begin->payload_type, .audio_level = FRAME_NO_LEVEL};
    whole.received_us = begin->since_us;
    for (int64_t number = w->head; number < end; number++) {
        const slot *s = window_at(w, number);
        whole.size += s->size;
        whole.keyframe = whole.keyframe || s->flags & SLOT_KEY;
        if (s->since_us > whole.received_us)
            whole.received_us = s->since_us;
    }
    return whole;
}

/* Points to the frame's bytes: those of its only packet, or a copy of all. */
static const uint8_t *join(video *v, int64_t end, size_t size) {
    window *w = &v->window;
    if (window_at(w, w->head)->size == size)
        return window_at(w, w->head)->data;
    if (!make_joined(v, size))
        return NULL;
    uint8_t *out = v->joined;
    for (int64_t number = w->head; number < end; number++) {
        const slot *s = window_at(w, number);
        if (s->size > 0)
            memcpy(out, s->data, s->size);
        out += s->size;
    }
    return v->joined;
}

static void release(video *v, int64_t end, const sink *to) {
    frame whole = describe(&v->window, end);
    v->needs_key = false;
    whole.data = join(v, end, whole.size);
    if (whole.data != NULL)
        sink_put(to, &whole, &v->counters);
    else if (whole.size > 0)
        v->needs_key = true; /* no memory for it: what follows will not decode */
    window_forget_below(&v->window, end, v->first);
}

static void follow(video *v, const sink *to) {
    window *w = &v->window;
    const slot *s;
    while ((s = window_packet(w, v->cursor)) != NULL) {
        bool marker = s->flags & SLOT_MARKER;
        /* some senders never set the marker; the next timestamp ends the frame as well */
        if (s->timestamp != window_at(w, w->head)->timestamp)
            release(v, v->cursor, to);
        v->cursor++;
        if (marker)
            release(v, v->cursor, to);
    }
}

/* Goes on with the key frame that begins here; what is older is lost. */
static void jump(video *v, int64_t first, const sink *to) {
    forget_below(v, first);
    v->following = true;
    v->cursor = first;
    v->searching = false;
    v->needs_key = false;
    follow(v, to);
}

/* Whether a packet stands in the middle of what has come so far: it completes nothing. */
static bool is_inside(video *v, int64_t number, const slot *s) {
    const slot *before = window_packet(&v->window, number - 1);
    return number == v->numbers.highest && !(s->flags & SLOT_MARKER) && before != NULL &&
           before->timestamp == s->timestamp;
}

/* Looks whether the packet completed a key frame: its own, or one that it stands before or behind. */
static void search(video *v, int64_t number, const sink *to) {
    window *w = &v->window;
    const slot *s = window_packet(w, number);
    if (s == NULL || is_inside(v, number, s))
        return;
    for (int64_t near = number - 1; near <= number + 1; near++) {
        if (window_packet(w, near) == NULL)
            continue;
        int64_t first, last;
        window_run(w, near, &first, &last);
        if (!window_is_whole(w, first, last))
            continue;
        if (window_has_key(w, first, last)) {
            jump(v, first, to);
            return;
        }
        /* whole frames come in, and none of them can be decoded */
        v->needs_key = v->needs_key || !v->following;
    }
}

static void begin(video *v, int64_t number, const piece *part, int64_t now_us) {
    v->first = number;
    v->window.head = number - ASSEMBLER_WINDOW / 2;
    v->window.end = number;
    v->searching = true;
    v->searching_since_us = now_us;
    if (!part->starts)
        missing_note(&v->window, number - LOOK_BACK, number, now_us, LOOK_BACK_TRIES);
}

static void restart(video *v) {
    forget_below(v, v->window.end);
    sequence_reset(&v->numbers);
    v->following = false;
    v->needs_key = true;
}

static void make_room(video *v, int64_t number, int64_t now_us) {
    if (number - v->window.head < ASSEMBLER_WINDOW)
        return;
    give_up(v, now_us);
    forget_below(v, number - ASSEMBLER_WINDOW / 2);
}

static void put(video *v, int64_t number, const rtp_packet *packet, const piece *part, uint8_t *data, int64_t now_us) {
    window *w = &v->window;
    *window_at(w, number) = (slot){
        .data = data,
        .since_us = now_us,
        .timestamp = packet->timestamp,
        .size = (uint16_t)part->size,
        .state = SLOT_PACKET,
        .flags = (uint8_t)((packet->marker ? SLOT_MARKER : 0) | (part->starts ? SLOT_STARTS : 0) |
                           (part->sure ? SLOT_SURE : 0) | (part->key ? SLOT_KEY : 0)),
        .payload_type = packet->payload_type,
    };
    w->packets++;
    w->bytes += part->size;
    if (w->end <= number)
        w->end = number + 1;
}

/* Makes a place for the packet: notes the holes before it, or that it fills one. */
static void place(video *v, int64_t before, int64_t number, const rtp_packet *packet, const piece *part,
                  int64_t now_us) {
    window *w = &v->window;
    if (before == SEQUENCE_NONE) {
        begin(v, number, part, now_us);
    } else {
        make_room(v, number, now_us);
        missing_note(w, before + 1 > w->head ? before + 1 : w->head, number, now_us, MISSING_TRIES);
    }
    missing_fill(w, &v->trips, number, now_us, packet->recovered);
}

static void advance(video *v, int64_t number, int64_t now_us, const sink *to) {
    if (v->following)
        follow(v, to);
    if (!v->following || is_overdue(v, now_us))
        search(v, number, to);
}

/* The number without wrap, after a restart if need be; SEQUENCE_NONE for what is not to be taken. */
static int64_t unwrap(video *v, const rtp_packet *packet, int64_t *before) {
    *before = v->numbers.highest;
    int64_t number = sequence_unwrap(&v->numbers, packet->sequence);
    if (number == SEQUENCE_NONE) {
        /* who repeats what is long gone has not begun anew */
        if (packet->recovered || !sequence_restarted(&v->numbers, packet->sequence))
            return SEQUENCE_NONE;
        restart(v);
        *before = SEQUENCE_NONE;
        return sequence_unwrap(&v->numbers, packet->sequence);
    }
    bool known = *before != SEQUENCE_NONE && (number < v->window.head || window_packet(&v->window, number) != NULL);
    return known ? SEQUENCE_NONE : number;
}

bool video_push(video *v, const rtp_packet *packet, const piece *part, int64_t now_us, const sink *to) {
    int64_t before, number = unwrap(v, packet, &before);
    if (number == SEQUENCE_NONE)
        return false;
    uint8_t *data = part->size > 0 ? malloc(part->size) : NULL;
    if (part->size > 0 && data == NULL)
        return false;
    if (data != NULL)
        piece_write(part, data);
    place(v, before, number, packet, part, now_us);
    put(v, number, packet, part, data, now_us);
    if (v->window.missing > MAX_HOLES) {
        give_up(v, now_us);
        forget_below(v, number);
    }
    advance(v, number, now_us, to);
    return true;
}

/* Whether it was us who did not listen: what is missing may lie in the socket, unread. Never twice running: on a
 * machine that is always late nothing would be given up. */
static bool was_stalled(video *v, int64_t now_us) {
    bool stalled = !v->has_ticked || now_us - v->ticked_us > STALL_US;
    v->has_ticked = true;
    v->ticked_us = now_us;
    v->excused = stalled && !v->excused;
    return v->excused;
}

static void tick_searching(video *v, int64_t now_us, bool forgot, const sink *to) {
    if (v->searching && now_us - v->searching_since_us > PATIENCE_US)
        v->needs_key = true;
    int64_t key = forgot ? window_next_key(&v->window, v->window.head - 1) : -1;
    if (key >= 0)
        jump(v, key, to);
}

void video_tick(video *v, int64_t now_us, const sink *to) {
    if (was_stalled(v, now_us))
        return;
    size_t lost, forgotten = missing_forget_old(&v->window, now_us, v->first, &lost);
    v->counters.lost += lost;
    if (!v->following) {
        tick_searching(v, now_us, forgotten > 0, to);
        return;
    }
    if (!is_overdue(v, now_us))
        return;
    int64_t key = window_next_key(&v->window, v->cursor);
    if (key >= 0)
        jump(v, key, to);
    else if (missing_age(&v->window, v->cursor, now_us) >= round_trips_hold(&v->trips))
        want_key(v);
}

size_t video_requests(video *v, int64_t now_us, uint16_t *sequences, size_t room) {
    if (room > ASSEMBLER_MAX_REQUESTS)
        room = ASSEMBLER_MAX_REQUESTS;
    size_t count = missing_requests(&v->window, &v->trips, now_us, sequences, room);
    v->counters.requested += count;
    return count;
}
