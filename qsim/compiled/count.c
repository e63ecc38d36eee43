/* Counts of rows by tick and cell: `market.tally`. */
#include <math.h>

#include "loops.h"

/* Rows that a quarter of a word can count. */
#define COUNTED 65535

static void spill(const Count *c) {
    for (int64_t key = 0; key < c->keys; key++)
        for (int part = 0; part < 8; part++)
            c->counts[part * c->keys + key] += c->few[2 * key + part / 4] >> part % 4 * 16 & 0xFFFF;
    memset(c->few, 0, 2 * c->keys * sizeof(uint64_t));
}

static int64_t key_of(const Count *c, int64_t row) {
    return (c->row_tick[row] - c->tick) * c->cells + c->cell[c->row_listing_id[row] - c->listing];
}

static void measure(const Count *c) {
    for (int64_t i = 0; i < c->count; i += c->step) {
        int64_t key = key_of(c, i);
        double before = c->row_before[i], size = (c->row_after[i] - before) / before * 10000, low = floor(size);
        low = low < -c->edge - 1 ? -c->edge - 1 : low > c->edge ? c->edge : low;
        c->histogram[key * (c->sizes + 1) + (size == 0 ? c->sizes : c->classes[(int64_t)low + c->edge + 1])] += 1;
        size = rint(size);
        c->changes[key] += size;
        c->squares[key] += size * size;
    }
}

/* Count rows by key, and measure changes of price. */
EACH_PROCESSOR void qsim_count(const Count *c) {
    for (int64_t first = 0; first < c->count; first += COUNTED) {
        int64_t last = c->count - first < COUNTED ? c->count : first + COUNTED;
        for (int64_t i = first; i < last; i++) {
            int64_t listing = c->row_listing_id[i] - c->listing;
            uint64_t *few = c->few + 2 * key_of(c, i);
            uint64_t failed = (c->row_after[i] < 1) | (c->row_after[i] > c->ceiling[listing]);
            uint64_t discounted = c->row_discount[i] > 0, surging = (c->row_surge[i] | c->row_fee[i]) > 0;
            uint64_t unchanged = !c->row_changed[i], clipped = c->row_clipped[i];
            few[0] += 1 | unchanged << 16 | clipped << 32 | failed << 48;
            few[1] += discounted | (uint64_t)c->row_was_discounted[i] << 16 | surging << 32 | (uint64_t)c->row_was_surging[i] << 48;
        }
        spill(c);
    }
    measure(c);
}
