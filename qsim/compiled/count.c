/* Counts of rows by tick and cell: `market.tally`. */
#include "keys.h"

#include <math.h>

/* Count rows by key. */
EACH_PROCESSOR void qsim_count(const Count *c) {
    Sets sets;
    make_sets(&sets);
    for (int64_t i = 0; i < c->count; i++) {
        int32_t after = c->row_after[i], ceiling = c->ceiling[c->row_listing_id[i] - c->keys->listing];
        uint8_t flags = flags_of(
            !c->row_changed[i], c->row_clipped[i], (after < 1) | (after > ceiling), c->row_discount[i] > 0,
            c->row_was_discounted[i], (c->row_surge[i] | c->row_fee[i]) > 0, c->row_was_surging[i]);
        if (c->keys->added == MOST_ADDED) spill(c->keys);
        add(c->keys, &sets, first_key(c->keys, c->row_tick[i]) + cell_of(c->keys, c->row_listing_id[i]), flags);
        c->keys->added++;
    }
    spill(c->keys);
}

/* Measure changes of price by key. */
EACH_PROCESSOR void qsim_measure(const Measure *m) {
    for (int64_t i = 0; i < m->count; i += m->step) {
        int64_t key = first_key(m->keys, m->row_tick[i]) + cell_of(m->keys, m->row_listing_id[i]);
        double before = m->row_before[i], size = (m->row_after[i] - before) / before * 10000, low = floor(size);
        low = low < -m->edge - 1 ? -m->edge - 1 : low > m->edge ? m->edge : low;
        m->histogram[key * (m->sizes + 1) + (size == 0 ? m->sizes : m->classes[(int64_t)low + m->edge + 1])] += 1;
        size = rint(size);
        m->changes[key] += size;
        m->squares[key] += size * size;
    }
}
