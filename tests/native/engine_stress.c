/* The engine under load, for the sanitizers: two connections of one engine talk to each other over the loopback while
 * threads open and close others, read counters and take events. Every frame that arrives must be whole. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "connection.h"
#include "engine.h"

#define FRAMES 300
#define LINES 6

static atomic_uint chance = 1, arrived, compounds, datagrams, done;
static engine *under_test;

static void fail(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(1);
}

/* Protection that changes nothing, and a network that loses a packet in sixteen. */
static int keep(void *session, void *packet, int *size) {
    (void)session, (void)packet, (void)size;
    return 0;
}

static int lose(void *session, void *packet, int *size) {
    (void)session, (void)packet, (void)size;
    unsigned now = atomic_load(&chance);
    atomic_store(&chance, now * 1103515245u + 12345u);
    return (now >> 16) % 16 == 0;
}

static int forget(void *session, unsigned int ssrc) {
    (void)session, (void)ssrc;
    return 0;
}

static const srtp_functions PLAIN = {keep, lose, keep, keep, forget};

static int udp(struct sockaddr_in *name) {
    socklen_t size = sizeof *name;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    *name = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || bind(fd, (struct sockaddr *)name, size) < 0 || getsockname(fd, (struct sockaddr *)name, &size) < 0)
        fail("no socket");
    return fd;
}

static void route(connection *c, int socket, const struct sockaddr_in *to) {
    if (connection_route(c, socket, AF_INET, (const uint8_t *)&to->sin_addr, ntohs(to->sin_port)) < 0)
        fail("no route");
}

static line_setup line_of(uint16_t number) {
    line_setup setup = {.number = number, .video = number % 2, .codec_count = 2, .ssrc_count = 2};
    snprintf(setup.mid, sizeof setup.mid, "%u", number);
    setup.codecs[0].payload_type = 96;
    setup.codecs[0].codec = number % 2 ? LINE_VP8 : LINE_AUDIO;
    setup.codecs[0].clock_rate = 90000;
    setup.codecs[1].payload_type = 97;
    setup.codecs[1].codec = LINE_RTX;
    setup.codecs[1].repairs = 96;
    setup.codecs[1].clock_rate = 90000;
    setup.ssrcs[0].ssrc = 1000u + number;
    setup.ssrcs[1].ssrc = 2000u + number;
    setup.ssrcs[1].repairs = 1000u + number;
    return setup;
}

static const extension_ids IDS = {.mid = 1, .audio_level = 2, .abs_send_time = 3, .transport_sequence = 5};

static void add_sender(connection *c, uint16_t number) {
    sender_setup setup = {
        .ssrc = 1000u + number,
        .repair_ssrc = 2000u + number,
        .number = number,
        .video = number % 2,
        .codec = number % 2 ? LINE_VP8 : LINE_AUDIO,
        .payload_type = 96,
        .repair_payload_type = 97,
        .ids = IDS,
    };
    snprintf(setup.mid, sizeof setup.mid, "%u", number);
    connection_set_sender(c, &setup, 12345u * number);
}

static size_t make_frame(uint8_t *out, uint16_t number, unsigned index) {
    size_t size = number % 2 ? 500 + 997 * (index % 9) : 80;
    memset(out, (int)index, size);
    out[0] = index % 30 ? 1 : 0; /* the inverse key frame flag of VP8 */
    memcpy(out + 1, &index, sizeof index);
    return size;
}

static void check_frame(const event *e) {
    uint8_t expected[16384];
    unsigned index;
    memcpy(&index, e->data + 1, sizeof index);
    if (make_frame(expected, e->line, index) != e->size || memcmp(expected, e->data, e->size) != 0)
        fail("a frame came out changed");
    atomic_fetch_add(&arrived, 1);
}

static void *take_events(void *unused) {
    (void)unused;
    while (!atomic_load(&done)) {
        const event *events;
        uint64_t dropped;
        size_t count = engine_take(under_test, &events, &dropped);
        for (size_t i = 0; i < count; i++) {
            if (events[i].kind == EVENT_FRAME)
                check_frame(&events[i]);
            atomic_fetch_add(&compounds, events[i].kind == EVENT_RTCP);
            atomic_fetch_add(&datagrams, events[i].kind == EVENT_DATAGRAM);
        }
        usleep(3000);
    }
    return NULL;
}

static void *come_and_go(void *unused) {
    (void)unused;
    for (unsigned i = 0; !atomic_load(&done); i++) {
        struct sockaddr_in name;
        int fd = udp(&name);
        connection *c = connection_open(under_test, i, NULL, NULL, i % 2);
        route(c, connection_add_socket(c, fd), &name);
        uint8_t frame[16384];
        /* to itself, and gone while it is on its way; the line only sometimes is known in time */
        add_sender(c, 1);
        size_t size = make_frame(frame, 1, 0);
        connection_send_frame(c, 1, frame, size, i, NO_LEVEL);
        usleep(i % 3 * 2000);
        line_setup setup = line_of(1);
        connection_set_line(c, &setup, &IDS);
        usleep(2000);
        if (i % 2)
            connection_drop_line(c, 1);
        connection_close(c);
        close(fd);
    }
    return NULL;
}

static void *look(void *argument) {
    connection *c = argument;
    static reception_report reports[64];
    static log_entry log[4096];
    while (!atomic_load(&done)) {
        connection_counters all;
        line_counters line;
        connection_count(c, &all);
        connection_count_line(c, 1, &line);
        connection_take_reports(c, reports, 64);
        connection_set_rtt(c, 1000);
        connection_take_sent(c, log, 4096);
        connection_holds(c);
        connection_probe(c, 5000000, 10000);
        usleep(5000);
    }
    return NULL;
}

int main(void) {
    struct sockaddr_in at_a, at_b;
    int fd_a = udp(&at_a), fd_b = udp(&at_b);
    under_test = engine_new(&PLAIN);
    connection *a = connection_open(under_test, 1, NULL, NULL, 0), *b = connection_open(under_test, 2, NULL, NULL, 1);
    route(a, connection_add_socket(a, fd_a), &at_b);
    route(b, connection_add_socket(b, fd_b), &at_a);
    for (uint16_t number = 1; number <= LINES; number++) {
        line_setup setup = line_of(number);
        connection_set_line(b, &setup, &IDS);
        add_sender(a, number);
    }
    pthread_t threads[4];
    pthread_create(&threads[0], NULL, take_events, NULL);
    pthread_create(&threads[1], NULL, come_and_go, NULL);
    pthread_create(&threads[2], NULL, look, a);
    pthread_create(&threads[3], NULL, look, b);
    for (unsigned index = 0; index < FRAMES; index++) {
        uint8_t frame[16384];
        for (uint16_t number = 1; number <= LINES; number++)
            connection_send_frame(a, number, frame, make_frame(frame, number, index), index * 3000, 30);
        sendto(fd_a, "\x01stun", 5, 0, (struct sockaddr *)&at_b, sizeof at_b);
        usleep(10000);
    }
    usleep(1000000);
    atomic_store(&done, 1);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    connection_close(a);
    engine_free(under_test);
    close(fd_a);
    close(fd_b);
    printf("%u frames, %u compounds, %u datagrams\n", arrived, compounds, datagrams);
    return arrived < FRAMES * LINES * 9 / 10 || !compounds || !datagrams;
}
