/* Scores and distances as unsigned integers in the same order, so that they can be sorted digit by digit and compared
 * exactly. */
#ifndef SN_CORE_KEYS_H
#define SN_CORE_KEYS_H

#include <stdint.h>
#include <string.h>

/* score must not be NaN. -0 and 0 are equal scores and give one key. */
static inline uint32_t sn_score_key(float score) {
    uint32_t bits;
    memcpy(&bits, &score, sizeof bits);
    if (score == 0.0f)
        bits = 0;
    /* Negative numbers grow towards smaller values: all bits turned; the others go above them. */
    return bits ^ (bits >> 31 ? 0xffffffffu : 0x80000000u);
}

static inline float sn_key_score(uint32_t key) {
    uint32_t bits = key ^ (key >> 31 ? 0x80000000u : 0xffffffffu);
    float score;
    memcpy(&score, &bits, sizeof score);
    return score;
}

#endif
