/* Fillings: what is seen where the shape is. All are computed at every pixel of the box, most only where
 * alpha is not 0. */
#include "synthesis/parts.h"

#include <string.h>

#define PI 3.14159265f

/* Steps through the pixels of the box where the shape is; at is the pixel's index in a plane. */
#define FOR_SHAPE(canvas, x, y, at)                                                                          \
    for (int32_t y = (canvas)->box.top; y < (canvas)->box.bottom; y++)                                       \
        for (int32_t x = (canvas)->box.left; x < (canvas)->box.right; x++)                                   \
            for (size_t at = (size_t)y * (size_t)(canvas)->width + (size_t)x, once_##at = 1;                 \
                 once_##at != 0 && (canvas)->alpha[at] > 0.0f; once_##at = 0)

/* Means of the good picture and of the filling over the shape. */
static void means(const sn_canvas *canvas, float good[3], float fill[3]) {
    double sums[6] = {0}, weight = 1e-9;
    FOR_SHAPE(canvas, x, y, at) {
        double alpha = (double)canvas->alpha[at];
        for (size_t c = 0; c < 3; c++) {
            sums[c] += alpha * (double)canvas->good[c * canvas->pixels + at];
            sums[3 + c] += alpha * (double)canvas->fill[c * canvas->pixels + at];
        }
        weight += alpha;
    }
    for (int c = 0; c < 3; c++)
        good[c] = (float)(sums[c] / weight), fill[c] = (float)(sums[3 + c] / weight);
}

/* Brings the filling's mean towards the place's own, so that it differs by its texture more than by its tone.
 */
static void match_tone(sn_canvas *canvas) {
    sn_rng *rng = canvas->rng;
    float good[3], fill[3], share = sn_chance(rng, 0.6f) ? sn_between(rng, 0.7f, 1.0f) : 0.0f;
    float gain = sn_log_between(rng, 0.5f, 1.4f), offset = 0.06f * sn_rough_normal(rng);
    means(canvas, good, fill);
    FOR_SHAPE(canvas, x, y, at)
    for (size_t c = 0; c < 3; c++) {
        float *value = canvas->fill + c * canvas->pixels + at;
        *value = fill[c] + share * (good[c] + offset - fill[c]) + gain * (*value - fill[c]);
    }
}

/* A tone: a dark or light one of the picture, its background, or any; with grain and a slow change over the
 * place. */
static void fill_plain(sn_canvas *canvas) {
    sn_rng *rng = canvas->rng;
    float colour[3], luck = (float)sn_rng_uniform(rng), grain = sn_between(rng, 0.0f, 0.04f);
    bool hole =
        canvas->shape == SN_SHAPE_CHIP || canvas->shape == SN_SHAPE_PATCH || canvas->shape == SN_SHAPE_BLOB;
    if (canvas->has_object && hole && luck < 0.45f) {
        memcpy(colour, canvas->background, sizeof colour);
        canvas->opaque = true; /* missing: one looks through */
    } else if (luck < 0.7f) {
        float depth = sn_between(rng, 0.2f, 1.0f);
        for (int c = 0; c < 3; c++)
            colour[c] = canvas->dark[c] * depth;
    } else if (luck < 0.88f) {
        float shine = sn_between(rng, 0.0f, 0.6f);
        for (int c = 0; c < 3; c++)
            colour[c] = canvas->light[c] + shine * (1.0f - canvas->light[c]);
    } else {
        for (int c = 0; c < 3; c++)
            colour[c] = (float)sn_rng_uniform(rng);
    }
    sn_noise slow = sn_noise_make(rng, sn_max(canvas->size, 4.0f), 1.0f, 0.0f, 2);
    float change = sn_between(rng, 0.0f, 0.1f);
    FOR_SHAPE(canvas, x, y, at) {
        float n = grain * sn_rough_normal(rng) + change * sn_noise_at(&slow, (float)x, (float)y);
        for (size_t c = 0; c < 3; c++)
            canvas->fill[c * canvas->pixels + at] = colour[c] + n;
    }
}

/* Darker or lighter, evenly or in clouds; or with its contrast raised, lowered, or turned round. */
static void fill_tone(sn_canvas *canvas) {
    sn_rng *rng = canvas->rng;
    float good[3], fill[3];
    memset(fill, 0, sizeof fill);
    FOR_SHAPE(canvas, x, y, at)
    for (size_t c = 0; c < 3; c++)
        canvas->fill[c * canvas->pixels + at] = canvas->good[c * canvas->pixels + at];
    means(canvas, good, fill);
    float mean = (good[0] + good[1] + good[2]) / 3.0f;
    bool darker = sn_chance(rng, mean < 0.15f ? 0.2f : mean > 0.85f ? 0.9f : 0.6f);
    float contrast = 1.0f, gain = 1.0f, offset = 0.0f;
    if (sn_chance(rng, 0.2f))
        contrast = sn_chance(rng, 0.5f) ? sn_between(rng, -0.6f, 0.5f) : sn_between(rng, 1.6f, 3.0f);
    else if (darker)
        gain = sn_between(rng, 0.1f, 0.6f);
    else if (sn_chance(rng, 0.5f))
        gain = sn_between(rng, 1.3f, 2.5f), offset = 0.03f;
    else
        offset = sn_between(rng, 0.15f, 0.6f);
    float clouds = sn_chance(rng, 0.5f) ? sn_between(rng, 0.3f, 1.2f) : 0.0f;
    sn_noise noise = sn_noise_make(rng, sn_max(canvas->size * sn_between(rng, 0.2f, 0.6f), 4.0f),
                                   sn_log_between(rng, 1.0f, 4.0f), sn_between(rng, 0.0f, PI), 3);
    FOR_SHAPE(canvas, x, y, at) {
        float share = clouds > 0.0f ? 1.0f + clouds * sn_noise_at(&noise, (float)x, (float)y) : 1.0f;
        for (size_t c = 0; c < 3; c++) {
            float value = canvas->good[c * canvas->pixels + at];
            float changed = good[c] + contrast * (value - good[c]);
            changed = changed * gain + offset;
            canvas->fill[c * canvas->pixels + at] = value + share * (changed - value);
        }
    }
}

static void fill_texture(sn_canvas *canvas) {
    sn_rng *rng = canvas->rng;
    const snarm_image *image = &canvas->options->textures[sn_rng_below(rng, canvas->options->texture_count)];
    float scale = sn_log_between(rng, 0.5f, 2.0f), cx = 0.5f * (float)(canvas->box.left + canvas->box.right);
    float cy = 0.5f * (float)(canvas->box.top + canvas->box.bottom);
    sn_affine map = sn_affine_make(sn_between(rng, 0.0f, 2.0f * PI), sn_chance(rng, 0.5f) ? scale : -scale,
                                   scale, cx, cy, sn_between(rng, 0.0f, (float)image->width),
                                   sn_between(rng, 0.0f, (float)image->height));
    sn_sample_image(canvas, image, &map, canvas->box, canvas->fill);
    match_tone(canvas);
}

/* A section that was machined, laid or printed in another pass: in itself it is like the rest, of about its tone, but does not go on where
 * the rest ends. */
static void fill_displaced(sn_canvas *canvas) {
    sn_rng *rng = canvas->rng;
    const float cx = 0.5f * (float)(canvas->width - 1), cy = 0.5f * (float)(canvas->height - 1);
    const bool across = sn_chance(rng, 0.5f), mirrored = sn_chance(rng, 0.3f);
    const float way = mirrored ? 0.0f : sn_between(rng, 0.03f, 0.4f) * (sn_chance(rng, 0.5f) ? 1.0f : -1.0f);
    const float sx = cx + (across ? way * (float)canvas->width : 0.0f), sy = cy + (across ? 0.0f : way * (float)canvas->height);
    const sn_affine map = sn_affine_make(0.0f, mirrored && across ? -1.0f : 1.0f, mirrored && !across ? -1.0f : 1.0f, cx, cy, sx, sy);
    sn_sample_planes(canvas, canvas->good, &map, canvas->box, canvas->fill);
    const float gain = sn_log_between(rng, 0.8f, 1.25f);
    FOR_SHAPE(canvas, x, y, at)
    for (size_t c = 0; c < 3; c++)
        canvas->fill[c * canvas->pixels + at] *= gain;
}

/* From another place of this picture or from anywhere in the other one; a shift alone, mirrored, or turned
 * and scaled. */
static void fill_copy(sn_canvas *canvas) {
    sn_rng *rng = canvas->rng;
    const float *src = canvas->other != NULL && sn_chance(rng, 0.4f) ? canvas->other : canvas->good;
    float cx = 0.5f * (float)(canvas->box.left + canvas->box.right),
          cy = 0.5f * (float)(canvas->box.top + canvas->box.bottom);
    float sx, sy, angle = 0.0f, scale_x = 1.0f, scale_y = 1.0f;
    if (sn_chance(rng, 0.5f))
        sn_random_place(canvas, &sx, &sy);
    else {
        /* Not far: a doubled edge, a shifted piece. */
        float far = sn_max(canvas->size, 6.0f), way = sn_between(rng, 0.0f, 2.0f * PI);
        far *= sn_between(rng, 0.3f, 1.5f);
        sx = cx + far * cosf(way), sy = cy + far * sinf(way);
    }
    sx = floorf(sx) + 0.5f * (float)((canvas->box.left + canvas->box.right) & 1);
    sy = floorf(sy) + 0.5f * (float)((canvas->box.top + canvas->box.bottom) & 1);
    int32_t luck = sn_pick(rng, 4);
    if (luck == 1)
        angle = 0.5f * PI * (float)(1 + sn_pick(rng, 3));
    if (luck == 2)
        scale_x = sn_chance(rng, 0.5f) ? 1.0f : -1.0f, scale_y = -scale_x;
    if (luck == 3) {
        angle = sn_between(rng, 0.0f, 2.0f * PI);
        scale_x = scale_y = sn_log_between(rng, 0.6f, 1.5f);
    }
    sn_affine map = sn_affine_make(angle, scale_x, scale_y, cx, cy, sx, sy);
    sn_sample_planes(canvas, src, &map, canvas->box, canvas->fill);
    if (sn_chance(rng, 0.5f))
        match_tone(canvas);
}

static void fill_shuffle(sn_canvas *canvas) {
    sn_rng *rng = canvas->rng;
    float most = sn_min(0.4f * canvas->size,
                        0.5f * (float)(canvas->width < canvas->height ? canvas->width : canvas->height));
    int32_t cell = (int32_t)sn_log_between(rng, 4.0f, sn_max(most, 5.0f));
    uint32_t seed = (uint32_t)sn_rng_next(rng), columns = (uint32_t)(canvas->width - cell + 1);
    uint32_t rows = (uint32_t)(canvas->height - cell + 1);
    FOR_SHAPE(canvas, x, y, at) {
        uint32_t h = sn_hash(x / cell, y / cell, seed);
        int32_t sx = (int32_t)((h & 0xffff) * columns >> 16) + x % cell;
        int32_t sy = (int32_t)((h >> 16) * rows >> 16) + y % cell;
        size_t from = (size_t)sy * (size_t)canvas->width + (size_t)sx;
        for (size_t c = 0; c < 3; c++)
            canvas->fill[c * canvas->pixels + at] = canvas->good[c * canvas->pixels + from];
    }
}

static void fill_smear(sn_canvas *canvas) {
    sn_rng *rng = canvas->rng;
    canvas->opaque = true;
    if (sn_chance(rng, 0.35f)) {
        int32_t radius = 2 + sn_pick(rng, 5);
        sn_box box = sn_box_grow(canvas, canvas->box, 2 * radius);
        for (size_t c = 0; c < 3; c++) {
            float *fill = canvas->fill + c * canvas->pixels;
            sn_box_mean(canvas, canvas->good + c * canvas->pixels, fill, box, radius);
            sn_box_mean(canvas, fill, fill, box, radius);
        }
        return;
    }
    /* Dragged: the mean along a line, to both sides or from one. */
    float way = sn_between(rng, 0.0f, 2.0f * PI),
          length = sn_log_between(rng, 6.0f, sn_max(canvas->size, 8.0f));
    int32_t steps = length < 16.0f ? (int32_t)length : 16;
    float c = cosf(way) * length / (float)steps, s = sinf(way) * length / (float)steps;
    int32_t first = sn_chance(rng, 0.5f) ? -steps / 2 : 0, dx[16], dy[16];
    for (int32_t i = 0; i < steps; i++)
        dx[i] = (int32_t)lrintf(c * (float)(first + i)), dy[i] = (int32_t)lrintf(s * (float)(first + i));
    FOR_SHAPE(canvas, x, y, at) {
        float sum[3] = {0};
        for (int32_t i = 0; i < steps; i++) {
            /* Beyond the border, its pixels. */
            int32_t px = x + dx[i], py = y + dy[i];
            px = px < 0 ? 0 : px < canvas->width ? px : canvas->width - 1;
            py = py < 0 ? 0 : py < canvas->height ? py : canvas->height - 1;
            const float *from = canvas->good + (size_t)py * (size_t)canvas->width + (size_t)px;
            sum[0] += from[0], sum[1] += from[canvas->pixels], sum[2] += from[2 * canvas->pixels];
        }
        for (size_t k = 0; k < 3; k++)
            canvas->fill[k * canvas->pixels + at] = sum[k] / (float)steps;
    }
}

/* Each channel of its own gain and offset, as rust, oil or heat colour a place. */
static void fill_colour(sn_canvas *canvas) {
    sn_rng *rng = canvas->rng;
    float gain[3], offset[3], mean = 0.0f;
    for (int c = 0; c < 3; c++) {
        gain[c] = sn_between(rng, 0.5f, 1.3f);
        offset[c] = 0.25f * sn_rough_normal(rng);
        mean += offset[c] / 3.0f;
    }
    float keep = sn_between(rng, 0.3f, 1.0f); /* of the brightness: mostly another colour, not another tone */
    sn_noise noise =
        sn_noise_make(rng, sn_max(0.5f * canvas->size, 4.0f), 2.0f, sn_between(rng, 0.0f, PI), 2);
    float clouds = sn_between(rng, 0.0f, 0.6f);
    FOR_SHAPE(canvas, x, y, at) {
        float share = 1.0f + clouds * sn_noise_at(&noise, (float)x, (float)y);
        for (size_t c = 0; c < 3; c++) {
            float value = canvas->good[c * canvas->pixels + at];
            float changed = value * gain[c] + offset[c] - keep * mean;
            canvas->fill[c * canvas->pixels + at] = value + share * (changed - value);
        }
    }
}

/* Pixels taken from where a smooth field points, or turned around the middle; the more the further inside the
 * shape. */
static void fill_warp(sn_canvas *canvas) {
    sn_rng *rng = canvas->rng;
    canvas->opaque = true;
    sn_box box = canvas->box;
    float cx = 0.5f * (float)(box.left + box.right), cy = 0.5f * (float)(box.top + box.bottom),
          *inside = canvas->plane[0];
    float half = 0.5f * sn_min((float)(box.right - box.left), (float)(box.bottom - box.top));
    /* The shape softened far inside: nothing tears at its edge. */
    sn_box_mean(canvas, canvas->alpha, inside, box, 1 + (int32_t)(0.2f * half));
    float most = sn_min(sn_between(rng, 0.15f, 0.6f) * sn_max(canvas->size, 8.0f), 14.0f);
    int32_t kind = sn_pick(rng, 3);
    float turn = sn_between(rng, 0.5f, 2.0f) * (sn_chance(rng, 0.5f) ? 1.0f : -1.0f) *
                 sn_min(1.0f, 20.0f / sn_max(half, 1.0f));
    float zoom = sn_chance(rng, 0.5f) ? sn_between(rng, 0.4f, 0.75f) : sn_between(rng, 1.4f, 2.2f);
    sn_noise across = sn_noise_make(rng, sn_max(0.7f * canvas->size, 6.0f), 1.0f, 0.0f, 1), down = across;
    down.seed ^= 0x5bd1e995u;
    FOR_SHAPE(canvas, x, y, at) {
        float px = (float)x, py = (float)y, dx = px - cx, dy = py - cy, deep = sn_smooth01(inside[at]),
              pixel[3];
        if (kind == 0) {
            px += 2.0f * most * deep * sn_noise_at(&across, px, py);
            py += 2.0f * most * deep * sn_noise_at(&down, (float)x, py);
        } else if (kind == 1) {
            float c = cosf(turn * deep), s = sinf(turn * deep);
            px = cx + c * dx - s * dy, py = cy + s * dx + c * dy;
        } else {
            float by = 1.0f + deep * (zoom - 1.0f);
            px = cx + by * dx, py = cy + by * dy;
        }
        sn_sample_at(canvas, canvas->good, px, py, pixel);
        for (size_t c = 0; c < 3; c++)
            canvas->fill[c * canvas->pixels + at] = pixel[c];
    }
}

/* The shape as a height, softened, lit from one side. The flanks reach beyond the shape: alpha becomes where
 * they are. */
static void fill_relief(sn_canvas *canvas) {
    sn_rng *rng = canvas->rng;
    int32_t radius =
        1 + (int32_t)(sn_between(rng, 0.02f, 0.1f) *
                      (canvas->shape == SN_SHAPE_SCRATCH || canvas->shape == SN_SHAPE_CRACK ? 8.0f
                                                                                            : canvas->size));
    canvas->box = sn_box_grow(canvas, canvas->box, 2 * radius + 2);
    sn_box box = canvas->box;
    size_t width = (size_t)canvas->width;
    float *height = canvas->plane[0], *shade = canvas->plane[1], way = sn_between(rng, 0.0f, 2.0f * PI);
    float c = cosf(way), s = sinf(way), most = 1e-6f, floor_tone = 0.15f * sn_rough_normal(rng);
    sn_box_mean(canvas, canvas->alpha, height, box, radius);
    sn_box_mean(canvas, height, height, box, radius);
    for (int32_t y = box.top; y < box.bottom; y++)
        for (int32_t x = box.left; x < box.right; x++) {
            size_t at = (size_t)y * width + (size_t)x;
            size_t left = x > box.left ? at - 1 : at, right = x + 1 < box.right ? at + 1 : at;
            size_t above = y > box.top ? at - width : at, below = y + 1 < box.bottom ? at + width : at;
            shade[at] = c * (height[right] - height[left]) + s * (height[below] - height[above]);
            most = sn_max(most, fabsf(shade[at]));
        }
    for (int32_t y = box.top; y < box.bottom; y++)
        for (int32_t x = box.left; x < box.right; x++) {
            size_t at = (size_t)y * width + (size_t)x;
            canvas->alpha[at] = sn_clamp01(2.5f * height[at]);
            for (size_t k = 0; k < 3; k++)
                canvas->fill[k * canvas->pixels + at] =
                    canvas->good[k * canvas->pixels + at] + 0.6f * shade[at] / most + floor_tone * height[at];
        }
}

/* Grey products get grey defects always, since their camera has no colours; nearly grey ones mostly. */
static void take_colour(sn_canvas *canvas, sn_filling filling) {
    bool nearly = canvas->colourless && sn_chance(canvas->rng, 0.65f);
    if (!canvas->grey && (!nearly || filling == SN_FILL_COLOUR))
        return;
    FOR_SHAPE(canvas, x, y, at) {
        float *red = canvas->fill + at, *green = red + canvas->pixels, *blue = green + canvas->pixels;
        float grey = (*red + *green + *blue) / 3.0f;
        if (canvas->grey) {
            *red = *green = *blue = grey;
            continue;
        }
        /* The product's own slight tint stays. */
        const float *good = canvas->good + at;
        float own = (good[0] + good[canvas->pixels] + good[2 * canvas->pixels]) / 3.0f;
        *red = grey + good[0] - own, *green = grey + good[canvas->pixels] - own;
        *blue = grey + good[2 * canvas->pixels] - own;
    }
}

void sn_fill(sn_canvas *canvas, sn_filling filling) {
    static void (*const fillings[SN_FILL_COUNT])(sn_canvas *) = {
        [SN_FILL_PLAIN] = fill_plain,     [SN_FILL_TONE] = fill_tone,     [SN_FILL_PATTERN] = sn_fill_pattern,
        [SN_FILL_TEXTURE] = fill_texture, [SN_FILL_COPY] = fill_copy,     [SN_FILL_SHUFFLE] = fill_shuffle,
        [SN_FILL_SMEAR] = fill_smear,     [SN_FILL_COLOUR] = fill_colour, [SN_FILL_WARP] = fill_warp,
        [SN_FILL_RELIEF] = fill_relief,   [SN_FILL_DISPLACED] = fill_displaced,
    };
    canvas->opaque = false;
    fillings[filling](canvas);
    if (filling == SN_FILL_PATTERN)
        match_tone(canvas);
    take_colour(canvas, filling);
}
