#include "train/map_loss.h"

#include "core/memory.h"
#include "core/threads.h"
#include "kernel/simd.h"
#include "map/axis.h"

#include <math.h>
#include <string.h>

/* A thread works on two neighbouring rows of the grid at a time, brought to the masks' width: logits and
 * derivatives. */
enum { SLOTS = 2, SLOT_ROWS = 1 + SN_LOSS_GRADIENTS };

struct sn_map_loss {
    sn_map_loss_options options;
    size_t batch, maps, grid_width, grid_height, width, height;
    sn_axis x, y;
    float *slots;  /* (threads, SLOTS, SLOT_ROWS, width) */
    float *slopes; /* (batch, maps, 2, grid): derivatives of the sums of p and of p y */
    double *sums;  /* (batch, maps, SN_LOSS_SUMS) */
    double
        *share; /* (batch, maps, SN_LOSS_GRADIENTS): what each sum's derivatives count for in the total's */
};

static snarm_status check_options(const sn_map_loss_options *options) {
    const struct {
        const char *name;
        double value, most;
    } fields[] = {{"focal_weight", options->focal_weight, 1e6},
                  {"dice_weight", options->dice_weight, 1e6},
                  {"alpha", options->alpha, 1},
                  {"gamma", options->gamma, 100}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (!(fields[i].value >= 0 && fields[i].value <= fields[i].most))
            return sn_error(SNARM_ERROR_ARGUMENT, "loss: %s is %g, expected 0..%g", fields[i].name,
                            fields[i].value, fields[i].most);
    return SNARM_OK;
}

static snarm_status allocate(sn_map_loss *loss) {
    const size_t images = loss->batch * loss->maps,
                 threads = images < SN_THREADS_MAX ? images : SN_THREADS_MAX;
    SN_TRY(sn_alloc(&loss->slots, threads * SLOTS * SLOT_ROWS * loss->width, sizeof *loss->slots, "loss"));
    SN_TRY(sn_alloc(&loss->slopes, images * 2 * loss->grid_width * loss->grid_height, sizeof *loss->slopes,
                    "loss"));
    SN_TRY(sn_alloc(&loss->sums, images * SN_LOSS_SUMS, sizeof *loss->sums, "loss"));
    SN_TRY(sn_alloc(&loss->share, images * SN_LOSS_GRADIENTS, sizeof *loss->share, "loss"));
    SN_TRY(sn_axis_create(&loss->x, (int32_t)loss->grid_width, (int32_t)loss->width, SN_ALIGN_CORNERS));
    return sn_axis_create(&loss->y, (int32_t)loss->grid_height, (int32_t)loss->height, SN_ALIGN_CORNERS);
}

snarm_status sn_map_loss_create(sn_map_loss **out, int32_t batch, int32_t maps, int32_t grid_width,
                                int32_t grid_height, int32_t width, int32_t height,
                                const sn_map_loss_options *options) {
    *out = NULL;
    if (batch < 1 || batch > 65536)
        return sn_error(SNARM_ERROR_ARGUMENT, "loss: batch is %d, expected 1..65536", batch);
    if (maps < 1 || maps > 4096)
        return sn_error(SNARM_ERROR_ARGUMENT, "loss: maps is %d, expected 1..4096", maps);
    SN_TRY(sn_check_sides("loss", "the grid", grid_width, grid_height));
    SN_TRY(sn_check_sides("loss", "the mask", width, height));
    SN_TRY(check_options(options));
    sn_map_loss *loss;
    SN_TRY(sn_alloc_zeroed(&loss, 1, sizeof *loss, "loss"));
    loss->options = *options;
    loss->batch = (size_t)batch, loss->maps = (size_t)maps;
    loss->grid_width = (size_t)grid_width, loss->grid_height = (size_t)grid_height;
    loss->width = (size_t)width, loss->height = (size_t)height;
    snarm_status status = allocate(loss);
    if (status != SNARM_OK) {
        sn_map_loss_destroy(loss);
        return status;
    }
    *out = loss;
    return SNARM_OK;
}

void sn_map_loss_destroy(sn_map_loss *loss) {
    if (loss == NULL)
        return;
    sn_axis_destroy(&loss->x);
    sn_axis_destroy(&loss->y);
    sn_free(loss->slots);
    sn_free(loss->slopes);
    sn_free(loss->sums);
    sn_free(loss->share);
    sn_free(loss);
}

/* A row of the grid at the masks' width. */
typedef struct slot {
    size_t row; /* of the grid; SIZE_MAX: none */
    float *logits, *gradients[SN_LOSS_GRADIENTS];
} slot;

/* One map of one image. */
typedef struct plane {
    const sn_map_loss *loss;
    const float *logits;
    float *gradients[SN_LOSS_GRADIENTS]; /* on the grid; NULL if not wanted */
    slot slots[SLOTS];
} plane;

/* The adjoint of widening: a slot's derivatives are added to their row of the grid. */
static void put_back(const plane *p, slot *s) {
    if (s->row == SIZE_MAX || p->gradients[0] == NULL)
        return;
    const sn_axis *x = &p->loss->x;
    for (int g = 0; g < SN_LOSS_GRADIENTS; g++) {
        float *to = p->gradients[g] + s->row * p->loss->grid_width;
        for (size_t i = 0; i < p->loss->width; i++) {
            const float part = x->weight[i] * s->gradients[g][i];
            to[x->lower[i]] += s->gradients[g][i] - part;
            to[x->upper[i]] += part;
        }
    }
}

/* The slot of a row of the grid. Neighbouring rows have different slots. */
static const slot *take_row(plane *p, size_t row) {
    slot *s = &p->slots[row % SLOTS];
    if (s->row == row)
        return s;
    put_back(p, s);
    s->row = row;
    const sn_axis *x = &p->loss->x;
    const float *from = p->logits + row * p->loss->grid_width;
    for (size_t i = 0; i < p->loss->width; i++) {
        const float a = from[x->lower[i]], b = from[x->upper[i]];
        s->logits[i] = a + x->weight[i] * (b - a);
    }
    if (p->gradients[0] != NULL)
        for (int g = 0; g < SN_LOSS_GRADIENTS; g++)
            memset(s->gradients[g], 0, p->loss->width * sizeof *s->gradients[g]);
    return s;
}

typedef struct run {
    sn_map_loss *loss;
    const float *logits;
    const uint8_t *masks;
    float *gradient;
} run;

static void measure_plane(const run *work, size_t index, float *memory) {
    sn_map_loss *loss = work->loss;
    const size_t grid = loss->grid_width * loss->grid_height, width = loss->width;
    const sn_simd *simd = sn_simd_table();
    const sn_focal focal = {(float)loss->options.alpha, (float)loss->options.gamma};
    const uint8_t *mask = work->masks + index / loss->maps * loss->height * width;
    double *sums = loss->sums + index * SN_LOSS_SUMS;
    memset(sums, 0, SN_LOSS_SUMS * sizeof *sums);
    plane p = {.loss = loss, .logits = work->logits + index * grid};
    if (work->gradient != NULL) {
        p.gradients[0] = work->gradient + index * grid;
        p.gradients[1] = loss->slopes + index * 2 * grid;
        p.gradients[2] = p.gradients[1] + grid;
        for (int g = 0; g < SN_LOSS_GRADIENTS; g++)
            memset(p.gradients[g], 0, grid * sizeof *p.gradients[g]);
    }
    for (int s = 0; s < SLOTS; s++) {
        p.slots[s].row = SIZE_MAX;
        p.slots[s].logits = memory, memory += width;
        for (int g = 0; g < SN_LOSS_GRADIENTS; g++)
            p.slots[s].gradients[g] = memory, memory += width;
    }
    for (size_t y = 0; y < loss->height; y++) {
        const slot *upper = take_row(&p, (size_t)loss->y.lower[y]),
                   *lower = take_row(&p, (size_t)loss->y.upper[y]);
        sn_loss_row row = {
            upper->logits, lower->logits, loss->y.weight[y], mask + y * width, width, {0}, {0}};
        for (int g = 0; g < SN_LOSS_GRADIENTS && work->gradient != NULL; g++)
            row.upper_gradients[g] = upper->gradients[g], row.lower_gradients[g] = lower->gradients[g];
        simd->map_loss(&focal, &row, sums);
    }
    for (int s = 0; s < SLOTS; s++)
        put_back(&p, &p.slots[s]);
}

static void measure(void *context, size_t begin, size_t end, int thread) {
    const run *work = context;
    float *memory = work->loss->slots + (size_t)thread * SLOTS * SLOT_ROWS * work->loss->width;
    for (size_t i = begin; i < end; i++)
        measure_plane(work, i, memory);
}

/* A Dice term of these sums; slopes receives what its derivatives by the sums of p and of p y are. */
static double dice_of(double p, double py, double y, double slopes[2]) {
    const double above = 2 * py + 1, below = p + y + 1;
    slopes[0] = above / (below * below);
    slopes[1] = -2 / below;
    return 1 - above / below;
}

/* The losses of map m from the sums of all images, and what each image's derivatives count for. */
static void join_map(sn_map_loss *loss, size_t m, const float *image_weights, sn_map_loss_result *result) {
    double all[SN_LOSS_SUMS] = {0}, weights = 0;
    for (size_t i = 0; i < loss->batch; i++) {
        const double weight = image_weights != NULL ? (double)image_weights[i] : 1;
        weights += weight;
        for (int s = 0; s < SN_LOSS_SUMS && weight > 0; s++)
            all[s] += weight * loss->sums[(i * loss->maps + m) * SN_LOSS_SUMS + (size_t)s];
    }
    const double pixels = all[SN_LOSS_PIXELS], maps = (double)loss->maps;
    const double focal_share = pixels > 0 ? loss->options.focal_weight / (pixels * maps) : 0;
    const double dice_share = loss->options.dice_weight / maps;
    double slopes[2], dice = dice_of(all[SN_LOSS_P], all[SN_LOSS_PY], all[SN_LOSS_Y], slopes);
    if (loss->options.dice_per_image)
        dice = 0;
    for (size_t i = 0; i < loss->batch; i++) {
        const double weight = image_weights != NULL ? (double)image_weights[i] : 1;
        const double *sums = loss->sums + (i * loss->maps + m) * SN_LOSS_SUMS;
        double *share = loss->share + (i * loss->maps + m) * SN_LOSS_GRADIENTS, part = weight;
        if (loss->options.dice_per_image) {
            part = weights > 0 ? weight / weights : 0;
            const double own = dice_of(sums[SN_LOSS_P], sums[SN_LOSS_PY], sums[SN_LOSS_Y], slopes);
            dice += part > 0 ? part * own : 0;
        }
        share[0] = weight * focal_share;
        share[1] = part * dice_share * slopes[0];
        share[2] = part * dice_share * slopes[1];
    }
    result->focal += pixels > 0 ? all[SN_LOSS_FOCAL] / pixels / maps : 0;
    result->dice += dice / maps;
}

static void join_gradients(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const run *work = context;
    const size_t grid = work->loss->grid_width * work->loss->grid_height;
    for (size_t i = begin; i < end; i++) {
        const double *share = work->loss->share + i * SN_LOSS_GRADIENTS;
        const float focal = (float)share[0], p = (float)share[1], py = (float)share[2];
        const float *slopes = work->loss->slopes + i * 2 * grid;
        float *gradient = work->gradient + i * grid;
        for (size_t g = 0; g < grid; g++)
            gradient[g] = focal * gradient[g] + p * slopes[g] + py * slopes[grid + g];
    }
}

void sn_map_loss_run(sn_map_loss *loss, const float *logits, const uint8_t *masks, const float *image_weights,
                     float *gradient, sn_map_loss_result *result) {
    run work = {loss, logits, masks, gradient};
    sn_parallel(loss->batch * loss->maps, 1, measure, &work);
    *result = (sn_map_loss_result){0, 0, 0};
    for (size_t m = 0; m < loss->maps; m++)
        join_map(loss, m, image_weights, result);
    result->total = loss->options.focal_weight * result->focal + loss->options.dice_weight * result->dice;
    if (gradient != NULL)
        sn_parallel(loss->batch * loss->maps, 1, join_gradients, &work);
}
