/* Where whole frames go. */
#ifndef SALON_SINK_H
#define SALON_SINK_H

#include "assembler.h"

typedef struct {
    frame_fn on_frame;
    void *user;
} sink;

/* Hands a frame out and counts it; an empty one is padding and no frame. */
static inline void sink_put(const sink *to, const frame *whole, assembler_counters *counters) {
    if (whole->size == 0)
        return;
    counters->frames++;
    counters->keyframes += whole->keyframe;
    to->on_frame(to->user, whole);
}

#endif
