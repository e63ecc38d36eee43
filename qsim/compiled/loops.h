/* Loops over the rows of ticks that stand in for many passes of numpy.
 *
 * They say what the modules named beside them say, operation by operation, so that every bit is theirs: built without contracted
 * products (-ffp-contract=off) and without -ffast-math. The structures are those of `__init__.py`, field by field.
 */
#pragma once

#include <stdint.h>
#include <string.h>

#ifdef __FAST_MATH__
#error "fast mathematics gives other bits than numpy"
#endif

/* Built for several generations of processors, of which the loader takes the one that is there. */
#if !defined(ONE_PROCESSOR) && defined(__x86_64__) && defined(__linux__) && defined(__GNUC__)
#if __GNUC__ >= 12
#define EACH_PROCESSOR __attribute__((flatten, target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define EACH_PROCESSOR __attribute__((flatten, target_clones("avx2", "default")))
#endif
#else
#define EACH_PROCESSOR
#endif

/* Keys of rows, a tick and a cell: `count` of them, `cells` a tick, from `tick` on; `cell` is a column of the block's listings from
 * `listing` on. `counts` are eight columns of keys: rows, those that changed nothing, that were clipped, that failed, and those that
 * are discounted, were, are surging, were. `few` is room for two words a key, zeros, and `added` tells of how many rows they are.
 * Of an even share of a tick's rows, about `most` of them, the change of price is measured, of all listings of products, `per` each, in
 * turn: `classes` tells the class of each whole size from below -`edge` to `edge`, and class `sizes` is that of no change; `histogram`
 * has a column for each class and one more, `changes` and `squares` one each. */
typedef struct {
    int64_t count, cells, tick, listing, most, per, edge, sizes, added;
    const uint32_t *cell;
    const int64_t *classes;
    uint64_t *few;
    int64_t *counts, *histogram;
    double *changes, *squares;
} Keys;

/* Updates of some listings at one tick or several in a row: their terms, the columns of the block, of its state, and of the rows,
 * from the first of these on, tick by tick. `places` are the listings, null where they lie side by side from `start`; `ticks` a
 * tick for each of them, null where all are updated at each of the `span` ticks from `tick` on. The last three columns of rows are
 * null where nothing is watched. `switched_tick`, `_listing_id` and `_own` are room for the own discounts that start or end, tick by
 * tick, `switches` for how many. Where there is `kept`, only rows that changed anything are filled, tick by tick from where its first
 * would be, and it has room for how many; then the last four columns are null, and rows are counted by `keys`, if there are any. */
typedef struct {
    int64_t count, start, tick, span;
    const int64_t *places, *ticks;
    uint64_t key[2], block, purpose;
    double bound, half_up, exponent;
    int64_t prices, discount_start, discount_end, surging, surge_low, surge_span, fee_paise, shift_bps, law_size;
    uint64_t depth_stem, surge_stem;
    const int64_t *lanes;
    const double *powers, *slope, *base, *pull;
    const uint16_t *depth_laws;
    const int32_t *ceiling;
    const uint32_t *listing_id;
    const uint8_t *is_loose, *platform;
    int32_t *price, *regular;
    uint16_t *own, *line, *discount, *surge, *fee;
    uint32_t *updated;
    uint32_t *row_tick, *row_listing_id;
    uint8_t *row_cause;
    int32_t *row_before, *row_after, *row_regular;
    uint16_t *row_discount, *row_surge, *row_fee;
    uint8_t *row_changed, *row_clipped, *row_was_discounted, *row_was_surging;
    uint32_t *switched_tick, *switched_listing_id;
    uint16_t *switched_own;
    int64_t *switches, *kept;
    Keys *keys;
} Update;

/* Rows to be counted by key, their columns; `ceiling` is a column of the block's listings. */
typedef struct {
    int64_t count;
    const int32_t *ceiling;
    const uint32_t *row_tick, *row_listing_id;
    const int32_t *row_before, *row_after;
    const uint16_t *row_discount, *row_surge, *row_fee;
    const uint8_t *row_changed, *row_clipped, *row_was_discounted, *row_was_surging;
    Keys *keys;
} Count;

/* Anchors of products by their ids, a row of `platforms` prices each: places within bands of the base price, of which `common` is what
 * the platforms share, drawn again, up to so many attempts, where the dearest is not as far above the cheapest as it has to be. */
typedef struct {
    int64_t count, platforms, attempts;
    uint64_t stem;
    double common, least_spread, most_spread;
    const int64_t *products, *base, *ceiling;
    const double *low, *high;
    int64_t *prices;
} Anchors;

/* Unit costs and stock of listings side by side, from number `first` on. */
typedef struct {
    int64_t count, first, least_cost_bps, cost_span, sold_out_below;
    uint64_t cost_stem, stock_stem;
    const int64_t *anchor;
    const uint8_t *is_active;
    int32_t *unit_cost;
    uint16_t *stock, *reserved, *reorder_level, *target_stock;
} Shelves;

/* Sums of parts of tables: for each the sums of its columns, taken in runs of so many bytes. `values` and `sizes` tell where each
 * column of each part is, and its bytes; `weights` are two words for each run that a part can have; `sums` two for each part. */
typedef struct {
    int64_t parts, columns, run_bytes;
    const int64_t *sizes;
    const uint8_t *const *values;
    const uint64_t *first_keys, *second_keys, *weights;
    uint64_t *sums;
} Sums;

/* Sums of parts of few rows each, which lie end to end in columns of values so many bytes wide: of each column, each value times the
 * key of its row in either list of keys. `sums` are a column for each list. */
typedef struct {
    int64_t parts, columns;
    const int64_t *sizes, *widths;
    const uint8_t *const *values;
    const uint64_t *const *first_keys, *const *second_keys;
    uint64_t *sums;
} FewSums;
