/* Rows are counted a few words at a time: four counts in each word, until one could be full. */
#include <math.h>

#include "loops.h"

/* Rows that a quarter of a word can count. */
#define MOST_ADDED 65535
#define FLAGS 7

/* What rows are or did, a bit each, and for each set of bits what it adds to the two words of a key. */
typedef struct {
    uint64_t words[1 << FLAGS][2];
} Sets;

static inline uint8_t flags_of(int unchanged, int clipped, int failed, int discounted, int was_discounted, int surging, int was_surging) {
    return (uint8_t)(unchanged | clipped << 1 | failed << 2 | discounted << 3 | was_discounted << 4 | surging << 5 | was_surging << 6);
}

static inline void make_sets(Sets *sets) {
    for (int flags = 0; flags < 1 << FLAGS; flags++) {
        sets->words[flags][0] = 1;
        sets->words[flags][1] = 0;
        /* The first quarter counts rows. */
        for (int flag = 0; flag < FLAGS; flag++)
            sets->words[flags][(flag + 1) / 4] += (uint64_t)(flags >> flag & 1) << (flag + 1) % 4 * 16;
    }
}

static inline void add(Keys *keys, const Sets *sets, int64_t key, uint8_t flags) {
    keys->few[2 * key] += sets->words[flags][0];
    keys->few[2 * key + 1] += sets->words[flags][1];
}

static inline void spill(Keys *keys) {
    for (int64_t key = 0; key < keys->count; key++)
        for (int part = 0; part < FLAGS + 1; part++)
            keys->counts[part * keys->count + key] += keys->few[2 * key + part / 4] >> part % 4 * 16 & 0xFFFF;
    memset(keys->few, 0, 2 * keys->count * sizeof(uint64_t));
    keys->added = 0;
}

/* Of so many rows of a tick every how manieth is measured. */
static inline int64_t step_of(const Keys *keys, int64_t rows) {
    for (int64_t step = rows / keys->most > 1 ? rows / keys->most : 1;; step++) {
        int64_t divisor = keys->per;
        for (int64_t rest = step, next; rest; divisor = rest, rest = next) next = divisor % rest;
        if (divisor == 1) return step;
    }
}

/* The first row from a place in its tick on that is measured: at each tick others are. */
static inline int64_t first_measured(int64_t step, int64_t place, int64_t tick) { return (step - (place + tick) % step) % step; }

static inline void measure(Keys *keys, int64_t key, int32_t before_paise, int32_t after_paise) {
    double before = before_paise, size = (after_paise - before) / before * 10000, low = floor(size);
    low = low < -keys->edge - 1 ? -keys->edge - 1 : low > keys->edge ? keys->edge : low;
    keys->histogram[key * (keys->sizes + 1) + (size == 0 ? keys->sizes : keys->classes[(int64_t)low + keys->edge + 1])] += 1;
    size = rint(size);
    keys->changes[key] += size;
    keys->squares[key] += size * size;
}

static inline int64_t first_key(const Keys *keys, int64_t tick) { return (tick - keys->tick) * keys->cells; }

static inline int64_t cell_of(const Keys *keys, int64_t listing_id) { return keys->cell[listing_id - keys->listing]; }
