#include "events.h"

#include <stdlib.h>
#include <string.h>

#define MOST_FRAMES 64 /* of one stream: two seconds of video, more than a second of sound */
#define MOST_OTHERS 512
#define MOST_BYTES (32u << 20)

struct event_node {
    event_node *next;
    lane *from;
    event e;
    uint8_t data[];
};

static void unlink_node(event_queue *queue, event_node *node, event_node *before) {
    if (before)
        before->next = node->next;
    else
        queue->first = node->next;
    if (queue->last == node)
        queue->last = before;
    queue->count--;
    queue->bytes -= node->e.size;
    queue->patient -= node->e.patient;
    if (node->from)
        node->from->waiting--;
    else
        queue->others--;
    free(node);
}

/* Drop a stream's oldest frame, and of video all up to the next key frame. */
static void drop_oldest(event_queue *queue, lane *from) {
    bool first = true;
    for (event_node *node = queue->first, *before = NULL, *next; node; node = next) {
        next = node->next;
        if (node->from != from) {
            before = node;
            continue;
        }
        if (!first && (!from->video || node->e.key))
            return;
        first = false;
        unlink_node(queue, node, before);
        queue->dropped++;
    }
    from->starved = from->video;
}

bool events_put(event_queue *queue, const event *e, lane *from) {
    if (from ? from->starved && !e->key : queue->others >= MOST_OTHERS) {
        queue->dropped++;
        return false;
    }
    event_node *node = malloc(sizeof *node + e->size);
    if (!node)
        return false;
    *node = (event_node){.from = from, .e = *e};
    if (e->size)
        memcpy(node->data, e->data, e->size);
    node->e.data = node->data;
    if (queue->last)
        queue->last->next = node;
    else
        queue->first = node;
    queue->last = node;
    queue->count++;
    queue->patient += e->patient;
    queue->bytes += e->size;
    if (!from) {
        queue->others++;
        return true;
    }
    from->starved = false;
    from->waiting++;
    if (from->waiting <= MOST_FRAMES && queue->bytes <= MOST_BYTES)
        return true;
    drop_oldest(queue, from);
    return false;
}

static void free_nodes(event_node *node) {
    while (node) {
        event_node *next = node->next;
        free(node);
        node = next;
    }
}

size_t events_take(event_queue *queue, const event **out) {
    free_nodes(queue->taken);
    queue->taken = NULL;
    if (queue->count > queue->list_room) {
        event *larger = realloc(queue->list, queue->count * 2 * sizeof *larger);
        if (!larger)
            return 0;
        queue->list = larger;
        queue->list_room = queue->count * 2;
    }
    size_t count = 0;
    for (event_node *node = queue->first; node; node = node->next) {
        queue->list[count++] = node->e;
        if (node->from)
            node->from->waiting = 0;
    }
    queue->taken = queue->first;
    queue->first = queue->last = NULL;
    queue->count = queue->bytes = queue->others = queue->patient = 0;
    *out = queue->list;
    return count;
}

/* The others speak of the connection, and are told but once. */
static bool is_of_line(const event *e) {
    return e->kind == EVENT_FRAME || e->kind == EVENT_NEEDS_KEY || e->kind == EVENT_STREAM;
}

void events_forget(event_queue *queue, uint32_t connection, int32_t line) {
    for (event_node *node = queue->first, *before = NULL, *next; node; node = next) {
        next = node->next;
        bool of_line = is_of_line(&node->e) && node->e.line == line;
        if (node->e.connection == connection && (line == EVERY_LINE || of_line))
            unlink_node(queue, node, before);
        else
            before = node;
    }
}

void events_clear(event_queue *queue) {
    free_nodes(queue->first);
    free_nodes(queue->taken);
    free(queue->list);
    *queue = (event_queue){0};
}
