/* What a good picture is like: grey or coloured, its tones, and whether it shows an object on a plain
 * background. */
#include "synthesis/parts.h"

#include <stdlib.h>
#include <string.h>

enum { TONE_SAMPLES = 96, RIM_SAMPLES = 256 };

static void find_colour(sn_canvas *canvas) {
    const float *red = canvas->good, *green = red + canvas->pixels, *blue = green + canvas->pixels;
    canvas->grey = memcmp(red, green, canvas->pixels * sizeof *red) == 0 &&
                   memcmp(red, blue, canvas->pixels * sizeof *red) == 0;
    canvas->colourless = canvas->grey;
    if (canvas->grey)
        return;
    double sum = 0.0;
    for (size_t i = 0; i < canvas->pixels; i++)
        sum += (double)(fabsf(red[i] - green[i]) + fabsf(green[i] - blue[i]));
    canvas->colourless = sum < 0.03 * (double)canvas->pixels;
}

static int compare_floats(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* A dark and a light colour of the picture: near its extremes, but no single odd pixel. */
static void find_tones(sn_canvas *canvas) {
    float light[TONE_SAMPLES][4]; /* brightness, colour */
    for (int i = 0; i < TONE_SAMPLES; i++) {
        size_t at = (size_t)sn_rng_below(canvas->rng, canvas->pixels);
        for (int c = 0; c < 3; c++)
            light[i][1 + c] = canvas->good[(size_t)c * canvas->pixels + at];
        light[i][0] = (light[i][1] + light[i][2] + light[i][3]) / 3.0f;
    }
    qsort(light, TONE_SAMPLES, sizeof light[0], compare_floats);
    memcpy(canvas->dark, &light[2][1], sizeof canvas->dark);
    memcpy(canvas->light, &light[TONE_SAMPLES - 3][1], sizeof canvas->light);
}

/* The place of step i of count along the picture's border. */
static size_t border_place(const sn_canvas *canvas, int32_t i, int32_t count) {
    int32_t w = canvas->width - 1, h = canvas->height - 1;
    int32_t at = (int32_t)((int64_t)i * 2 * (w + h) / count), x, y;
    if (at < w)
        x = at, y = 0;
    else if (at < w + h)
        x = w, y = at - w;
    else if (at < 2 * w + h)
        x = 2 * w + h - at, y = h;
    else
        x = 0, y = 2 * (w + h) - at;
    return (size_t)y * (size_t)canvas->width + (size_t)x;
}

static float distance(const sn_canvas *canvas, const float colour[3], size_t at) {
    float d = 0.0f;
    for (int c = 0; c < 3; c++)
        d = sn_max(d, fabsf(canvas->good[(size_t)c * canvas->pixels + at] - colour[c]));
    return d;
}

/* The border's median colour; the distance from it that most of the border keeps; false if the border is not
 * plain. */
static bool find_background(sn_canvas *canvas, float *reach) {
    float samples[RIM_SAMPLES];
    for (int c = 0; c < 3; c++) {
        for (int32_t i = 0; i < RIM_SAMPLES; i++)
            samples[i] = canvas->good[(size_t)c * canvas->pixels + border_place(canvas, i, RIM_SAMPLES)];
        qsort(samples, RIM_SAMPLES, sizeof *samples, compare_floats);
        canvas->background[c] = samples[RIM_SAMPLES / 2];
    }
    for (int32_t i = 0; i < RIM_SAMPLES; i++)
        samples[i] = distance(canvas, canvas->background, border_place(canvas, i, RIM_SAMPLES));
    qsort(samples, RIM_SAMPLES, sizeof *samples, compare_floats);
    *reach = sn_max(0.06f, 2.5f * samples[RIM_SAMPLES * 3 / 4]);
    return samples[RIM_SAMPLES * 3 / 4] < 0.05f && samples[RIM_SAMPLES * 17 / 20] < 0.12f;
}

static void visit(sn_canvas *canvas, size_t at, float reach, int32_t *count) {
    if (canvas->object[at] != 0 && distance(canvas, canvas->background, at) <= reach) {
        canvas->object[at] = 0;
        canvas->stack[(*count)++] = (int32_t)at;
    }
}

/* Background is what is like the border and hangs together with it: holes in the object stay the object's. */
static size_t flood(sn_canvas *canvas, float reach) {
    int32_t count = 0, w = canvas->width, h = canvas->height;
    size_t left = canvas->pixels;
    for (int32_t x = 0; x < w; x++) {
        visit(canvas, (size_t)x, reach, &count);
        visit(canvas, (size_t)(h - 1) * (size_t)w + (size_t)x, reach, &count);
    }
    for (int32_t y = 0; y < h; y++) {
        visit(canvas, (size_t)y * (size_t)w, reach, &count);
        visit(canvas, (size_t)y * (size_t)w + (size_t)w - 1, reach, &count);
    }
    while (count > 0) {
        int32_t at = canvas->stack[--count], x = at % w, y = at / w;
        left--;
        if (x > 0)
            visit(canvas, (size_t)at - 1, reach, &count);
        if (x < w - 1)
            visit(canvas, (size_t)at + 1, reach, &count);
        if (y > 0)
            visit(canvas, (size_t)(at - w), reach, &count);
        if (y < h - 1)
            visit(canvas, (size_t)(at + w), reach, &count);
    }
    return left;
}

/* Single odd pixels are no object: only what most of its 5 x 5 neighbourhood is. */
static size_t smooth_object(sn_canvas *canvas) {
    float *plane = canvas->plane[0];
    for (size_t i = 0; i < canvas->pixels; i++)
        plane[i] = (float)canvas->object[i];
    sn_box_mean(canvas, plane, plane, (sn_box){0, 0, canvas->width, canvas->height}, 2);
    size_t count = 0;
    for (size_t i = 0; i < canvas->pixels; i++) {
        canvas->object[i] = plane[i] > 0.5f;
        count += canvas->object[i];
    }
    return count;
}

static void find_rim(sn_canvas *canvas) {
    int32_t w = canvas->width;
    canvas->rim_count = 0;
    for (int32_t y = 1; y < canvas->height - 1; y++)
        for (int32_t x = 1; x < w - 1; x++) {
            size_t at = (size_t)y * (size_t)w + (size_t)x;
            const uint8_t *here = canvas->object + at;
            if (here[0] != 0 && (here[-1] == 0 || here[1] == 0 || here[-w] == 0 || here[w] == 0))
                canvas->rim[canvas->rim_count++] = (int32_t)at;
        }
}

void sn_canvas_analyse(sn_canvas *canvas, const float *good, const float *other) {
    canvas->good = good;
    canvas->other = other;
    find_colour(canvas);
    find_tones(canvas);
    memset(canvas->object, 1, canvas->pixels);
    canvas->rim_count = 0;
    canvas->has_object = false;
    float reach;
    if (find_background(canvas, &reach) && flood(canvas, reach) > canvas->pixels / 40) {
        size_t count = smooth_object(canvas);
        canvas->has_object = count > canvas->pixels / 33 && count < canvas->pixels - canvas->pixels / 12;
    }
    if (canvas->has_object)
        find_rim(canvas);
    else
        memset(canvas->object, 1, canvas->pixels);
}

void sn_random_place(sn_canvas *canvas, float *x, float *y) {
    bool anywhere = !canvas->has_object || sn_chance(canvas->rng, 0.08f);
    for (int tries = 0;; tries++) {
        size_t at = (size_t)sn_rng_below(canvas->rng, canvas->pixels);
        *x = (float)(at % (size_t)canvas->width);
        *y = (float)(at / (size_t)canvas->width);
        /* An object covers some percent at least: two hundred misses mean bad luck, not a search worth going
         * on. */
        if (anywhere || canvas->object[at] != 0 || tries == 200)
            return;
    }
}
