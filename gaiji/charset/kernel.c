/* The kernel (変換カーネル): a table of codes stepped over bytes, up to five pieces of the input in turn.

A table is a transducer. A state is a block of entries, wide (65,536, indexed by two bytes, the first one
high) or narrow (256, indexed by one byte). An entry says what stands there and what comes next:

    bits  0-31  up to 4 bytes of output, the first one lowest; of an entry set aside: an index into `sides`
         32-34  number of output bytes, 0-4
            35  set aside: what to do stands in `sides`; n_in 0: stop here, nothing is consumed
         36-37  characters, 0-2
         38-61  the next state: 5 bits shift (16 wide, 24 narrow), then its first entry / 256
         62-63  n_in: bytes consumed, 1-2, or 0 to stop

Branches and latency are the limit, not memory: each step waits for the load of the step before. So lanes are
stepped in turn, and what is rare (sides, ends, little room) goes through `step`, which checks everything. The
loop checks nothing per step but the flag: before a round it computes how many steps surely fit. It is compiled
for each number of lanes, for tables of a single state, which need not follow it, and for text that is mostly
ASCII: there a step takes up to 16 plain bytes or one entry, chosen by a mask, because a branch would be
mispredicted wherever words and numbers alternate.

`gaiji_check` accepts only tables with which `gaiji_run` stays inside every buffer, whatever the input. No
libc is used; machine.py builds tables, kernel.py calls this. Little-endian machines only. */

#include <stddef.h>
#include <stdint.h>

#define N_OUT(entry) ((entry) >> 32 & 7)
#define ASIDE ((uint64_t)1 << 35)
#define CHARACTERS 36
#define STATE 38
#define STATE_BITS 0xFFFFFFu
#define N_IN(entry) ((entry) >> 62)
#define WIDE 16
#define NARROW 24
#define MOST_STEPS ((uint64_t)1 << 20)
#define MOST_LANES 5
#define MOST_ASCII 3 /* lanes of the loop for ASCII, which needs more registers */
#define MOST_STOPS 4
#define MOST_AFTER 7

#define INLINE static inline __attribute__((always_inline))
#define unlikely(condition) __builtin_expect(!!(condition), 0)
#ifdef _WIN32
#define EXPORT __declspec(dllexport)
int DllMainCRTStartup(void *module, unsigned reason, void *reserved) { return 1; }
#else
#define EXPORT __attribute__((visibility("default")))
#endif

enum { RUNNING, DONE, STOP, FULL };
enum { ACTION_STOP, ACTION_EMIT, ACTION_FOLLOWED };

typedef struct {
    uint32_t offset;
    uint16_t length;
    uint8_t action, unused;
    uint64_t count, limit;
} side; /* FOLLOWED: `length` continuations at `offset`, of which the first that stands after the code says which side */

typedef struct {
    uint32_t side;
    uint8_t length, bytes[MOST_AFTER]; /* of length 0 for the code alone */
} continuation;

typedef struct {
    uint64_t in, out;
    uint32_t side, n_in;
} event;

typedef struct {
    const uint64_t *entries;
    uint64_t n_entries;
    side *sides;
    uint64_t n_sides;
    const uint8_t *blob;
    uint64_t blob_size;
    uint32_t ascii;   /* the state in which ASCII is itself, `stops` left out; 0: none */
    uint8_t stops[MOST_STOPS];
    uint32_t single; /* set by gaiji_check: whether all is one wide state */
} table;

typedef struct {
    const uint8_t *in, *in_end;
    uint8_t *out, *out_end;
    const uint8_t *in_origin; /* where offsets of events count from */
    const uint8_t *out_origin;
    event *events, *events_end;
    uint64_t characters;
    uint32_t state, status;
} lane;

INLINE uint16_t load16(const uint8_t *p) { uint16_t v; __builtin_memcpy(&v, p, 2); return v; }
INLINE uint32_t load32(const uint8_t *p) { uint32_t v; __builtin_memcpy(&v, p, 4); return v; }
INLINE uint64_t load64(const uint8_t *p) { uint64_t v; __builtin_memcpy(&v, p, 8); return v; }
INLINE void store32(uint8_t *p, uint32_t v) { __builtin_memcpy(p, &v, 4); }
INLINE void store64(uint8_t *p, uint64_t v) { __builtin_memcpy(p, &v, 8); }
INLINE uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }
INLINE uint64_t left(const lane *l) { return (uint64_t)(l->in_end - l->in); }
INLINE uint64_t room(const lane *l) { return (uint64_t)(l->out_end - l->out); }
INLINE uint32_t state_of(uint64_t entry) { return entry >> STATE & STATE_BITS; }

/* The entry for the bytes at `in`, of which four can be read; only the state in `last` counts. */
INLINE uint64_t entry_at(const uint64_t *entries, uint64_t last, const uint8_t *in) {
    uint32_t index = __builtin_bswap32(load32(in)) >> (last >> STATE & 31);
    return entries[(last >> (STATE - 3) & 0x7FFFF00) + index];
}

typedef uint8_t bytes16 __attribute__((vector_size(16)));

INLINE bytes16 same16(uint8_t byte) { return (bytes16){0} + byte; }

/* How many bytes of a chunk come before the first that is no ASCII or a stop. */
INLINE uint64_t leading(bytes16 chunk, const bytes16 stops[MOST_STOPS]) {
    bytes16 found = chunk;
    for (int i = 0; i < MOST_STOPS; i++) found |= (bytes16)(chunk == stops[i]);
#ifdef __SSE2__
    typedef char chars16 __attribute__((vector_size(16)));
    return (uint64_t)__builtin_ctz((unsigned)__builtin_ia32_pmovmskb128((chars16)found) | 0x10000u);
#else
    uint64_t halves[2], places[2];
    __builtin_memcpy(halves, &found, 16);
    for (int i = 0; i < 2; i++) {
        halves[i] &= 0x8080808080808080u;
        places[i] = halves[i] ? (uint64_t)__builtin_ctzll(halves[i]) >> 3 : 8;
    }
    return places[0] + (places[0] == 8 ? places[1] : 0);
#endif
}

/* Say which side an entry set aside means and how many bytes after the code belong to it, such as a selector after
   its base: RUNNING, DONE where too few bytes are left to know, or STOP where nothing listed stands there. */
INLINE uint32_t settle(const table *t, uint64_t entry, const uint8_t *after, const uint8_t *end,
                                                 uint32_t *found, uint32_t *more) {
    const side *s = &t->sides[*found = (uint32_t)entry];
    *more = 0;
    if (s->action != ACTION_FOLLOWED) return RUNNING;
    if (end - after < MOST_AFTER) return DONE;
    for (unsigned i = 0; i < s->length; i++) {
        continuation c;
        __builtin_memcpy(&c, t->blob + s->offset + i * sizeof c, sizeof c);
        unsigned same = 0;
        while (same < c.length && c.bytes[same] == after[same]) same++;
        if (same < c.length) continue;
        *found = c.side, *more = c.length;
        return RUNNING;
    }
    return STOP;
}

/* One step of one lane with every check; what ends the lane goes into its status. */
static __attribute__((noinline)) void step(const table *t, lane *l) {
    unsigned needed = (l->state & 31) == WIDE ? 2 : 1;
    if (left(l) < needed) { l->status = DONE; return; }
    uint32_t index = needed == 2 ? (uint32_t)(l->in[0] << 8 | l->in[1]) : l->in[0];
    uint64_t entry = t->entries[(l->state >> 5 << 8) + index], n_in = N_IN(entry);
    if (!n_in) { l->status = STOP; return; }
    if (left(l) < n_in) { l->status = DONE; return; }
    if (entry & ASIDE) {
        uint32_t index, more;
        if ((l->status = settle(t, entry, l->in + n_in, l->in_end, &index, &more)) != RUNNING) return;
        side *s = &t->sides[index];
        int noted = s->count < s->limit;
        if (s->action == ACTION_STOP) { l->status = STOP; return; }
        if (room(l) < s->length || (noted && l->events == l->events_end)) { l->status = FULL; return; }
        if (noted)
            *l->events++ = (event){(uint64_t)((uintptr_t)l->in - (uintptr_t)l->in_origin),
                                   (uint64_t)((uintptr_t)l->out - (uintptr_t)l->out_origin),
                                   index, (uint32_t)n_in + more};
        s->count++;
        l->in += more;
        for (unsigned i = 0; i < s->length; i++) l->out[i] = t->blob[s->offset + i];
        l->out += s->length;
    } else {
        if (room(l) < N_OUT(entry)) { l->status = FULL; return; }
        for (unsigned i = 0; i < N_OUT(entry); i++) l->out[i] = (uint8_t)(entry >> 8 * i);
        l->out += N_OUT(entry);
    }
    l->in += n_in;
    l->characters += entry >> CHARACTERS & 3;
    l->state = state_of(entry);
}

INLINE uint64_t fitting(uint64_t size, uint64_t kept, uint64_t each) { return size < kept ? 0 : (size - kept) / each; }

/* How many steps surely fit: each reads 4 bytes, takes up to 2, writes 8 at most and 4 more that do not count;
   for ASCII it reads, takes and writes up to 16. */
INLINE uint64_t sure_steps(const lane *l, const int ascii) {
    uint64_t in = ascii ? fitting(left(l), 16, 16) : fitting(left(l), 2, 2);
    return least(in, least(ascii ? fitting(room(l), 16, 16) : fitting(room(l), 4, 8), MOST_STEPS));
}

/* Whether a side is only to be written, in up to 8 bytes: what the loop does itself. */
INLINE int is_quiet(const table *t, uint64_t entry) {
    const side *s = &t->sides[(uint32_t)entry];
    return N_IN(entry) && s->action == ACTION_EMIT && s->count >= s->limit && s->length <= 8 &&
           t->blob_size >= 8 && s->offset <= t->blob_size - 8;
}

/* Step n lanes in turn until one of them ends or has no sure step left; their characters go to the first. */
INLINE void interleave(const table *t, lane *lanes[], const int n, const int single, const int ascii) {
    const uint64_t *entries = t->entries;
    bytes16 stops[MOST_STOPS];
    for (int i = 0; i < MOST_STOPS; i++) stops[i] = same16(t->stops[i]);
    for (;;) {
        const uint8_t *in[MOST_LANES];
        uint8_t *out[MOST_LANES];
        uint64_t last[MOST_LANES], next[MOST_LANES], plain[MOST_LANES], steps = MOST_STEPS;
        uint64_t characters = 0, plains = 0; /* by entries, still shifted; by plain ASCII */
        for (int i = 0; i < n; i++) {
            in[i] = lanes[i]->in, out[i] = lanes[i]->out;
            last[i] = (uint64_t)lanes[i]->state << STATE;
            steps = least(steps, sure_steps(lanes[i], ascii));
        }
        if (!steps) return;
        do {
            uint64_t aside = 0;
            for (int i = 0; i < n; i++) {
                next[i] = single ? entries[__builtin_bswap16(load16(in[i]))] : entry_at(entries, last[i], in[i]);
                if (ascii) {
                    bytes16 chunk;
                    __builtin_memcpy(&chunk, in[i], 16);
                    plain[i] = leading(chunk, stops);
                    uint64_t mask = -(uint64_t)(plain[i] > 2 && (single || state_of(last[i]) == t->ascii));
                    __asm__("" : "+r"(mask)); /* lest the compiler makes a branch of it */
                    plain[i] &= mask;
                    next[i] &= ~mask;
                    uint32_t first = load32(in[i]);
                    __builtin_memcpy(out[i], &chunk, 16);
                    store32(out[i], (first & (uint32_t)mask) | (uint32_t)next[i]);
                }
                aside |= next[i];
            }
            if (unlikely(aside & ASIDE)) {
                int quiet = 1;
                for (int i = 0; i < n; i++) quiet &= !(next[i] & ASIDE) || is_quiet(t, next[i]);
                if (!quiet) break;
                for (int i = 0; i < n; i++) {
                    if (!(next[i] & ASIDE)) continue;
                    side *s = &t->sides[(uint32_t)next[i]];
                    store64(out[i], load64(t->blob + s->offset));
                    out[i] += s->length, s->count++;
                }
            }
            for (int i = 0; i < n; i++) {
                if (!ascii) store32(out[i], (uint32_t)next[i]); /* behind a side: bytes that do not count */
                out[i] += N_OUT(next[i]) + (ascii ? plain[i] : 0);
                in[i] += N_IN(next[i]) + (ascii ? plain[i] : 0);
                characters += next[i] & (uint64_t)3 << CHARACTERS;
                plains += ascii ? plain[i] : 0;
                last[i] = ascii && plain[i] ? last[i] : next[i];
            }
        } while (--steps);
        for (int i = 0; i < n; i++) {
            lanes[i]->in = in[i], lanes[i]->out = out[i];
            if (!single) lanes[i]->state = state_of(last[i]);
        }
        lanes[0]->characters += plains + (characters >> CHARACTERS);
        int running = 1;
        for (int i = 0; i < n; i++) {
            if (next[i] & ASIDE) step(t, lanes[i]);
            running &= lanes[i]->status == RUNNING;
        }
        if (!running) return;
    }
}

#define COMPILED(n, single, ascii) \
    static __attribute__((noinline)) void run_##n##_##single##_##ascii(const table *t, lane *lanes[]) { \
        interleave(t, lanes, n, single, ascii); \
    }
#define UP_TO_3(single, ascii) COMPILED(1, single, ascii) COMPILED(2, single, ascii) COMPILED(3, single, ascii)
UP_TO_3(0, 0) COMPILED(4, 0, 0) COMPILED(5, 0, 0) UP_TO_3(0, 1)
UP_TO_3(1, 0) COMPILED(4, 1, 0) COMPILED(5, 1, 0) UP_TO_3(1, 1)

/* Run lanes until every one has ended. */
static void run_all(const table *t, lane *lanes, int n, const int ascii) {
    static void (*const compiled[2][2][MOST_LANES])(const table *, lane *[]) = {
        {{run_1_0_0, run_2_0_0, run_3_0_0, run_4_0_0, run_5_0_0}, {run_1_0_1, run_2_0_1, run_3_0_1}},
        {{run_1_1_0, run_2_1_0, run_3_1_0, run_4_1_0, run_5_1_0}, {run_1_1_1, run_2_1_1, run_3_1_1}},
    };
    lane *active[MOST_LANES];
    for (int i = 0; i < n; i++) active[i] = &lanes[i];
    while (n) {
        compiled[!!t->single][ascii][n - 1](t, active);
        int kept = 0;
        for (int i = 0; i < n; i++) {
            lane *l = active[i];
            while (l->status == RUNNING && !sure_steps(l, ascii)) step(t, l);
            if (l->status == RUNNING) active[kept++] = l;
        }
        n = kept;
    }
}

static int is_state(const table *t, uint32_t state) {
    uint64_t size = (state & 31) == WIDE ? 65536 : (state & 31) == NARROW ? 256 : UINT64_MAX;
    return state <= STATE_BITS && size <= t->n_entries && ((uint64_t)state >> 5 << 8) <= t->n_entries - size;
}

/* Raised with every change of the layouts above: kernel.py takes no library of another revision. */
EXPORT const int32_t gaiji_revision = 2;

/* Run up to five lanes until each is DONE (too few bytes left for an entry), at a STOP, or FULL.
   ascii: the table's ASCII state is used, if it has one and lanes are no more than MOST_ASCII. Returns 0, or
   1 + the index of a lane that is none. */
EXPORT int gaiji_run(const table *t, lane *lanes, int n, int ascii) {
    for (int i = 0; i < n; i++) {
        const lane *l = &lanes[i];
        if (n > MOST_LANES || !is_state(t, l->state) || (t->single && l->state != WIDE)) return 1 + i;
        if (l->in > l->in_end || l->out > l->out_end || l->events > l->events_end) return 1 + i;
        lanes[i].status = RUNNING;
    }
    run_all(t, lanes, n, ascii && t->ascii && n <= MOST_ASCII);
    return 0;
}

static int is_entry(const table *t, uint64_t entry) {
    if (!N_IN(entry)) return entry == ASIDE;
    if (N_IN(entry) > 2 || (entry >> CHARACTERS & 3) > 2 || !is_state(t, state_of(entry))) return 0;
    return entry & ASIDE ? (uint32_t)entry < t->n_sides && !N_OUT(entry) : N_OUT(entry) <= 4;
}

/* Whether an entry does what one byte alone does, and perhaps what the next byte does too. */
static int begins_with(uint64_t entry, uint64_t alone) {
    const uint32_t mask = ((uint32_t)1 << 8 * N_OUT(alone)) - 1;
    return entry == alone || (N_IN(entry) == 2 && !(entry & ASIDE) && N_OUT(entry) >= N_OUT(alone) &&
                              !(((uint32_t)entry ^ (uint32_t)alone) & mask));
}

/* Whether plain ASCII stands for itself in the ASCII state, alone or together with the code after it. */
static int is_ascii_plain(const table *t) {
    const uint64_t *block = t->entries + ((uint64_t)t->ascii >> 5 << 8);
    const int wide = (t->ascii & 31) == WIDE;
    const uint64_t in = (uint64_t)1 << 62, copied = (uint64_t)1 << 32 | (uint64_t)1 << CHARACTERS | in;
    uint64_t after[256]; /* what a byte alone does there, or 0 */
    for (uint32_t one = 0; wide && one < 256; one++) {
        uint64_t found = 0;
        for (uint32_t two = 0; two < 256 && !found; two++) {
            uint64_t entry = block[one << 8 | two];
            if (N_IN(entry) == 1 && N_OUT(entry) < 4 && !(entry & ASIDE)) found = entry;
        }
        for (uint32_t two = 0; two < 256 && found; two++) /* or it begins a code of two bytes */
            if (!begins_with(block[one << 8 | two], found)) found = 0;
        after[one] = found;
    }
    for (uint32_t one = 0; one < 128; one++) {
        int stop = 0;
        for (int i = 0; i < MOST_STOPS; i++) stop |= one == t->stops[i];
        uint64_t alone = copied | one | (uint64_t)t->ascii << STATE;
        if (!stop && !wide && block[one] != alone) return 0;
        for (uint32_t two = 0; !stop && wide && two < 256; two++) {
            uint64_t both = (after[two] & 0xFFFFFF) << 8 | (after[two] >> 32 << 32);
            uint64_t entry = block[one << 8 | two];
            if (entry != alone && !(after[two] && entry == both + copied + one)) return 0;
        }
    }
    return 1;
}

static int is_side(const table *t, const side *s) {
    const int lists = s->action == ACTION_FOLLOWED;
    const uint64_t size = lists ? s->length * sizeof(continuation) : s->length;
    if (s->action > ACTION_FOLLOWED || s->offset > t->blob_size || size > t->blob_size - s->offset) return 0;
    for (unsigned i = 0; lists && i < s->length; i++) {
        continuation c;
        __builtin_memcpy(&c, t->blob + s->offset + i * sizeof c, sizeof c);
        if (c.side >= t->n_sides || t->sides[c.side].action == ACTION_FOLLOWED || c.length > MOST_AFTER) return 0;
    }
    return 1;
}

/* Whether a table is safe with any input: -1, or the place of what is wrong: the index of an entry, then
   n_entries + the index of a side, then n_entries + n_sides for the ASCII state. */
EXPORT int64_t gaiji_check(table *t) {
    if (t->n_entries % 256) return 0;
    t->single = t->n_entries == 65536;
    for (uint64_t i = 0; i < t->n_entries; i++) {
        if (!is_entry(t, t->entries[i])) return (int64_t)i;
        if (N_IN(t->entries[i]) && state_of(t->entries[i]) != WIDE) t->single = 0;
    }
    for (uint64_t i = 0; i < t->n_sides; i++)
        if (!is_side(t, &t->sides[i])) return (int64_t)(t->n_entries + i);
    if (t->ascii && !(is_state(t, t->ascii) && is_ascii_plain(t))) return (int64_t)(t->n_entries + t->n_sides);
    return -1;
}

/* How often a unit of 1 or 2 bytes stands in n bytes, 2-byte units at even offsets. */
EXPORT uint64_t gaiji_count(const uint8_t *p, uint64_t n, const uint8_t *unit, int width) {
    typedef uint8_t bytes __attribute__((vector_size(32)));
    typedef uint16_t units __attribute__((vector_size(32)));
    uint64_t found = 0, i = 0;
    uint16_t two = (uint16_t)(unit[0] | unit[width - 1] << 8);
    while (n - i >= 32) {
        uint64_t end = i + least((n - i) / 32, 255) * 32;
        bytes ones = {0}, chunk;
        for (; i < end; i += 32) {
            __builtin_memcpy(&chunk, p + i, 32);
            ones -= width == 1 ? (bytes)(chunk == unit[0]) : (bytes)(((units)chunk == two) & 0x00FF);
        }
        for (int k = 0; k < 32; k++) found += ones[k];
    }
    for (; n - i >= (uint64_t)width; i += (uint64_t)width) found += p[i] == unit[0] && p[i + width - 1] == unit[width - 1];
    return found;
}
