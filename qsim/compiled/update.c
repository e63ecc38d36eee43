/* The classic update of listings in turn: `market.turns`, `market.pricing`, `market.promotion` and `market.state.fill`. */
#include "draws.h"
#include "few.h"
#include "keys.h"
#include "powers.h"

/* Draws, four words each, that are made together. */
#define QUADS 160
#define BPS 10000
#define MOST_PAISE 2147483647
#define CHANCE_MASK 0xFFFFF

enum { SURGE_START = 1, SURGE_END, DISCOUNT_START, DISCOUNT_END, UPDATE };

/* Draw the word of each listing at its tick: those of a tick whose lanes lie near each other at once. */
static void draw(const Update *u, Few *few, int64_t tick, int64_t first, int n) {
    uint64_t words[4 * QUADS];
    int64_t lanes[ROWS];
    for (int i = 0; i < n; i++) lanes[i] = u->lanes[u->places ? u->places[first + i] : u->start + first + i];
    for (int i = 0, last; i < n; i = last) {
        int64_t quad = lanes[i] / 4, of = tick_of(u, first + i, tick);
        for (last = i + 1; last < n && lanes[last] > lanes[last - 1] && lanes[last] / 4 < quad + QUADS; last++)
            if (tick_of(u, first + last, tick) != of) break;
        for (int64_t k = 0; k <= lanes[last - 1] / 4 - quad; k++) philox(u->key, quad + k, u->block, of, u->purpose, words + 4 * k);
        for (int row = i; row < last; row++) few->drawn[row] = words[lanes[row] - 4 * quad];
    }
}

/* Powers of prices: of the common ones from a table, of those beyond it one by one. Below 0, which a market may have of a version
 * that let prices wrap, they are the first of the table. */
static void raise_prices(const Update *u, Few *few, int n) {
    const int32_t *restrict regular = few->regular;
    int32_t prices = (int32_t)u->prices, outside = 0;
    for (int i = 0; i < n; i++) outside |= (regular[i] < 0) | (regular[i] >= prices);
    if (!outside) {
        for (int i = 0; i < n; i++) few->aim[i] = u->powers[regular[i]];
        return;
    }
    for (int i = 0; i < n; i++) {
        int32_t price = regular[i] > 0 ? regular[i] : 0;
        few->aim[i] = price < prices ? u->powers[price] : exponential(u->exponent * logarithm(price));
    }
}

static void step_regular(const Update *u, Few *few, int n) {
    const int32_t *restrict regular = few->regular;
    const double *restrict slope = few->slope, *restrict base = few->base, *restrict pull = few->pull;
    double bound = u->bound, half_up = u->half_up;
    raise_prices(u, few, n);
    for (int i = 0; i < n; i++) {
        double factor = (double)(int32_t)(few->drawn[i] >> 40) * slope[i] + base[i];
        double aim = few->aim[i] * pull[i] * factor + half_up;
        aim = aim < MOST_PAISE ? aim : MOST_PAISE;
        aim = aim > 0 ? aim : 0;
        int32_t most = (int32_t)(regular[i] * bound + 1e-6), step = (int32_t)aim - regular[i];
        few->clipped[i] = (step < 0 ? -step : step) > most;
        step = step < most ? step : most;
        few->new_regular[i] = regular[i] + (step > -most ? step : -most);
    }
}

static void step_switches(const Update *u, Few *few, int n) {
    uint32_t start = u->discount_start, end = u->discount_end, surging = u->surging;
    const uint16_t *restrict own = few->own, *restrict surge = few->surge, *restrict fee = few->fee;
    const uint8_t *restrict is_loose = few->is_loose;
    uint16_t fee_paise = u->fee_paise;
    uint8_t low_start[ROWS], low_end[ROWS], now[ROWS];
    for (int i = 0; i < n; i++) {
        uint32_t chain = (uint32_t)(few->drawn[i] >> 20) & CHANCE_MASK, chance = (uint32_t)few->drawn[i] & CHANCE_MASK;
        low_start[i] = chain < start;
        low_end[i] = chain < end;
        now[i] = chance < surging;
    }
    for (int i = 0; i < n; i++) {
        uint8_t on = own[i] > 0, before = (surge[i] | fee[i]) > 0;
        uint8_t starts = low_start[i] & !on, ends = low_end[i] & on;
        few->starts[i] = starts;
        few->switches[i] = starts | ends;
        few->is_sized[i] = now[i] & is_loose[i];
        few->new_own[i] = ends ? 0 : own[i];
        few->new_fee[i] = now[i] > is_loose[i] ? fee_paise : 0;
        uint8_t cause = starts ? DISCOUNT_START : ends ? DISCOUNT_END : UPDATE;
        cause = before > now[i] ? SURGE_END : cause;
        few->cause[i] = now[i] > before ? SURGE_START : cause;
    }
    memset(few->new_surge, 0, sizeof few->new_surge);
}

/* Give the places of flags that are set, eight at a time where none is. The room holds one more than there are. */
static int places_of(const uint8_t *flags, int32_t *places, int n) {
    int found = 0;
    for (int first = 0; first < n; first += 8) {
        uint64_t eight;
        memcpy(&eight, flags + first, 8);
        if (!eight) continue;
        for (int i = first; i < first + 8 && i < n; i++) {
            places[found] = i;
            found += flags[i];
        }
    }
    return found;
}

static void draw_sizes(const Update *u, Few *few, int64_t tick, int64_t first, int n) {
    few->switched = places_of(few->switches, few->switching, n);
    few->sizes = places_of(few->is_sized, few->sized, n);
    for (int k = 0; k < few->switched; k++) {
        int i = few->switching[k];
        uint64_t word = hashed(u->depth_stem, tick_of(u, first + i, tick), few->listing_id[i]);
        uint16_t depth = u->depth_laws[few->platform[i] * u->law_size + (int64_t)(word >> 52)];
        few->new_own[i] = few->starts[i] ? depth : 0;
    }
    for (int k = 0; k < few->sizes; k++) {
        int i = few->sized[k];
        uint64_t word = hashed(u->surge_stem, tick_of(u, first + i, tick), few->listing_id[i]);
        few->new_surge[i] = (uint16_t)(u->surge_low + (int64_t)((word >> 32) * (uint64_t)u->surge_span >> 32));
    }
}

static int32_t whole_price(double price) {
    price += 0.5;
    price = price > 0 ? price : 0;
    return (int32_t)(price < MOST_PAISE ? price : MOST_PAISE);
}

static double undiscounted(const Few *few, int i) {
    int32_t left = BPS - (few->new_fee[i] ? 0 : few->new_discount[i]);
    return (double)left * (double)few->new_regular[i];
}

static void overlay(const Update *u, Few *few, int n) {
    double shifted = (double)(BPS + u->shift_bps), parts = u->shift_bps ? (double)BPS * BPS : BPS;
    const uint16_t *restrict line = few->line;
    const int32_t *restrict ceiling = few->ceiling;
    for (int i = 0; i < n; i++) few->new_discount[i] = few->new_own[i] > line[i] ? few->new_own[i] : line[i];
    if (u->shift_bps)
        for (int i = 0; i < n; i++) few->new_price[i] = whole_price(undiscounted(few, i) * shifted / parts);
    else
        for (int i = 0; i < n; i++) few->new_price[i] = whole_price(undiscounted(few, i) / parts);
    for (int k = 0; k < few->sizes; k++) {
        int i = few->sized[k];
        if (few->new_surge[i])
            few->new_price[i] = whole_price(undiscounted(few, i) * (BPS + (double)few->new_surge[i]) * shifted / 1e12);
    }
    for (int i = 0; i < n; i++) {
        int32_t price = few->new_price[i];
        few->clipped[i] |= price > ceiling[i];
        price = price < ceiling[i] ? price : ceiling[i];
        few->new_price[i] = price > 1 ? price : 1;
    }
}

static void compare(Few *few, int n) {
    const int32_t *restrict price = few->price, *restrict regular = few->regular;
    const uint16_t *restrict discount = few->discount, *restrict surge = few->surge, *restrict fee = few->fee;
    uint8_t *restrict changed = few->changed;
    for (int i = 0; i < n; i++) changed[i] = (few->new_price[i] != price[i]) | (few->new_regular[i] != regular[i]);
    for (int i = 0; i < n; i++)
        changed[i] |= (few->new_discount[i] != discount[i]) | (few->new_surge[i] != surge[i]) | (few->new_fee[i] != fee[i]);
}

static void count_rows(const Update *u, const Few *few, const Sets *sets, int64_t step, int64_t tick, int64_t first, int n) {
    const uint16_t *restrict discount = few->discount, *restrict surge = few->surge, *restrict fee = few->fee;
    const int32_t *restrict ceiling = few->ceiling;
    Keys *keys = u->keys;
    uint8_t flags[ROWS];
    for (int i = 0; i < n; i++) {
        int32_t price = few->new_price[i];
        flags[i] = flags_of(
            !few->changed[i], few->clipped[i], (price < 1) | (price > ceiling[i]), few->new_discount[i] > 0, discount[i] > 0,
            (few->new_surge[i] | few->new_fee[i]) > 0, (surge[i] | fee[i]) > 0);
    }
    if (keys->added + n > MOST_ADDED) spill(keys);
    int64_t key = first_key(keys, tick);
    for (int i = 0; i < n; i++) add(keys, sets, key + cell_of(keys, few->listing_id[i]), flags[i]);
    keys->added += n;
    for (int64_t i = first_measured(step, first, tick); i < n; i += step)
        measure(keys, key + cell_of(keys, few->listing_id[i]), few->price[i], few->new_price[i]);
}

/* Update listings and fill their rows. */
EACH_PROCESSOR void qsim_update(const Update *u) {
    Few few;
    Sets sets;
    int64_t step = u->keys ? step_of(u->keys, u->count) : 1;
    if (u->keys) make_sets(&sets);
    for (int64_t first = 0; first < u->count; first += ROWS) {
        int n = u->count - first < ROWS ? (int)(u->count - first) : ROWS;
        /* Copies are of listings that are updated once, and columns where they lie have what the tick before left. */
        take(u, &few, first, n);
        for (int64_t t = 0; t < u->span; t++) {
            int64_t at = t * u->count + first, tick = u->tick + t;
            draw(u, &few, tick, first, n);
            step_regular(u, &few, n);
            step_switches(u, &few, n);
            draw_sizes(u, &few, tick, first, n);
            overlay(u, &few, n);
            compare(&few, n);
            if (u->kept)
                fill_changed(u, &few, tick, t, n);
            else
                fill_all(u, &few, tick, first, at, n);
            if (u->keys) count_rows(u, &few, &sets, step, tick, first, n);
            keep_switched(u, &few, tick, t, first);
            keep(u, &few, tick, first, n);
        }
    }
    if (u->keys) spill(u->keys);
}
