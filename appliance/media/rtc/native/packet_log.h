/* What left with transport-wide numbers, for congestion control: Python collects it now and then. */
#ifndef SALON_PACKET_LOG_H
#define SALON_PACKET_LOG_H

#include <stddef.h>
#include <stdint.h>

/* Python unpacks it: 16 bytes. */
typedef struct {
    int64_t at_us;
    uint32_t size; /* of the datagram */
    uint16_t sequence;
    uint16_t unused;
} log_entry;

_Static_assert(sizeof(log_entry) == 16, "Python unpacks 16 bytes");

#define LOG_ROOM 4096 /* the oldest are lost when nobody collects them */

typedef struct {
    log_entry *entries;
    size_t first, count;
} packet_log;

void log_add(packet_log *l, const log_entry *entry);
size_t log_take(packet_log *l, log_entry *out, size_t room);
void log_clear(packet_log *l);

#endif
