/* The native packet core under a hostile sender: one input is a short script of packets, pauses and frames.
 *
 * A libFuzzer entry; driver.c runs the same where there is only gcc. Script: one byte (codec, packets as repairs or
 * not), then records of an operation byte, a byte of milliseconds, and for packets and frames a size and bytes. */
#include "assembler.h"
#include "history.h"
#include "packetize.h"
#include "rtp.h"
#include "script.h"

enum operation { PACKET, TICK, FRAME, OPERATIONS };
enum { MOST_FRAME = 1 << 16, ROOM = 4096 };

typedef struct {
    assembler *assembler;
    history *history;
    packetizer packetizer;
    int64_t now_us;
    uint16_t sequence; /* of what the packetiser makes */
    size_t largest;    /* frame that came out */
    bool recovered;
} world;

static void on_frame(void *user, const frame *whole) {
    world *w = user;
    uint8_t sum = 0;
    CHECK(whole->size > 0 && whole->data != NULL);
    CHECK(whole->received_us <= w->now_us);
    for (size_t i = 0; i < whole->size; i++)
        sum = (uint8_t)(sum + whole->data[i]);
    w->largest = whole->size + sum % 2;
}

/* Every codec may be asked to read every payload. */
static void take_apart(const uint8_t *payload, size_t size) {
    for (enum codec codec = CODEC_VP8; codec <= CODEC_OPUS; codec++) {
        piece part;
        if (depacketize(&part, codec, payload, size) != 0)
            continue;
        uint8_t *out = __real_malloc(part.size ? part.size : 1);
        CHECK(out != NULL);
        piece_write(&part, out);
        free(out);
    }
}

static void read_extensions(const rtp_packet *packet) {
    const uint8_t *data;
    size_t size;
    for (uint8_t id = 0; id < 18; id++)
        if (rtp_extension_get(packet, id, &data, &size) == 0)
            CHECK(data >= packet->extension && size <= packet->extension_size);
}

static void push_datagram(world *w, const uint8_t *data, size_t size) {
    uint8_t *datagram = copy_of(data, size), out[ROOM];
    rtp_packet packet;
    datagram_kind_of(datagram, size);
    if (rtp_parse(&packet, datagram, size) == 0) {
        CHECK(packet.payload_size <= size && packet.extension_size <= size);
        read_extensions(&packet);
        take_apart(packet.payload, packet.payload_size);
        rtp_write(out, size < ROOM ? size : ROOM, &packet, NULL, 0);
        packet.recovered = w->recovered;
        assembler_push(w->assembler, &packet, w->now_us, on_frame, w);
    }
    free(datagram);
}

static void tick(world *w) {
    uint16_t asked[64];
    size_t size, count;
    assembler_tick(w->assembler, w->now_us, on_frame, w);
    count = assembler_requests(w->assembler, w->now_us, asked, 64);
    CHECK(count <= 64);
    for (size_t i = 0; i < count; i++)
        if (history_get(w->history, asked[i], w->now_us, 20000, &size) != NULL)
            CHECK(size > 0);
    CHECK(assembler_next_us(w->assembler) > w->now_us || assembler_next_us(w->assembler) == ASSEMBLER_NEVER);
}

/* What the packetiser made goes out, is remembered, and comes in again. */
static void on_payload(void *user, const uint8_t *payload, size_t size, bool last) {
    world *w = user;
    piece part;
    uint8_t out[ROOM];
    const rtp_extension extension = {3, 1, (const uint8_t *)"0"};
    CHECK(w->packetizer.codec == CODEC_OPUS || (size > 0 && size <= PACKETIZE_MOST));
    CHECK(depacketize(&part, w->packetizer.codec, payload, size) == 0);
    rtp_packet packet = {.sequence = w->sequence++, .marker = last, .payload = payload, .payload_size = size};
    packet.timestamp = (uint32_t)w->now_us;
    size_t written = rtp_write(out, sizeof out, &packet, &extension, 1);
    if (written > 0)
        history_put(w->history, packet.sequence, out, written, w->now_us);
    assembler_push(w->assembler, &packet, w->now_us, on_frame, w);
    CHECK(history_bytes(w->history) <= HISTORY_BYTES);
}

/* A frame of these bytes, repeated. */
static void send_frame(world *w, const uint8_t *data, size_t size, unsigned times) {
    uint8_t *bytes = repeated(data, size, times, MOST_FRAME, &size);
    packetize(&w->packetizer, bytes, size, on_payload, w);
    free(bytes);
}

static void step(world *w, script *s) {
    unsigned operation = take(s, 1);
    w->now_us += (int64_t)take(s, 1) * 4000;
    if (operation % OPERATIONS == TICK) {
        tick(w);
        return;
    }
    size_t size = take(s, 2);
    const uint8_t *bytes = take_bytes(s, &size);
    if (operation % OPERATIONS == PACKET)
        push_datagram(w, bytes, size);
    else
        send_frame(w, bytes, size, operation / OPERATIONS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    script s = {data, size};
    unsigned options = take(&s, 1);
    world w = {.now_us = 1000000, .sequence = 65000, .packetizer = {.codec = (enum codec)(options % 3)}};
    w.recovered = options & 4;
    if (options & 8)
        allocations_left = take(&s, 1) + 1;
    w.assembler = assembler_new(w.packetizer.codec);
    w.history = history_new();
    if (w.assembler != NULL && w.history != NULL) {
        assembler_set_level_id(w.assembler, (uint8_t)(options >> 4));
        while (s.left > 0)
            step(&w, &s);
        tick(&w);
        assembler_counters counters;
        assembler_count(w.assembler, &counters);
        CHECK(counters.keyframes <= counters.frames);
    }
    allocations_left = NO_LIMIT;
    assembler_free(w.assembler);
    history_free(w.history);
    return 0;
}
