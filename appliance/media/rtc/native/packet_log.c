#include "packet_log.h"

#include <stdlib.h>

void log_add(packet_log *l, const log_entry *entry) {
    if (!l->entries)
        l->entries = malloc(LOG_ROOM * sizeof *l->entries);
    if (!l->entries)
        return;
    if (l->count == LOG_ROOM) {
        l->first++;
        l->count--;
    }
    l->entries[(l->first + l->count++) % LOG_ROOM] = *entry;
}

size_t log_take(packet_log *l, log_entry *out, size_t room) {
    size_t count = l->count < room ? l->count : room;
    for (size_t i = 0; i < count; i++)
        out[i] = l->entries[(l->first + i) % LOG_ROOM];
    l->first = (l->first + count) % LOG_ROOM;
    l->count -= count;
    return count;
}

void log_clear(packet_log *l) {
    free(l->entries);
    *l = (packet_log){0};
}
