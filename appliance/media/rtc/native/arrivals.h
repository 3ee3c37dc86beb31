/* Which numbered packets arrived and when, until their sender was told: transport-wide feedback. As arrivals.py.
 *
 * draft-holmer-rmcat-transport-wide-cc-extensions-01, section 3.1. */
#ifndef SALON_ARRIVALS_H
#define SALON_ARRIVALS_H

#include <stddef.h>
#include <stdint.h>

#include "export.h"
#include "sequence.h"

#define ARRIVALS_REMEMBERED 2048 /* numbers; more than one look back ever needs */
#define FEEDBACK_ROOM 1024       /* of one RTCP packet */

typedef struct arrivals arrivals;

/* NULL when there is no memory. */
RTP_API arrivals *arrivals_new(void);
RTP_API void arrivals_free(arrivals *a);

RTP_API void arrivals_add(arrivals *a, uint16_t sequence, int64_t at_us);

/* When there is something to say; INT64_MAX if nothing came. */
RTP_API int64_t arrivals_due_us(const arrivals *a);

/* Write the next RTCP packet of the feedback that is due, in the name of `ssrc`, about `media_ssrc`.
 * Returns its size, 0 when there is no more. `out` has FEEDBACK_ROOM. */
RTP_API size_t arrivals_take(arrivals *a, uint32_t ssrc, uint32_t media_ssrc, int64_t now_us, uint8_t *out);

#endif
