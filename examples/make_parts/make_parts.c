/* make_parts: a small data set in MVTec AD's layout, painted by a program: three products, good parts to
 * learn from, good and defective parts to test with, and exact masks.
 *
 *     make_parts OUT [--seed N] [--count N] [--product NAME]
 *
 * Every defective part is painted twice, with its defect and without: its mask is where the two differ. */
#include "products.h"

#include "snarm/image.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    SAMPLES = 2,      /* a side, of each pixel */
    MASK_LEVELS = 12, /* of 255, that a pixel must differ by to be defective */
    TEST_GOOD = 8,
    TEST_DEFECT = 4,
    PATH_SIZE = 4096
};

/* The light's share at a place of the picture. */
static float lamp(const scene *s, const product *p, float x, float y) {
    float u = (x / (float)p->width - 0.5f) * cosf(s->light_angle) +
              (y / (float)p->height - 0.5f) * sinf(s->light_angle);
    return s->light * (1 + s->light_slope * u);
}

/* pixels: width * height colours. */
static void paint(const product *p, const scene *s, colour *pixels) {
    for (int y = 0; y < p->height; y++)
        for (int x = 0; x < p->width; x++) {
            colour sum = {0, 0, 0};
            for (int i = 0; i < SAMPLES * SAMPLES; i++) {
                float sx = (float)x + ((float)(i % SAMPLES) + 0.5f) / SAMPLES;
                float sy = (float)y + ((float)(i / SAMPLES) + 0.5f) / SAMPLES;
                colour c = p->shade(s, sx, sy);
                sum.r += c.r, sum.g += c.g, sum.b += c.b;
            }
            float light = lamp(s, p, (float)x, (float)y) / (SAMPLES * SAMPLES);
            pixels[y * p->width + x] = scaled(sum, light);
        }
}

static uint8_t to_byte(float value) {
    value = value * 255 + 0.5f;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* The camera: grain, and 8 bits. */
static void expose(const product *p, const colour *pixels, random_state *random, uint8_t *bytes) {
    for (int i = 0; i < p->width * p->height; i++) {
        const float channels[3] = {pixels[i].r, pixels[i].g, pixels[i].b};
        float grain = 0.008f * random_normal(random);
        for (int c = 0; c < 3; c++)
            bytes[3 * i + c] = to_byte(channels[c] + grain + 0.006f * random_normal(random));
    }
}

static float difference(colour a, colour b) {
    return fmaxf(fabsf(a.r - b.r), fmaxf(fabsf(a.g - b.g), fabsf(a.b - b.b)));
}

/* Sets the pixels that have one of this value within reach. */
static void spread(uint8_t *mask, uint8_t *copy, int width, int height, uint8_t value, int reach) {
    memcpy(copy, mask, (size_t)width * (size_t)height);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int v = y > reach ? y - reach : 0; v <= y + reach && v < height; v++)
                for (int u = x > reach ? x - reach : 0; u <= x + reach && u < width; u++)
                    if (copy[v * width + u] == value &&
                        (u - x) * (u - x) + (v - y) * (v - y) <= reach * reach)
                        mask[y * width + x] = value;
}

/* Where the part differs from what it would be without its defect. A dent does not change the light
 * everywhere in its middle: gaps in it, and pinholes in others, are closed. */
static void make_mask(const product *p, const colour *good, const colour *bad, bool dent, uint8_t *mask,
                      uint8_t *copy) {
    for (int i = 0; i < p->width * p->height; i++)
        mask[i] = difference(good[i], bad[i]) * 255 >= MASK_LEVELS ? 255 : 0;
    spread(mask, copy, p->width, p->height, 255, dent ? 4 : 1);
    spread(mask, copy, p->width, p->height, 0, dent ? 4 : 1);
}

static int complain(const char *path, const char *why) {
    fprintf(stderr, "make_parts: %s: %s\n", path, why);
    return 1;
}

static int make_folder(const char *path) {
    return mkdir(path, 0777) != 0 && errno != EEXIST ? complain(path, strerror(errno)) : 0;
}

static int save(const uint8_t *pixels, int width, int height, snarm_pixel_format format, const char *path) {
    snarm_image image = {.pixels = pixels, .width = width, .height = height, .format = format};
    if (snarm_image_save_png(&image, path) == SNARM_OK)
        return 0;
    fprintf(stderr, "make_parts: %s\n", snarm_last_error());
    return 1;
}

typedef struct workshop {
    const char *out;
    uint64_t seed;
    const product *product;
    uint64_t folder; /* every folder, and every part in it, has random numbers of its own */
    colour *good, *bad;
    uint8_t *bytes, *mask;
} workshop;

static scene arrange(const product *p, random_state *random) {
    scene s = {
        .light = random_between(random, 0.92f, 1.08f),
        .light_angle = random_between(random, -0.9f, -0.6f),
        .light_slope = random_between(random, 0.12f, 0.28f),
        .tint = random_between(random, -1, 1),
        .seed = (uint32_t)random_below(random, 1 << 30),
    };
    p->arrange(&s, random);
    return s;
}

static int make_part(workshop *w, const char *split, const char *folder, defect_kind kind, int number) {
    const product *p = w->product;
    random_state random = random_from(w->seed, w->folder << 16 | (uint64_t)number);
    scene s = arrange(p, &random);
    char path[PATH_SIZE];
    paint(p, &s, w->good);
    if (kind != DEFECT_NONE) {
        s.damage = (defect){.kind = kind,
                            .bend = random_between(&random, -0.25f, 0.25f),
                            .seed = (uint32_t)random_below(&random, 1 << 30)};
        p->damage(&s, &s.damage, &random);
        paint(p, &s, w->bad);
        make_mask(p, w->good, w->bad, kind == DEFECT_DENT, w->mask, w->bytes);
        snprintf(path, sizeof path, "%s/%s/ground_truth/%s/%03d_mask.png", w->out, p->name, folder, number);
        if (save(w->mask, p->width, p->height, SNARM_GREY8, path) != 0)
            return 1;
    }
    expose(p, kind != DEFECT_NONE ? w->bad : w->good, &random, w->bytes);
    snprintf(path, sizeof path, "%s/%s/%s/%s/%03d.png", w->out, p->name, split, folder, number);
    return save(w->bytes, p->width, p->height, SNARM_RGB8, path);
}

/* The parts of one folder, which is made. */
static int make_parts(workshop *w, const char *split, const char *folder, defect_kind kind, int count) {
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s/%s", w->out, w->product->name, split);
    if (make_folder(path) != 0)
        return 1;
    snprintf(path, sizeof path, "%s/%s/%s/%s", w->out, w->product->name, split, folder);
    if (make_folder(path) != 0)
        return 1;
    if (kind != DEFECT_NONE) {
        snprintf(path, sizeof path, "%s/%s/ground_truth/%s", w->out, w->product->name, folder);
        if (make_folder(path) != 0)
            return 1;
    }
    w->folder++;
    for (int i = 0; i < count; i++)
        if (make_part(w, split, folder, kind, i) != 0)
            return 1;
    return 0;
}

static int make_product(workshop *w, int count) {
    const product *p = w->product;
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", w->out, p->name);
    if (make_folder(path) != 0)
        return 1;
    snprintf(path, sizeof path, "%s/%s/ground_truth", w->out, p->name);
    if (make_folder(path) != 0)
        return 1;
    size_t pixels = (size_t)p->width * (size_t)p->height;
    w->good = calloc(pixels, sizeof *w->good);
    w->bad = calloc(pixels, sizeof *w->bad);
    w->bytes = calloc(pixels, 3);
    w->mask = calloc(pixels, 1);
    int failed = 1;
    if (w->good == NULL || w->bad == NULL || w->bytes == NULL || w->mask == NULL)
        complain(w->out, "out of memory");
    else
        failed = make_parts(w, "train", "good", DEFECT_NONE, count) ||
                 make_parts(w, "test", "good", DEFECT_NONE, TEST_GOOD);
    for (int i = 0; p->defects[i].name != NULL && !failed; i++)
        failed = make_parts(w, "test", p->defects[i].name, p->defects[i].kind, TEST_DEFECT);
    free(w->good);
    free(w->bad);
    free(w->bytes);
    free(w->mask);
    return failed;
}

static int usage(void) {
    fprintf(stderr, "usage: make_parts OUT [--seed N] [--count N] [--product washer|fabric|board]\n"
                    "--count: good parts to learn from, 1 to 999, default 24\n");
    return 2;
}

static bool read_number(const char *text, unsigned long low, unsigned long high, unsigned long *number) {
    char *end;
    errno = 0;
    *number = strtoul(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && *number >= low &&
           *number <= high;
}

typedef struct arguments {
    const char *out, *product;
    unsigned long seed, count;
} arguments;

static bool read_arguments(arguments *a, int argc, char **argv) {
    *a = (arguments){.count = 24};
    for (int i = 1; i < argc;) {
        const char *name = argv[i++];
        if (name[0] != '-') {
            if (a->out != NULL || name[0] == '\0' || strlen(name) >= PATH_SIZE / 2)
                return false;
            a->out = name;
            continue;
        }
        const char *value = i < argc ? argv[i++] : "";
        if (strcmp(name, "--product") == 0)
            a->product = value;
        else if (!(strcmp(name, "--seed") == 0 && read_number(value, 0, 0xffffffff, &a->seed)) &&
                 !(strcmp(name, "--count") == 0 && read_number(value, 1, 999, &a->count)))
            return false;
    }
    bool known = a->product == NULL;
    for (int i = 0; i < PRODUCTS && !known; i++)
        known = strcmp(a->product, products[i].name) == 0;
    return a->out != NULL && known;
}

int main(int argc, char **argv) {
    arguments a;
    if (!read_arguments(&a, argc, argv))
        return usage();
    if (make_folder(a.out) != 0)
        return 1;
    for (int i = 0; i < PRODUCTS; i++) {
        workshop w = {.out = a.out, .seed = a.seed, .product = &products[i], .folder = (uint64_t)i << 16};
        if (a.product != NULL && strcmp(a.product, products[i].name) != 0)
            continue;
        if (make_product(&w, (int)a.count) != 0)
            return 1;
        printf("%s/%s: %lu good parts to learn from, %d good and %d defective to test with\n", a.out,
               products[i].name, a.count, TEST_GOOD, 4 * TEST_DEFECT);
    }
    return 0;
}
