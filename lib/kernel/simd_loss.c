/* Focal losses and what a Dice term is made of, with their derivatives. Compiled once per level; see simd.h
 * for what each does. */
#include "kernel/simd_parts.h"
#include "kernel/vector_math.h"

typedef uint8_t vlabel __attribute__((vector_size(SN_LANES)));

typedef struct terms {
    vfloat focal, focal_slope; /* the loss and its derivative by the logit */
    vfloat p, p_slope;         /* the probability of an anomaly and its derivative */
    vint positive, valid;      /* all bits set or none */
} terms;

/* With t the logit towards the right answer: p_t = sigmoid(t), q = 1 - p_t, c = -log p_t; the loss is a
 * q^gamma c and its derivative by t is -a q^gamma (gamma p_t c + q). All of them from e = e^-|t| without a
 * difference of near equals. e stops at e^-24: what is smaller changes no sum, but its products would be
 * denormal, and those are slow. */
static inline __attribute__((always_inline)) terms terms_of(const sn_focal *focal, bool square, vfloat z,
                                                            vint labels) {
    const vfloat zero = v_set(0.0f);
    terms result;
    result.valid = labels != SN_LABEL_IGNORED;
    result.positive = (labels != 0) & result.valid;
    const vfloat t = v_select(result.positive, z, -z), magnitude = v_min(t, -t);
    const vfloat e = v_exp(v_max(v_set(-24.0f), magnitude)), large = 1.0f / (1.0f + e), small = e * large;
    const vint right = t > 0.0f;
    const vfloat p_t = v_select(right, large, small), q = v_select(right, small, large), rest = v_log1p(e);
    const vfloat c = v_max(zero, -t) + rest; /* and -log q = max(t, 0) + rest */
    const vfloat power = square ? q * q : v_exp((v_max(zero, t) + rest) * -focal->gamma);
    const vfloat a = v_select(result.positive, v_set(focal->alpha), v_set(1.0f - focal->alpha)) * power;
    const vfloat slope = a * v_fma(c * focal->gamma, p_t, q);
    result.focal = v_select(result.valid, a * c, zero);
    result.focal_slope = v_select(result.valid, v_select(result.positive, -slope, slope), zero);
    result.p = v_select(result.valid, v_select(result.positive, p_t, q), zero);
    result.p_slope = v_select(result.valid, p_t * q, zero);
    return result;
}

/* Labels of which count are there; the others are ignored ones. */
static inline vint load_labels(const uint8_t *from, size_t count) {
    vlabel labels;
    memset(&labels, SN_LABEL_IGNORED, sizeof labels);
    memcpy(&labels, from, count);
    return __builtin_convertvector(labels, vint);
}

static inline vfloat v_at(vint mask, vfloat v) {
    return v_select(mask, v, v_set(0.0f));
}

static inline __attribute__((always_inline)) void focal_of(const sn_focal *focal, bool square,
                                                           const float *logits, const uint8_t *labels,
                                                           size_t count, float scale, float *gradient,
                                                           double *sum) {
    vfloat losses = v_set(0.0f);
    for (size_t i = 0; i < count; i += SN_LANES) {
        const size_t here = count - i < SN_LANES ? count - i : SN_LANES;
        const terms x = terms_of(focal, square, v_load_part(logits + i, here), load_labels(labels + i, here));
        losses += x.focal;
        if (gradient != NULL)
            v_store_part(gradient + i, x.focal_slope * scale, here);
    }
    *sum += (double)v_sum(losses);
}

void SN_AT_LEVEL(focal)(const sn_focal *focal, const float *logits, const uint8_t *labels, size_t count,
                        float scale, float *gradient, double *sum) {
    if (focal->gamma == 2.0f)
        focal_of(focal, true, logits, labels, count, scale, gradient, sum);
    else
        focal_of(focal, false, logits, labels, count, scale, gradient, sum);
}

/* Lanes i.. of a row, of which count are there. */
static inline __attribute__((always_inline)) void map_loss_lanes(const sn_focal *focal, bool square,
                                                                 const sn_loss_row *row, size_t i,
                                                                 size_t count, vfloat sums[SN_LOSS_SUMS]) {
    const vfloat upper = v_load_part(row->upper + i, count), lower = v_load_part(row->lower + i, count);
    const vfloat z = v_fma(lower - upper, v_set(row->weight), upper);
    const terms x = terms_of(focal, square, z, load_labels(row->labels + i, count));
    sums[SN_LOSS_FOCAL] += x.focal;
    sums[SN_LOSS_P] += x.p;
    sums[SN_LOSS_PY] += v_at(x.positive, x.p);
    sums[SN_LOSS_Y] += v_at(x.positive, v_set(1.0f));
    sums[SN_LOSS_PIXELS] += v_at(x.valid, v_set(1.0f));
    if (row->upper_gradients[0] == NULL)
        return;
    const vfloat slopes[SN_LOSS_GRADIENTS] = {x.focal_slope, x.p_slope, v_at(x.positive, x.p_slope)};
    for (int g = 0; g < SN_LOSS_GRADIENTS; g++) {
        /* One after the other: both may be the same row. */
        float *to = row->upper_gradients[g] + i;
        v_store_part(to, v_fma(slopes[g], v_set(1.0f - row->weight), v_load_part(to, count)), count);
        to = row->lower_gradients[g] + i;
        v_store_part(to, v_fma(slopes[g], v_set(row->weight), v_load_part(to, count)), count);
    }
}

static inline __attribute__((always_inline)) void
map_loss_of(const sn_focal *focal, bool square, const sn_loss_row *row, double sums[SN_LOSS_SUMS]) {
    vfloat parts[SN_LOSS_SUMS];
    for (int s = 0; s < SN_LOSS_SUMS; s++)
        parts[s] = v_set(0.0f);
    size_t i = 0;
    for (; i + SN_LANES <= row->count; i += SN_LANES)
        map_loss_lanes(focal, square, row, i, SN_LANES, parts);
    if (i < row->count)
        map_loss_lanes(focal, square, row, i, row->count - i, parts);
    for (int s = 0; s < SN_LOSS_SUMS; s++)
        sums[s] += (double)v_sum(parts[s]);
}

void SN_AT_LEVEL(map_loss)(const sn_focal *focal, const sn_loss_row *row, double sums[SN_LOSS_SUMS]) {
    if (focal->gamma == 2.0f)
        map_loss_of(focal, true, row, sums);
    else
        map_loss_of(focal, false, row, sums);
}
