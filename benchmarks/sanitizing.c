/* Driver of benchmarks/sanitizing.py: tables with chance changes over chance input, under ASan and UBSan.

   sanitizing SEED SECONDS FIRST FILE …: cases from FIRST on, each made from its number alone; one in four works
   on the tables in the files, the others on small tables made here. A table that the check
   refuses is only counted. Every buffer has exactly its size, so that the sanitizers see each byte outside. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../gaiji/charset/kernel.c"

void __sanitizer_set_death_callback(void (*callback)(void));

typedef struct {
    table t;
    uint64_t *entries;
    uint32_t *states;
    uint64_t n_states, text_size;
    uint8_t *text;
} base;

static uint64_t seed, number, chance;
static uint64_t refused, accepted, ended[4], bytes_in, bytes_out, noted;

static void died(void) { fprintf(stderr, "in case %llu of seed %llu\n", (unsigned long long)number, (unsigned long long)seed); }
static void fail(const char *what) { fprintf(stderr, "%s\n", what); died(); exit(1); }
static void *room_of(size_t size) { void *p = malloc(size); if (!p) fail("no memory"); return p; }

static uint64_t draw(void) { /* splitmix64 */
    uint64_t z = (chance += 0x9E3779B97F4A7C15u);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}
static uint64_t below(uint64_t n) { return n ? draw() % n : 0; }

/* --- tables */

static uint64_t some_state(const base *b) {
    if (below(8)) return b->states[below(b->n_states)];
    return below(b->t.n_entries / 256 + 2) << 5 | (below(4) ? NARROW : WIDE);
}

/* wild: now and then an entry that leads out of the table; rare: one in so many is a STOP. */
static uint64_t some_entry(const base *b, int wild, uint64_t rare) {
    uint64_t state = wild ? some_state(b) : b->states[below(b->n_states)];
    uint64_t entry = (uint64_t)(1 + below(2)) << 62 | state << STATE | below(3) << CHARACTERS;
    if (!below(rare)) return ASIDE;
    if (!below(6) && b->t.n_sides) return entry | ASIDE | below(b->t.n_sides + (wild && !below(9)));
    return entry | below(wild && !below(4) ? 8 : 5) << 32 | (uint32_t)draw();
}

static void some_sides(table *t) {
    for (uint64_t i = 0; i < t->n_sides; i++) {
        uint64_t offset = below(t->blob_size + 1), most = t->blob_size - offset;
        t->sides[i] = (side){(uint32_t)offset, (uint16_t)below((most < 70 ? most : 70) + 1), below(40) > 0, 0, 0, below(6)};
        if (!below(6) && t->blob_size >= 2 * sizeof(continuation)) { /* one that is followed by one thing or nothing */
            uint64_t place = below(t->blob_size - 2 * sizeof(continuation) + 1);
            continuation list[2] = {{(uint32_t)below(t->n_sides), (uint8_t)(1 + below(3)), {0}}, {0}};
            for (int k = 0; k < MOST_AFTER; k++) list[0].bytes[k] = (uint8_t)(below(2) ? 'b' : draw());
            list[1].side = (uint32_t)below(t->n_sides + !below(40));
            memcpy((uint8_t *)t->blob + place, list, sizeof list);
            t->sides[i] = (side){(uint32_t)place, (uint16_t)(1 + below(2)), ACTION_FOLLOWED, 0, 0, 0};
        }
        if (!below(300)) t->sides[i].length = (uint16_t)draw();
        if (!below(300)) t->sides[i].offset = (uint32_t)draw();
        if (!below(300)) t->sides[i].action = (uint8_t)draw();
    }
}

static base small(void) {
    base b = {0};
    int wide = !below(20);
    b.t.n_entries = 256 * (1 + below(5)) + (wide ? 65536 : 0);
    b.t.n_sides = below(5);
    b.t.blob_size = below(100);
    b.n_states = b.t.n_entries / 256;
    b.states = room_of(4 * b.n_states);
    for (uint64_t i = 0; i < b.n_states; i++) b.states[i] = (uint32_t)i << 5 | NARROW;
    if (wide) b.states[0] = WIDE;
    b.t.entries = b.entries = room_of(8 * b.t.n_entries);
    b.t.sides = room_of(sizeof(side) * b.t.n_sides);
    b.t.blob = room_of(b.t.blob_size);
    memset((void *)b.t.blob, 'b', b.t.blob_size);
    uint64_t rare = below(2) ? 1000 : 20;
    for (uint64_t i = 0; i < b.t.n_entries; i++) b.entries[i] = some_entry(&b, 0, rare);
    if (below(2)) { /* ASCII is itself in the first state */
        b.t.ascii = b.states[0];
        for (int i = 0; i < 4; i++) b.t.stops[i] = (uint8_t)below(140);
        for (uint64_t one = 0; one < 128; one++)
            for (uint64_t two = 0; two < (wide ? 256 : 1); two++)
                if (!memchr(b.t.stops, (int)one, 4))
                    b.entries[wide ? one << 8 | two : one] =
                        one | (uint64_t)1 << 32 | (uint64_t)1 << CHARACTERS | (uint64_t)b.t.ascii << STATE | (uint64_t)1 << 62;
    }
    return b;
}

static base loaded(const char *path) {
    base b = {0};
    uint64_t sizes[6];
    FILE *file = fopen(path, "rb");
    if (!file || fread(sizes, 8, 6, file) != 6) fail("a table cannot be read");
    b.t.n_entries = sizes[0], b.t.n_sides = sizes[1], b.t.blob_size = sizes[2], b.n_states = sizes[3], b.text_size = sizes[4];
    b.t.ascii = (uint32_t)sizes[5], memset(b.t.stops, '&', 4);
    b.t.entries = b.entries = room_of(8 * b.t.n_entries);
    b.t.sides = room_of(sizeof(side) * b.t.n_sides);
    b.t.blob = room_of(b.t.blob_size);
    b.states = room_of(4 * b.n_states);
    b.text = room_of(b.text_size);
    memset((void *)b.t.blob, 'b', b.t.blob_size);
    if (fread(b.entries, 8, b.t.n_entries, file) != b.t.n_entries || fread(b.states, 4, b.n_states, file) != b.n_states ||
        fread(b.text, 1, b.text_size, file) != b.text_size)
        fail("a table is cut");
    fclose(file);
    return b;
}

static void release(base *b) {
    free(b->entries), free(b->t.sides), free((void *)b->t.blob), free(b->states), free(b->text);
}

/* --- input and runs */

static void fill(const base *b, uint8_t *data, uint64_t size) {
    for (uint64_t at = 0; at < size;) {
        uint64_t piece = 1 + below(60), kind = below(b->text_size ? 4 : 3);
        if (piece > size - at) piece = size - at;
        uint64_t from = kind == 3 ? below(b->text_size - (b->text_size < 60 ? b->text_size : 60)) : 0;
        for (uint64_t i = 0; i < piece; i++, at++)
            if (kind == 3 && from + i < b->text_size)
                data[at] = b->text[from + i];
            else /* bytes of all kinds, digits, or digits with others between them */
                data[at] = (uint8_t)(kind == 0 || (kind == 1 && !below(20)) ? draw() : '0' + below(10));
    }
}

static void look_at(const lane *l) {
    if (l->in > l->in_end || l->out > l->out_end || l->events > l->events_end) fail("a lane left its buffers");
    if (l->status < DONE || l->status > FULL) fail("a lane did not end");
    ended[l->status]++;
}

static void run_some(base *b) {
    lane lanes[4], *l;
    uint8_t *in[4], *out[4];
    event *events[4];
    int n = 1 + (int)below(4), ascii = (int)below(2);
    for (int i = 0; i < n; i++) {
        uint64_t size = below(10) ? below(200) : below(5000), room = below(3) ? 4 * size : below(2 * size + 9), most = below(6);
        in[i] = room_of(size), out[i] = room_of(room), events[i] = room_of(most * sizeof(event));
        fill(b, in[i], size);
        lanes[i] = (lane){in[i], in[i] + size, out[i], out[i] + room, in[i], out[i], events[i], events[i] + most, 0, (uint32_t)some_state(b), 0};
    }
    if (!gaiji_run(&b->t, lanes, n, ascii))
        for (int i = 0; i < n; i++) {
            l = &lanes[i];
            look_at(l);
            bytes_in += (uint64_t)(l->in - in[i]), bytes_out += (uint64_t)(l->out - out[i]), noted += (uint64_t)(l->events - events[i]);
            uint64_t newlines = 0, size = (uint64_t)(l->in_end - in[i]);
            for (uint64_t k = 0; k < size; k++) newlines += in[i][k] == '1';
            if (gaiji_count(in[i], size, (const uint8_t *)"1", 1) != newlines) fail("counted wrongly");
            newlines = 0;
            for (uint64_t k = 0; k + 1 < size; k += 2) newlines += in[i][k] == '1' && in[i][k + 1] == '1';
            if (gaiji_count(in[i], size, (const uint8_t *)"11", 2) != newlines) fail("counted units wrongly");
        }
    for (int i = 0; i < n; i++) free(in[i]), free(out[i]), free(events[i]);
}

/* The ASCII path writes what the entries write. */
static void run_twice(base *b) {
    uint64_t size = below(400), room = 80 * size + 80;
    uint8_t *in = room_of(size), *out[2] = {room_of(room), room_of(room)};
    lane lanes[2];
    fill(b, in, size);
    for (int i = 0; i < 2; i++) {
        for (uint64_t k = 0; k < b->t.n_sides; k++) b->t.sides[k].limit = 0;
        lanes[i] = (lane){in, in + size, out[i], out[i] + room, in, out[i], NULL, NULL, 0, b->t.ascii ? b->t.ascii : b->states[0], 0};
        if (gaiji_run(&b->t, &lanes[i], 1, i)) fail("a good lane was refused");
        look_at(&lanes[i]);
        if (lanes[i].status == FULL) fail("full with room");
    }
    uint64_t one = (uint64_t)(lanes[0].out - out[0]), two = (uint64_t)(lanes[1].out - out[1]);
    if (memcmp(out[0], out[1], one < two ? one : two)) fail("the ASCII path wrote something else");
    if (lanes[0].status != lanes[1].status || (lanes[0].in == lanes[1].in && one != two)) fail("the ASCII path ended elsewhere");
    free(in), free(out[0]), free(out[1]);
}

static void change(base *b, uint64_t places[], uint64_t old[], uint64_t n) {
    for (uint64_t i = 0; i < n; i++) {
        uint64_t at = below(b->t.n_entries);
        if (b->text_size > 2 && below(4)) { /* where the text goes */
            uint64_t from = below(b->text_size - 1);
            at = (uint64_t)b->text[from] << 8 | b->text[from + 1];
        }
        places[i] = at, old[i] = b->entries[at];
        switch (below(4)) {
            case 0: b->entries[at] ^= (uint64_t)1 << below(64); break;
            case 1: b->entries[at] = draw(); break;
            case 2: b->entries[at] ^= (uint64_t)(uint32_t)draw(); break;
            default: b->entries[at] = some_entry(b, 1, 20);
        }
    }
}

static void attempt(base *bases, int n_bases) {
    int borrowed = n_bases && !below(4);
    base made = borrowed ? bases[below((uint64_t)n_bases)] : small(), *b = &made;
    uint64_t places[8], old[8], n = below(4) ? below(9) : 0;
    uint32_t ascii = b->t.ascii;
    some_sides(&b->t);
    change(b, places, old, n);
    if (!below(30)) b->t.ascii = (uint32_t)some_state(b);
    if (!below(30)) b->t.stops[below(4)] = (uint8_t)draw();
    if (gaiji_check(&b->t) >= 0)
        refused++;
    else {
        accepted++;
        for (int i = 0; i < 4; i++) run_some(b);
        run_twice(b);
    }
    b->t.ascii = ascii;
    while (n--) b->entries[places[n]] = old[n];
    if (!borrowed) release(b);
}

int main(int argc, char **argv) {
    base bases[16];
    int n_bases = 0;
    if (argc < 4) return 2;
    seed = strtoull(argv[1], NULL, 10);
    double seconds = atof(argv[2]);
    uint64_t first = strtoull(argv[3], NULL, 10);
    for (int i = 4; i < argc && n_bases < 16; i++) bases[n_bases++] = loaded(argv[i]);
    __sanitizer_set_death_callback(died);
    struct timespec now, until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    for (number = first;; number++) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        if ((double)(now.tv_sec - until.tv_sec) + (double)(now.tv_nsec - until.tv_nsec) / 1e9 >= seconds) break;
        chance = seed * 0x9E3779B97F4A7C15u + number;
        chance = draw();
        attempt(bases, n_bases);
    }
    for (int i = 0; i < n_bases; i++) release(&bases[i]);
    printf("%llu %llu %llu %llu %llu %llu %llu %llu\n", (unsigned long long)accepted, (unsigned long long)refused,
           (unsigned long long)ended[DONE], (unsigned long long)ended[STOP], (unsigned long long)ended[FULL],
           (unsigned long long)bytes_in, (unsigned long long)bytes_out, (unsigned long long)noted);
    return 0;
}
