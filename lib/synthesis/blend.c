/* Blending the filling in: soft edges, and an opacity that gives the contrast wanted. */
#include "synthesis/parts.h"

void sn_feather(sn_canvas *canvas, int32_t radius) {
    if (radius < 1)
        return;
    canvas->box = sn_box_grow(canvas, canvas->box, radius + 1);
    sn_box_mean(canvas, canvas->alpha, canvas->alpha, canvas->box, (radius + 1) / 2);
    if (radius > 1)
        sn_box_mean(canvas, canvas->alpha, canvas->alpha, canvas->box, radius / 2);
}

/* The mean change at full opacity where the shape is, of the channel that changes most. */
static float full_contrast(const sn_canvas *canvas) {
    double sum = 0.0, weight = 0.0;
    for (int32_t y = canvas->box.top; y < canvas->box.bottom; y++)
        for (int32_t x = canvas->box.left; x < canvas->box.right; x++) {
            size_t at = (size_t)y * (size_t)canvas->width + (size_t)x;
            float alpha = canvas->alpha[at], change = 0.0f;
            if (alpha <= 0.0f)
                continue;
            for (int c = 0; c < 3; c++, at += canvas->pixels)
                change = sn_max(change, fabsf(canvas->fill[at] - canvas->good[at]));
            sum += (double)(alpha * change);
            weight += (double)alpha;
        }
    return weight > 0.0 ? (float)(sum / weight) : 0.0f;
}

float sn_blend(sn_canvas *canvas, float contrast, float *dst) {
    float full = full_contrast(canvas), opacity = 1.0f;
    if (!canvas->opaque && full > contrast)
        opacity = sn_max(contrast / full, canvas->options->opacity_min);
    for (int c = 0; c < 3; c++)
        for (int32_t y = canvas->box.top; y < canvas->box.bottom; y++) {
            size_t line = (size_t)c * canvas->pixels + (size_t)y * (size_t)canvas->width;
            const float *alpha = canvas->alpha + (size_t)y * (size_t)canvas->width;
            for (int32_t x = canvas->box.left; x < canvas->box.right; x++) {
                size_t at = line + (size_t)x;
                if (alpha[x] > 0.0f)
                    dst[at] = sn_to_step(canvas->good[at] +
                                         opacity * alpha[x] * (canvas->fill[at] - canvas->good[at]));
            }
        }
    return opacity;
}
