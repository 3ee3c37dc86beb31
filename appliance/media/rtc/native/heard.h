/* Whose packets a connection has taken. libsrtp keeps a stream for every SSRC that ever authenticated, and looks through
 * them one by one: who takes another SSRC for each packet would slow everybody down. So there are so many at most; the
 * one that has been silent for longest makes room. */
#ifndef SALON_HEARD_H
#define SALON_HEARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MOST_HEARD 512 /* several times what a large meeting sends at once */

typedef struct {
    uint32_t ssrcs[MOST_HEARD]; /* beside the times, so that looking one up is one short loop */
    int64_t at_us[MOST_HEARD];
    size_t count, last;
} heard;

/* Note an authenticated packet; true when another SSRC had to make room for its, and that is `gone`. */
bool heard_add(heard *h, uint32_t ssrc, int64_t now_us, uint32_t *gone);

#endif
