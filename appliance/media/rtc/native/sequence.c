#include "sequence.h"

enum {
    TOO_FAR_AHEAD = 2000,
    TOO_FAR_BEHIND = 500,
    PROBATION = 3, /* packets in a row that must agree before a wild jump is believed (RFC 3550 appendix A.1) */
};

void sequence_reset(sequence *s) {
    *s = (sequence){.highest = SEQUENCE_NONE, .strange = SEQUENCE_NONE};
}

/* The shortest way between two 16-bit numbers. */
static int64_t step_to(int64_t from, uint16_t to) {
    uint16_t ahead = (uint16_t)(to - (uint16_t)from);
    return ahead < 0x8000 ? ahead : (int64_t)ahead - 0x10000;
}

int64_t sequence_unwrap(sequence *s, uint16_t number) {
    if (s->highest == SEQUENCE_NONE) {
        /* so that earlier packets, arriving late, do not become negative */
        s->highest = number + 0x10000;
        return s->highest;
    }
    int64_t step = step_to(s->highest, number);
    if (step < -TOO_FAR_BEHIND || step > TOO_FAR_AHEAD)
        return SEQUENCE_NONE;
    s->agreeing = 0;
    int64_t extended = s->highest + step;
    if (step > 0)
        s->highest = extended;
    return extended;
}

bool sequence_restarted(sequence *s, uint16_t number) {
    s->agreeing = s->strange == number ? s->agreeing + 1 : 1;
    s->strange = (uint16_t)(number + 1);
    return s->agreeing >= PROBATION;
}
