/* Header extension ids as negotiated (RFC 8285); 0 is none. */
#ifndef SALON_EXTENSIONS_H
#define SALON_EXTENSIONS_H

#include <stdint.h>

#define NAME_ROOM 33 /* MIDs and RIDs, with the zero at their end */

typedef struct {
    uint8_t mid, rid, repaired_rid, audio_level, abs_send_time, transport_sequence;
} extension_ids;

#endif
