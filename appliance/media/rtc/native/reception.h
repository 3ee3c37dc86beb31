/* How one SSRC arrives, for receiver reports (RFC 3550 sections 6.4.1, A.1, A.3 and A.8). Pure. */
#ifndef SALON_RECEPTION_H
#define SALON_RECEPTION_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    bool begun, fresh; /* fresh: heard since the last report */
    uint16_t highest, first, strange;
    uint32_t cycles, transit, jitter_16; /* in sixteenths of a timestamp unit */
    uint32_t received, received_before, expected_before;
} reception;

/* Python unpacks it: 20 bytes. */
typedef struct {
    uint32_t ssrc, highest, jitter;
    int32_t lost;
    uint32_t fraction_lost; /* of 256 */
} reception_report;

_Static_assert(sizeof(reception_report) == 20, "Python unpacks 20 bytes");

void reception_add(reception *r, uint16_t sequence, uint32_t timestamp, uint32_t clock_rate, int64_t now_us);

/* Fill in a report (except whose it is) and begin a new interval. */
void reception_take(reception *r, reception_report *out);

#endif
