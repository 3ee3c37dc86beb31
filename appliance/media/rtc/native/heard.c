#include "heard.h"

static size_t place_of(const heard *h, uint32_t ssrc) {
    /* packets of one frame come together */
    if (h->last < h->count && h->ssrcs[h->last] == ssrc)
        return h->last;
    size_t at = 0;
    while (at < h->count && h->ssrcs[at] != ssrc)
        at++;
    return at;
}

static size_t longest_silent(const heard *h) {
    size_t oldest = 0;
    for (size_t i = 1; i < h->count; i++)
        if (h->at_us[i] < h->at_us[oldest])
            oldest = i;
    return oldest;
}

bool heard_add(heard *h, uint32_t ssrc, int64_t now_us, uint32_t *gone) {
    size_t at = place_of(h, ssrc);
    bool makes_room = at == MOST_HEARD;
    if (makes_room) {
        at = longest_silent(h);
        *gone = h->ssrcs[at];
    } else if (at == h->count) {
        h->count++;
    }
    h->ssrcs[at] = ssrc;
    h->at_us[at] = now_us;
    h->last = at;
    return makes_room;
}
