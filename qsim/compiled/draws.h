/* The draws of `streams`. */
#include <stdint.h>

/* SplitMix64's finaliser (Steele, Lea and Flood 2014). */
static uint64_t mixed(uint64_t word) {
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9u;
    word = (word ^ (word >> 27)) * 0x94D049BB133111EBu;
    return word ^ (word >> 31);
}

static uint64_t hashed(uint64_t stem, int64_t tick, uint64_t id) {
    return mixed(id * 0x9E3779B97F4A7C15u + mixed(stem + (uint64_t)tick));
}

/* Philox4x64 in ten rounds (Salmon et al. 2011), as `streams.bits` has it of numpy, which counts before it draws. */
static void philox(const uint64_t *key, uint64_t quad, uint64_t block, uint64_t tick, uint64_t purpose, uint64_t *words) {
    uint64_t a = quad + 1, b = block, c = tick, d = purpose, first = key[0], second = key[1];
    for (int round = 0; round < 10; round++) {
        unsigned __int128 left = (unsigned __int128)a * 0xD2E7470EE14C6C93u, right = (unsigned __int128)c * 0xCA5A826395121157u;
        a = (uint64_t)(right >> 64) ^ b ^ first;
        b = (uint64_t)right;
        c = (uint64_t)(left >> 64) ^ d ^ second;
        d = (uint64_t)left;
        first += 0x9E3779B97F4A7C15u;
        second += 0xBB67AE8584CAA73Bu;
    }
    words[0] = a;
    words[1] = b;
    words[2] = c;
    words[3] = d;
}
