/* Sums of columns: `storage.digests`. */
#include "loops.h"

/* The sources that a library was built from. */
const char *qsim_source(void) { return SOURCE; }

/* Add up a run's words weighed by the first keys, and their high halves by the second; zeros fill up the last word. */
static void sum_run(const uint8_t *bytes, int64_t count, const uint64_t *first, const uint64_t *second, uint64_t *sums) {
    uint64_t a = 0, b = 0, word;
    int64_t words = count / 8;
    for (int64_t i = 0; i < words; i++) {
        memcpy(&word, bytes + 8 * i, 8);
        a += word * first[i];
        b += (word >> 32) * second[i];
    }
    if (count % 8) {
        word = 0;
        memcpy(&word, bytes + 8 * words, count % 8);
        a += word * first[words];
        b += (word >> 32) * second[words];
    }
    sums[0] = a;
    sums[1] = b;
}

/* Sum the columns of parts. */
EACH_PROCESSOR void qsim_sums(const Sums *s) {
    for (int64_t part = 0; part < s->parts; part++) {
        uint64_t *total = s->sums + 2 * part, run[2];
        const uint64_t *weights = s->weights;
        for (int64_t column = part * s->columns; column < (part + 1) * s->columns; column++) {
            const uint8_t *bytes = s->values[column];
            for (int64_t left = s->sizes[column]; left > 0; left -= s->run_bytes, bytes += s->run_bytes, weights += 2) {
                sum_run(bytes, left < s->run_bytes ? left : s->run_bytes, s->first_keys, s->second_keys, run);
                total[0] += weights[0] * run[0];
                total[1] += weights[1] * run[1];
            }
        }
    }
}

/* Add up the values of one part, as wide as `kind`. */
#define SUM_VALUES(kind)                                                                                               \
    for (int64_t i = 0; i < size; i++) {                                                                               \
        kind word;                                                                                                     \
        memcpy(&word, values + i * sizeof word, sizeof word);                                                          \
        a += word * first[i];                                                                                          \
        b += word * second[i];                                                                                         \
    }

/* Sum parts of few rows. */
EACH_PROCESSOR void qsim_few_sums(const FewSums *s) {
    for (int64_t column = 0; column < s->columns; column++) {
        const uint8_t *values = s->values[column];
        const uint64_t *first = s->first_keys[column], *second = s->second_keys[column];
        int64_t width = s->widths[column];
        for (int64_t part = 0; part < s->parts; part++) {
            int64_t size = s->sizes[part];
            uint64_t a = 0, b = 0;
            switch (width) {
            case 1: SUM_VALUES(uint8_t) break;
            case 2: SUM_VALUES(uint16_t) break;
            case 4: SUM_VALUES(uint32_t) break;
            default: SUM_VALUES(uint64_t)
            }
            s->sums[part] += a;
            s->sums[s->parts + part] += b;
            values += size * width;
        }
    }
}
