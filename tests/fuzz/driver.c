/* Runs a libFuzzer entry without libFuzzer: every file of a corpus as it is, then so many mutations of them.
 *
 *   driver CORPUS ITERATIONS SEED     An input that ends the program is saved beside the others, as crash-... */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_FILES = 1024, MOST_BYTES = 1 << 14, MOST_MUTATIONS = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* gcc's two sanitizers end the program each in its own way, unless they are told to abort. */
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

typedef struct {
    uint8_t *data;
    size_t size;
} input;

static input corpus[MOST_FILES];
static size_t files;
static uint8_t current[MOST_BYTES];
static size_t current_size;
static const char *folder;
static uint64_t state;

const char *__asan_default_options(void) {
    return "abort_on_error=1:quarantine_size_mb=4";
}

const char *__ubsan_default_options(void) {
    return "abort_on_error=1:print_stacktrace=1";
}

static uint64_t next_random(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static size_t below(size_t limit) {
    return limit ? (size_t)(next_random() % limit) : 0;
}

static void save(void) {
    char path[4096];
    uint64_t hash = 1469598103934665603u; /* FNV-1a */
    for (size_t i = 0; i < current_size; i++)
        hash = (hash ^ current[i]) * 1099511628211u;
    snprintf(path, sizeof path, "%s/crash-%016llx", folder, (unsigned long long)hash);
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        return;
    fwrite(current, 1, current_size, file);
    fclose(file);
    fprintf(stderr, "the input is saved as %s\n", path);
}

static void on_abort(int number) {
    save();
    signal(number, SIG_DFL);
    raise(number);
}

static void read_file(const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return;
    current_size = fread(current, 1, sizeof current, file);
    fclose(file);
    corpus[files].data = malloc(current_size + 1);
    corpus[files].size = current_size;
    memcpy(corpus[files++].data, current, current_size);
}

static void read_corpus(void) {
    struct dirent **names;
    /* sorted, so that a seed means the same everywhere */
    int count = scandir(folder, &names, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        if (names[i]->d_name[0] != '.' && files < MOST_FILES)
            read_file(names[i]->d_name);
        free(names[i]);
    }
    if (count >= 0)
        free(names);
}

/* Takes bytes out, or makes room and fills it from a file. */
static void cut(size_t at) {
    size_t size = below(current_size - at) % 64 + 1;
    if (at + size > current_size)
        return;
    memmove(current + at, current + at + size, current_size - at - size);
    current_size -= size;
}

static void splice(size_t at) {
    const input *other = &corpus[below(files)];
    size_t from = below(other->size), size = below(other->size - from) % 512;
    if (size == 0 || current_size + size > MOST_BYTES)
        return;
    memmove(current + at + size, current + at, current_size - at);
    memcpy(current + at, other->data + from, size);
    current_size += size;
}

static void mutate(void) {
    static const uint8_t telling[] = {0, 1, 0x7F, 0x80, 0xFF, 0x78, 0x7C, 0x90, 0xBE, 0xDE};
    size_t at = below(current_size);
    if (current_size == 0)
        return;
    switch (next_random() % 5) {
    case 0: current[at] ^= (uint8_t)(1u << next_random() % 8); break;
    case 1: current[at] = (uint8_t)next_random(); break;
    case 2: current[at] = telling[below(sizeof telling)]; break;
    case 3: cut(at); break;
    default: splice(at); break;
    }
}

int main(int argc, char **argv) {
    if (argc != 4)
        return 2;
    folder = argv[1];
    signal(SIGABRT, on_abort);
    state = strtoull(argv[3], NULL, 10) * 2654435769u + 1;
    read_corpus();
    for (size_t i = 0; i < files; i++) {
        current_size = corpus[i].size;
        memcpy(current, corpus[i].data, current_size);
        LLVMFuzzerTestOneInput(current, current_size);
    }
    size_t iterations = files ? strtoul(argv[2], NULL, 10) : 0;
    for (size_t i = 0; i < iterations; i++) {
        const input *base = &corpus[below(files)];
        current_size = base->size;
        memcpy(current, base->data, current_size);
        for (size_t n = below(MOST_MUTATIONS) + 1; n > 0; n--)
            mutate();
        LLVMFuzzerTestOneInput(current, current_size);
    }
    printf("%zu files and %zu mutations\n", files, iterations);
    for (size_t i = 0; i < files; i++)
        free(corpus[i].data);
    return files ? 0 : 1;
}
