/* Counts of rows by tick and cell: `market.tally`. */
#include "keys.h"

/* Count rows by key, and measure changes of price. */
EACH_PROCESSOR void qsim_count(const Count *c) {
    Keys *keys = c->keys;
    Sets sets;
    make_sets(&sets);
    for (int64_t i = 0; i < c->count; i++) {
        int32_t after = c->row_after[i], ceiling = c->ceiling[c->row_listing_id[i] - keys->listing];
        uint8_t flags = flags_of(
            !c->row_changed[i], c->row_clipped[i], (after < 1) | (after > ceiling), c->row_discount[i] > 0,
            c->row_was_discounted[i], (c->row_surge[i] | c->row_fee[i]) > 0, c->row_was_surging[i]);
        if (keys->added == MOST_ADDED) spill(keys);
        add(keys, &sets, first_key(keys, c->row_tick[i]) + cell_of(keys, c->row_listing_id[i]), flags);
        keys->added++;
    }
    spill(keys);
    for (int64_t begin = 0, end; begin < c->count; begin = end) {
        uint32_t tick = c->row_tick[begin];
        for (end = begin; end < c->count && c->row_tick[end] == tick; end++);
        int64_t step = step_of(keys, end - begin), key = first_key(keys, tick);
        for (int64_t i = begin + first_measured(step, 0, tick); i < end; i += step)
            measure(keys, key + cell_of(keys, c->row_listing_id[i]), c->row_before[i], c->row_after[i]);
    }
}
