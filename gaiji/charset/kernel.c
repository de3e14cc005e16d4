/* The kernel (変換カーネル): a table of codes stepped over bytes, four pieces of the input in turn.

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
loops check nothing per step but the flag: before a round they compute how many steps surely fit.

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
#define EACH_BYTE 0x0101010101010101u
#define MOST_STEPS ((uint64_t)1 << 20)

#define INLINE static inline __attribute__((always_inline))
#define unlikely(condition) __builtin_expect(!!(condition), 0)
#ifdef _WIN32
#define EXPORT __declspec(dllexport)
int DllMainCRTStartup(void *module, unsigned reason, void *reserved) { return 1; }
#else
#define EXPORT __attribute__((visibility("default")))
#endif

enum { RUNNING, DONE, STOP, FULL };
enum { ACTION_STOP, ACTION_EMIT };

typedef struct {
    uint32_t offset;
    uint16_t length;
    uint8_t action, unused;
    uint64_t count, limit;
} side;

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
    uint8_t stops[4];
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

/* The high bit of every byte that is not plain ASCII; exact up to the first of them. */
INLINE uint64_t not_plain(uint64_t word, const uint64_t stops[4]) {
    uint64_t found = word;
    for (int i = 0; i < 4; i++) {
        uint64_t other = word ^ stops[i];
        found |= (other - EACH_BYTE) & ~other;
    }
    return found & EACH_BYTE << 7;
}

/* Copy up to 8 bytes of plain ASCII and return their number; 8 bytes can be read and written. */
INLINE unsigned copy_plain(uint8_t *out, const uint8_t *in, const uint64_t stops[4]) {
    uint64_t word = load64(in), found = not_plain(word, stops);
    store64(out, word);
    return found ? (unsigned)__builtin_ctzll(found) >> 3 : 8;
}

INLINE void spread(uint64_t stops[4], const table *t) {
    for (int i = 0; i < 4; i++) stops[i] = EACH_BYTE * t->stops[i];
}

/* One step of one lane with every check; what ends the lane goes into its status. */
static __attribute__((noinline)) void step(const table *t, lane *l, int ascii) {
    if (ascii && l->state == t->ascii && left(l) >= 8 && room(l) >= 8) {
        uint64_t stops[4];
        spread(stops, t);
        unsigned copied = copy_plain(l->out, l->in, stops);
        if (copied) {
            l->in += copied, l->out += copied, l->characters += copied;
            return;
        }
    }
    unsigned needed = (l->state & 31) == WIDE ? 2 : 1;
    if (left(l) < needed) { l->status = DONE; return; }
    uint32_t index = needed == 2 ? (uint32_t)(l->in[0] << 8 | l->in[1]) : l->in[0];
    uint64_t entry = t->entries[(l->state >> 5 << 8) + index], n_in = N_IN(entry);
    if (!n_in) { l->status = STOP; return; }
    if (left(l) < n_in) { l->status = DONE; return; }
    if (entry & ASIDE) {
        side *s = &t->sides[(uint32_t)entry];
        int noted = s->count < s->limit;
        if (s->action == ACTION_STOP) { l->status = STOP; return; }
        if (room(l) < s->length || (noted && l->events == l->events_end)) { l->status = FULL; return; }
        if (noted)
            *l->events++ = (event){(uint64_t)((uintptr_t)l->in - (uintptr_t)l->in_origin),
                                   (uint64_t)((uintptr_t)l->out - (uintptr_t)l->out_origin),
                                   (uint32_t)entry, (uint32_t)n_in};
        s->count++;
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

/* How many steps surely fit: each reads 4 bytes, consumes at most 2 and writes at most 8. */
INLINE uint64_t sure_steps(const lane *l) {
    return least(left(l) < 4 ? 0 : (left(l) - 2) / 2, least(room(l) / 8, MOST_STEPS));
}

/* Whether a side is only to be written, in up to 8 bytes: what the loop does itself. */
INLINE int is_quiet(const table *t, uint64_t entry) {
    const side *s = &t->sides[(uint32_t)entry];
    return N_IN(entry) && s->action == ACTION_EMIT && s->count >= s->limit && s->length <= 8 &&
           t->blob_size >= 8 && s->offset <= t->blob_size - 8;
}

/* Step n lanes in turn until one of them ends or has no sure step left. */
INLINE void interleave(const table *t, lane *lanes[], const int n) {
    const uint64_t *entries = t->entries;
    for (;;) {
        const uint8_t *in[4];
        uint8_t *out[4];
        uint64_t last[4], next[4], characters[4], steps = MOST_STEPS;
        for (int i = 0; i < n; i++) {
            in[i] = lanes[i]->in, out[i] = lanes[i]->out, characters[i] = 0;
            last[i] = (uint64_t)lanes[i]->state << STATE;
            steps = least(steps, sure_steps(lanes[i]));
        }
        if (!steps) return;
        do {
            uint64_t aside = 0;
            for (int i = 0; i < n; i++) aside |= next[i] = entry_at(entries, last[i], in[i]);
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
                if (!(next[i] & ASIDE)) store32(out[i], (uint32_t)next[i]);
                out[i] += N_OUT(next[i]);
                in[i] += N_IN(next[i]);
                characters[i] += next[i] & (uint64_t)3 << CHARACTERS;
                last[i] = next[i];
            }
        } while (--steps);
        for (int i = 0; i < n; i++) {
            lanes[i]->in = in[i], lanes[i]->out = out[i], lanes[i]->state = state_of(last[i]);
            lanes[i]->characters += characters[i] >> CHARACTERS;
        }
        int running = 1;
        for (int i = 0; i < n; i++) {
            if (next[i] & ASIDE) step(t, lanes[i], 0);
            running &= lanes[i]->status == RUNNING;
        }
        if (!running) return;
    }
}

static __attribute__((noinline)) void one_lane(const table *t, lane **l) { interleave(t, l, 1); }
static __attribute__((noinline)) void two_lanes(const table *t, lane **l) { interleave(t, l, 2); }
static __attribute__((noinline)) void three_lanes(const table *t, lane **l) { interleave(t, l, 3); }
static __attribute__((noinline)) void four_lanes(const table *t, lane **l) { interleave(t, l, 4); }

static void run_interleaved(const table *t, lane *lanes, int n) {
    lane *active[4];
    for (int i = 0; i < n; i++) active[i] = &lanes[i];
    while (n) {
        if (n == 1) one_lane(t, active);
        if (n == 2) two_lanes(t, active);
        if (n == 3) three_lanes(t, active);
        if (n == 4) four_lanes(t, active);
        int kept = 0;
        for (int i = 0; i < n; i++) {
            lane *l = active[i];
            while (l->status == RUNNING && !sure_steps(l)) step(t, l, 0);
            if (l->status == RUNNING) active[kept++] = l;
        }
        n = kept;
    }
}

typedef uint8_t bytes16 __attribute__((vector_size(16)));

/* Copy 16 bytes and return whether all are plain ASCII. */
INLINE int copy_plain16(uint8_t *out, const uint8_t *in, const uint8_t stops[4]) {
    bytes16 chunk, found;
    uint64_t halves[2];
    __builtin_memcpy(&chunk, in, 16);
    found = chunk & 0x80;
    for (int i = 0; i < 4; i++) found |= (bytes16)(chunk == stops[i]);
    __builtin_memcpy(halves, &found, 16);
    __builtin_memcpy(out, &chunk, 16);
    return !(halves[0] | halves[1]);
}

/* Run one lane over text that is mostly ASCII: 16 or 8 bytes at a time, and entries between the runs. */
static void run_ascii(const table *t, lane *l) {
    uint64_t stops[4];
    spread(stops, t);
    while (l->status == RUNNING) {
        const uint8_t *in = l->in;
        uint8_t *out = l->out;
        uint64_t last = (uint64_t)l->state << STATE, characters = l->characters, entry;
        do {
            if (state_of(last) == t->ascii) {
                while (l->in_end - in >= 16 && l->out_end - out >= 16 && copy_plain16(out, in, t->stops))
                    in += 16, out += 16, characters += 16;
                unsigned copied = 8;
                while (copied == 8 && l->in_end - in >= 8 && l->out_end - out >= 8) {
                    copied = copy_plain(out, in, stops);
                    in += copied, out += copied, characters += copied;
                }
            }
            do {
                int fits = l->in_end - in >= 4 && l->out_end - out >= 4;
                entry = fits ? entry_at(t->entries, last, in) : ASIDE;
                if (entry & ASIDE) break;
                store32(out, (uint32_t)entry);
                in += N_IN(entry), out += N_OUT(entry), characters += entry >> CHARACTERS & 3;
                last = entry;
            } while (*in >= 0x80 || state_of(last) != t->ascii);
        } while (!(entry & ASIDE));
        l->in = in, l->out = out, l->state = state_of(last), l->characters = characters;
        step(t, l, 1);
    }
}

static int is_state(const table *t, uint32_t state) {
    uint64_t size = (state & 31) == WIDE ? 65536 : (state & 31) == NARROW ? 256 : UINT64_MAX;
    return state <= STATE_BITS && size <= t->n_entries && ((uint64_t)state >> 5 << 8) <= t->n_entries - size;
}

/* Raised with every change of the layouts above: kernel.py takes no library of another revision. */
EXPORT const int32_t gaiji_revision = 1;

/* Run up to four lanes until each is DONE (too few bytes left for an entry), at a STOP, or FULL.
   ascii: the table's ASCII state is used. Returns 0, or 1 + the index of a lane that is none. */
EXPORT int gaiji_run(const table *t, lane *lanes, int n, int ascii) {
    for (int i = 0; i < n; i++) {
        const lane *l = &lanes[i];
        if (n > 4 || !is_state(t, l->state) || l->in > l->in_end || l->out > l->out_end || l->events > l->events_end)
            return 1 + i;
        lanes[i].status = RUNNING;
    }
    if (!ascii || !t->ascii)
        run_interleaved(t, lanes, n);
    else
        for (int i = 0; i < n; i++) run_ascii(t, &lanes[i]);
    return 0;
}

static int is_entry(const table *t, uint64_t entry) {
    if (!N_IN(entry)) return entry == ASIDE;
    if (N_IN(entry) > 2 || (entry >> CHARACTERS & 3) > 2 || !is_state(t, state_of(entry))) return 0;
    return entry & ASIDE ? (uint32_t)entry < t->n_sides && !N_OUT(entry) : N_OUT(entry) <= 4;
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
        after[one] = found;
    }
    for (uint32_t one = 0; one < 128; one++) {
        int stop = 0;
        for (int i = 0; i < 4; i++) stop |= one == t->stops[i];
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

/* Whether a table is safe with any input: -1, or the place of what is wrong: the index of an entry, then
   n_entries + the index of a side, then n_entries + n_sides for the ASCII state. */
EXPORT int64_t gaiji_check(const table *t) {
    if (t->n_entries % 256) return 0;
    for (uint64_t i = 0; i < t->n_entries; i++)
        if (!is_entry(t, t->entries[i])) return (int64_t)i;
    for (uint64_t i = 0; i < t->n_sides; i++) {
        const side *s = &t->sides[i];
        if (s->action > ACTION_EMIT || s->offset > t->blob_size || s->length > t->blob_size - s->offset)
            return (int64_t)(t->n_entries + i);
    }
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
