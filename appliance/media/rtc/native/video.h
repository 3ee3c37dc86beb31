/* Video packets of one SSRC to whole frames: the C of assembler.py (VideoAssembler), method by method. */
#ifndef SALON_VIDEO_H
#define SALON_VIDEO_H

#include "missing.h"
#include "sequence.h"
#include "sink.h"

typedef struct {
    window window;
    sequence numbers;
    round_trips trips;
    bool following;
    bool searching; /* for the first key frame, since: */
    int64_t searching_since_us;
    int64_t first;  /* the number everything began with */
    int64_t cursor; /* while following, the first number from the head on that has not arrived */
    bool has_ticked, excused;
    int64_t ticked_us;
    bool needs_key;
    uint8_t *joined; /* the frame being handed out, when it is more than one packet */
    size_t joined_room;
    assembler_counters counters;
} video;

video *video_new(void); /* NULL when there is no memory */
void video_free(video *v);

/* False for what is not taken: duplicates, strays, and when there is no memory. */
bool video_push(video *v, const rtp_packet *packet, const piece *part, int64_t now_us, const sink *to);
void video_tick(video *v, int64_t now_us, const sink *to);
size_t video_requests(video *v, int64_t now_us, uint16_t *sequences, size_t room);

/* Whether video_tick or video_requests has anything to do. */
bool video_is_waiting(const video *v);

#endif
