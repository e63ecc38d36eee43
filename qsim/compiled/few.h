/* A few rows at a time: what they are made of, where their columns come from, and where what is made of them goes. */
#include "loops.h"

/* Rows that are taken through all steps together: their columns stay in a core's nearest cache. */
#define ROWS 512

/* What a few rows are made of: columns where they lie, or copies of them, and what is made of these. */
typedef struct {
    const int32_t *regular, *price, *ceiling;
    const uint32_t *listing_id;
    const uint16_t *own, *line, *discount, *surge, *fee;
    const uint8_t *is_loose, *platform;
    const double *slope, *base, *pull;
    double room_for_doubles[3][ROWS];
    int32_t room_for_words[4][ROWS];
    uint16_t room_for_shorts[5][ROWS];
    uint8_t room_for_bytes[2][ROWS];
    double aim[ROWS];
    uint64_t drawn[ROWS];
    int32_t new_regular[ROWS], new_price[ROWS], switching[ROWS + 1], sized[ROWS + 1];
    uint16_t new_own[ROWS], new_discount[ROWS], new_surge[ROWS], new_fee[ROWS];
    uint8_t cause[ROWS], clipped[ROWS], changed[ROWS], starts[ROWS], switches[ROWS + 8], is_sized[ROWS + 8];
    int switched, sizes;
} Few;

/* The tick of an update: its own, where each has one. */
static uint32_t tick_of(const Update *u, int64_t place, int64_t tick) { return (uint32_t)(u->ticks ? u->ticks[place] : tick); }

#define COLUMN(kind, name)                                                                                                      \
    static const kind *name(const Update *u, const kind *column, kind *room, int64_t first, int n) {                             \
        if (!u->places) return column + u->start + first;                                                                       \
        for (int i = 0; i < n; i++) room[i] = column[u->places[first + i]];                                                      \
        return room;                                                                                                            \
    }
COLUMN(double, doubles)
COLUMN(int32_t, words)
COLUMN(uint16_t, shorts)
COLUMN(uint8_t, bytes)

static void take(const Update *u, Few *few, int64_t first, int n) {
    few->slope = doubles(u, u->slope, few->room_for_doubles[0], first, n);
    few->base = doubles(u, u->base, few->room_for_doubles[1], first, n);
    few->pull = doubles(u, u->pull, few->room_for_doubles[2], first, n);
    few->regular = words(u, u->regular, few->room_for_words[0], first, n);
    few->price = words(u, u->price, few->room_for_words[1], first, n);
    few->ceiling = words(u, u->ceiling, few->room_for_words[2], first, n);
    few->listing_id = (const uint32_t *)words(u, (const int32_t *)u->listing_id, few->room_for_words[3], first, n);
    few->own = shorts(u, u->own, few->room_for_shorts[0], first, n);
    few->line = shorts(u, u->line, few->room_for_shorts[1], first, n);
    few->discount = shorts(u, u->discount, few->room_for_shorts[2], first, n);
    few->surge = shorts(u, u->surge, few->room_for_shorts[3], first, n);
    few->fee = shorts(u, u->fee, few->room_for_shorts[4], first, n);
    few->is_loose = bytes(u, u->is_loose, few->room_for_bytes[0], first, n);
    few->platform = bytes(u, u->platform, few->room_for_bytes[1], first, n);
}

/* Fill so many rows from a place on, with those of the few from one on. */
static void fill(const Update *u, const Few *few, int64_t at, int from, int n) {
    memcpy(u->row_listing_id + at, few->listing_id + from, n * sizeof(uint32_t));
    memcpy(u->row_cause + at, few->cause + from, n);
    memcpy(u->row_before + at, few->price + from, n * sizeof(int32_t));
    memcpy(u->row_after + at, few->new_price + from, n * sizeof(int32_t));
    memcpy(u->row_regular + at, few->new_regular + from, n * sizeof(int32_t));
    memcpy(u->row_discount + at, few->new_discount + from, n * sizeof(uint16_t));
    memcpy(u->row_surge + at, few->new_surge + from, n * sizeof(uint16_t));
    memcpy(u->row_fee + at, few->new_fee + from, n * sizeof(uint16_t));
}

static void fill_all(const Update *u, const Few *few, int64_t tick, int64_t first, int64_t at, int n) {
    fill(u, few, at, 0, n);
    memcpy(u->row_changed + at, few->changed, n);
    for (int i = 0; i < n; i++) u->row_tick[at + i] = tick_of(u, first + i, tick);
    if (!u->row_clipped) return;
    const uint16_t *restrict discount = few->discount, *restrict surge = few->surge, *restrict fee = few->fee;
    memcpy(u->row_clipped + at, few->clipped, n);
    uint8_t *restrict was_discounted = u->row_was_discounted + at, *restrict was_surging = u->row_was_surging + at;
    for (int i = 0; i < n; i++) was_discounted[i] = discount[i] > 0;
    for (int i = 0; i < n; i++) was_surging[i] = (surge[i] | fee[i]) > 0;
}

/* The next row that changed anything, or that changed nothing; as many as there are where none is left. */
static int next_row(const Few *few, int changed, int from, int n) {
    const uint8_t *found = memchr(few->changed + from, changed, n - from);
    return found ? (int)(found - few->changed) : n;
}

static void fill_changed(const Update *u, const Few *few, int64_t tick, int64_t t, int n) {
    int64_t start = t * u->count, at = start + u->kept[t];
    for (int from = 0, stop; (from = next_row(few, 1, from, n)) < n; from = stop) {
        stop = next_row(few, 0, from, n);
        fill(u, few, at, from, stop - from);
        for (int i = from; i < stop; i++) u->row_tick[at++] = (uint32_t)tick;
    }
    u->kept[t] = at - start;
}

#define KEEP(column, now)                                                                                                       \
    if (u->places)                                                                                                              \
        for (int i = 0; i < n; i++) (column)[u->places[first + i]] = (now)[i];                                                   \
    else                                                                                                                        \
        memcpy((column) + u->start + first, now, n * sizeof((now)[0]))

static void keep(const Update *u, const Few *few, int64_t tick, int64_t first, int n) {
    for (int i = 0; i < n; i++) {
        uint32_t *updated = u->updated + (u->places ? u->places[first + i] : u->start + first + i);
        uint32_t now = few->changed[i] ? tick_of(u, first + i, tick) : 0;
        *updated = *updated > now ? *updated : now;
    }
    KEEP(u->price, few->new_price);
    KEEP(u->regular, few->new_regular);
    KEEP(u->own, few->new_own);
    KEEP(u->discount, few->new_discount);
    KEEP(u->surge, few->new_surge);
    KEEP(u->fee, few->new_fee);
}

static void keep_switched(const Update *u, const Few *few, int64_t tick, int64_t t, int64_t first) {
    uint32_t *ticks = u->switched_tick + t * u->count, *listings = u->switched_listing_id + t * u->count;
    uint16_t *own = u->switched_own + t * u->count;
    int64_t found = u->switches[t];
    for (int k = 0; k < few->switched; k++) {
        int i = few->switching[k];
        ticks[found] = tick_of(u, first + i, tick);
        listings[found] = few->listing_id[i];
        own[found] = few->new_own[i];
        found += few->new_own[i] != few->own[i];
    }
    u->switches[t] = found;
}
