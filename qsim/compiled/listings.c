/* Anchors, costs and stock of listings: `catalog.listings`. */
#include "loops.h"

#include "draws.h"

#include <math.h>

/* A word as a number in (0, 1): `streams.uniforms`. */
static double uniform(uint64_t word) { return (double)(word >> 12) * 0x1p-52 + 0x1p-53; }

/* Draw the anchors of one product once, and tell by how many times the dearest is above the cheapest. */
static double draw_anchors(const Anchors *a, int64_t i, int64_t attempt, int64_t *prices) {
    uint64_t id = 64 * (uint64_t)a->products[i];
    double common = a->common * uniform(hashed(a->stem, attempt, id + 63)), most = 0, least = INFINITY;
    for (int64_t k = 0; k < a->platforms; k++) {
        double own = (1 - a->common) * uniform(hashed(a->stem, attempt, id + (uint64_t)k));
        double price = floor((a->low[k] + (a->high[k] - a->low[k]) * (common + own)) * (double)a->base[i] + 0.5);
        price = price < 1 ? 1 : price;
        price = price > (double)a->ceiling[i] ? (double)a->ceiling[i] : price;
        prices[k] = (int64_t)price;
        most = price > most ? price : most;
        least = price < least ? price : least;
    }
    return most / least;
}

/* Draw the anchors of products, again where the platforms stand too close to each other or too far apart. */
EACH_PROCESSOR void qsim_anchors(const Anchors *a) {
    for (int64_t i = 0; i < a->count; i++)
        for (int64_t attempt = 0; attempt < a->attempts; attempt++) {
            double spread = draw_anchors(a, i, attempt, a->prices + i * a->platforms);
            if (spread >= a->least_spread && spread <= a->most_spread) break;
        }
}

/* Draw the unit costs and the stock of listings. */
EACH_PROCESSOR void qsim_shelves(const Shelves *s) {
    for (int64_t i = 0; i < s->count; i++) {
        uint64_t listing = (uint64_t)(s->first + i), word = hashed(s->cost_stem, 0, listing);
        int64_t cost_bps = (int64_t)((word >> 32) * (uint64_t)s->cost_span >> 32) + s->least_cost_bps;
        int64_t cost = s->anchor[i] * cost_bps / 10000;
        s->unit_cost[i] = (int32_t)(cost < 1 ? 1 : cost);
        word = hashed(s->stock_stem, 0, listing);
        uint16_t target = (uint16_t)(word & 0x7F) + 20, wanted = (uint16_t)(word >> 24 & 3);
        uint32_t share = (uint32_t)(word >> 8 & 0xFFFF);
        uint16_t stock = s->is_active[i] && share >= s->sold_out_below ? (uint16_t)(1 + (share * target >> 16)) : 0;
        s->stock[i] = stock;
        s->reserved[i] = wanted < stock ? wanted : stock;
        s->reorder_level[i] = target / 4;
        s->target_stock[i] = target;
    }
}
