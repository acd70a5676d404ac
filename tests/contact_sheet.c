/* Synthetic defects to look at:
 *   contact_sheet IMAGES_DIR [TEXTURES_DIR] OUT.png [options]       good | defective | outline of the mask,
 * with the kind contact_sheet IMAGES_DIR [TEXTURES_DIR] --dump DIR [options]    NNNN_good.png, NNNN.png,
 * NNNN_mask.png options: --seed N, --size S or WxH (224), --rows N (7; a row shows one shape), --columns N
 * (5), --count N (of pairs, 100),
 * --kinds train|heldout|all, --fill NAME and --shape NAME (that kind only), --subtle SHARE. The good picture
 * of a pair is a jittered one. The folders hold PNG and JPEG files, or folders of such. */
#define _GNU_SOURCE
#include "core/memory.h"
#include "synthesis/synthesis.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { TITLE = 14, GAP = 4 };

static void fail(const char *what) {
    fprintf(stderr, "contact_sheet: %s\n", what);
    exit(2);
}

static void need(snarm_status status) {
    if (status != SNARM_OK)
        fail(snarm_last_error());
}

typedef struct folder {
    char **paths;
    int count;
} folder;

static int is_picture(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot != NULL &&
           (strcasecmp(dot, ".png") == 0 || strcasecmp(dot, ".jpg") == 0 || strcasecmp(dot, ".jpeg") == 0);
}

static int is_visible(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

/* The pictures in a folder and the folders in it, by name. */
static void read_folder(folder *list, const char *path) {
    struct dirent **entries;
    int count = scandir(path, &entries, is_visible, alphasort);
    for (int i = 0; i < count; i++) {
        char *name;
        struct stat what;
        if (asprintf(&name, "%s/%s", path, entries[i]->d_name) < 0)
            fail("no memory");
        free(entries[i]);
        if (stat(name, &what) == 0 && S_ISDIR(what.st_mode)) {
            read_folder(list, name);
        } else if (is_picture(name)) {
            list->paths = realloc(list->paths, (size_t)(list->count + 1) * sizeof *list->paths);
            if (list->paths == NULL)
                fail("no memory");
            list->paths[list->count++] = name;
            continue;
        }
        free(name);
    }
    if (count >= 0)
        free(entries);
}

static void need_folder(folder *list, const char *path) {
    read_folder(list, path);
    if (list->count == 0)
        fail("a folder holds no pictures");
}

static void free_folder(folder *list) {
    for (int i = 0; i < list->count; i++)
        free(list->paths[i]);
    free(list->paths);
}

typedef struct settings {
    const char *images, *textures, *out, *dump, *fill, *shape;
    uint64_t seed;
    int width, height, rows, columns, count;
    float subtle;
    sn_kinds kinds;
} settings;

/* One sample and what it needs. */
typedef struct maker {
    const settings *set;
    folder images;
    sn_synthesis_options options;
    float *src, *good, *other, *bad;
    uint8_t *mask;
    double seconds;
    int made;
} maker;

static void load(const maker *m, const char *path, float *planes) {
    snarm_image image;
    need(snarm_image_load(&image, path, NULL));
    snarm_preprocess how = {m->set->width,  m->set->height, m->set->width,
                            m->set->height, {0, 0, 0},      {1, 1, 1}};
    need(snarm_image_preprocess(&image, &how, planes, NULL));
    snarm_image_release(&image);
}

static sn_defect make_sample(maker *m, const sn_synthesis *synthesis, uint64_t sample) {
    sn_rng rng;
    sn_rng_seed(&rng, m->set->seed, sample);
    load(m, m->images.paths[sn_rng_below(&rng, (uint64_t)m->images.count)], m->src);
    load(m, m->images.paths[sn_rng_below(&rng, (uint64_t)m->images.count)], m->other);
    sn_defect what;
    clock_t start = clock();
    need(sn_synthesis_jitter(synthesis, &rng, m->src, m->good));
    need(sn_synthesis_defect(synthesis, &rng, m->good, m->other, m->bad, m->mask, &what));
    m->seconds += (double)(clock() - start) / CLOCKS_PER_SEC;
    m->made++;
    return what;
}

static uint8_t to_byte(float value) {
    return (uint8_t)(value * 255.0f + 0.5f);
}

/* Letters and digits, three columns by five rows. */
static const char *glyph(char c) {
    static const char *const letters[26] = {
        "010101111101101", "110101110101110", "011100100100011", "110101101101110", "111100110100111",
        "111100110100100", "011100101101011", "101101111101101", "111010010010111", "001001001101010",
        "101101110101101", "100100100100111", "101111111101101", "110101101101101", "010101101101010",
        "110101110100100", "010101101110011", "110101110101101", "011100010001110", "111010010010010",
        "101101101101111", "101101101101010", "101101111111101", "101101010101101", "101101010010010",
        "111001010100111"};
    static const char *const digits[10] = {
        "111101101101111", "010110010010111", "110001010100111", "110001010001110", "101101111001001",
        "111100110001110", "011100110101010", "111001010010010", "010101010101010", "010101011001110"};
    return c >= 'a' && c <= 'z'   ? letters[c - 'a']
           : c >= '0' && c <= '9' ? digits[c - '0']
           : c == '.'             ? "000000000000010"
                                  : "000000000000000";
}

static void write_text(uint8_t *rgb, int stride, int left, int top, const char *text) {
    for (; *text != '\0'; text++, left += 8)
        for (int y = 0; y < 10; y++)
            for (int x = 0; x < 6; x++)
                if (glyph(*text)[y / 2 * 3 + x / 2] == '1')
                    memset(rgb + (size_t)(top + y) * (size_t)stride + (size_t)(left + x) * 3, 230, 3);
}

/* Copies planes into the sheet; with a mask, its outer outline in red. */
static void paste(const maker *m, uint8_t *rgb, int stride, int left, int top, const float *planes,
                  const uint8_t *mask) {
    int w = m->set->width, h = m->set->height;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            uint8_t *pixel = rgb + (size_t)(top + y) * (size_t)stride + (size_t)(left + x) * 3;
            size_t at = (size_t)y * (size_t)w + (size_t)x;
            for (size_t c = 0; c < 3; c++)
                pixel[c] = to_byte(planes[c * (size_t)w * (size_t)h + at]);
            if (mask == NULL || mask[at] != 0)
                continue;
            for (int k = 0; k < 9; k++) {
                int nx = x + k % 3 - 1, ny = y + k / 3 - 1;
                if (nx >= 0 && ny >= 0 && nx < w && ny < h && mask[ny * w + nx] != 0)
                    pixel[0] = 255, pixel[1] = 30, pixel[2] = 30;
            }
        }
}

static void keep_shape(sn_synthesis_options *options, int shape) {
    for (int i = 0; i < SN_SHAPE_COUNT; i++)
        if (i != shape)
            options->pairs[i] = 0;
}

static void draw_sheet(maker *m) {
    const settings *set = m->set;
    int cell_w = 3 * set->width + 2 * GAP + 3 * GAP, cell_h = set->height + TITLE + GAP;
    int stride = 3 * cell_w * set->columns;
    uint8_t *rgb = calloc((size_t)stride * (size_t)(cell_h * set->rows), 1);
    if (rgb == NULL)
        fail("no memory");
    for (int row = 0, shape = -1; row < set->rows; row++) {
        sn_synthesis *synthesis = NULL;
        sn_synthesis_options options;
        for (int tries = 0; synthesis == NULL && tries < SN_SHAPE_COUNT; tries++) {
            shape = (shape + 1) % SN_SHAPE_COUNT;
            options = m->options;
            keep_shape(&options, shape);
            if (sn_synthesis_create(&synthesis, &options) != SNARM_OK)
                synthesis = NULL; /* this shape is not among the kinds asked for */
        }
        if (synthesis == NULL)
            fail(snarm_last_error());
        for (int column = 0; column < set->columns; column++) {
            sn_defect what = make_sample(m, synthesis, (uint64_t)(row * set->columns + column));
            char title[128];
            snprintf(title, sizeof title, "%s %s %d%s opacity %.2f change %.2f %s", sn_shape_name(what.shape),
                     sn_filling_name(what.fill), (int)what.size, what.visible == 0 ? " none" : "",
                     (double)what.opacity, (double)what.contrast, what.on_object ? "object" : "");
            int left = column * cell_w, top = row * cell_h;
            title[(cell_w - 8) / 8 < 127 ? (cell_w - 8) / 8 : 127] = '\0';
            write_text(rgb, stride, left + 2, top + 2, title);
            paste(m, rgb, stride, left, top + TITLE, m->good, NULL);
            paste(m, rgb, stride, left + set->width + GAP, top + TITLE, m->bad, NULL);
            paste(m, rgb, stride, left + 2 * (set->width + GAP), top + TITLE, m->bad, m->mask);
        }
        sn_synthesis_destroy(synthesis);
    }
    snarm_image sheet = {
        .pixels = rgb, .width = cell_w * set->columns, .height = cell_h * set->rows, .format = SNARM_RGB8};
    need(snarm_image_save_png(&sheet, set->out));
    free(rgb);
}

static void save(const maker *m, const float *planes, int sample, const char *what) {
    size_t pixels = (size_t)m->set->width * (size_t)m->set->height;
    uint8_t *bytes = malloc(3 * pixels);
    char *path;
    if (bytes == NULL || asprintf(&path, "%s/%04d%s.png", m->set->dump, sample, what) < 0)
        fail("no memory");
    snarm_image image = {
        .pixels = bytes, .width = m->set->width, .height = m->set->height, .format = SNARM_RGB8};
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < 3; c++)
            bytes[3 * i + c] = to_byte(planes[c * pixels + i]);
    need(snarm_image_save_png(&image, path));
    free(bytes);
    free(path);
}

static void save_mask(const maker *m, int sample) {
    size_t pixels = (size_t)m->set->width * (size_t)m->set->height;
    char *path;
    if (asprintf(&path, "%s/%04d_mask.png", m->set->dump, sample) < 0)
        fail("no memory");
    snarm_image image = {
        .pixels = m->mask, .width = m->set->width, .height = m->set->height, .format = SNARM_GREY8};
    for (size_t i = 0; i < pixels; i++)
        m->mask[i] = m->mask[i] != 0 ? 255 : 0;
    need(snarm_image_save_png(&image, path));
    free(path);
}

static void dump(maker *m) {
    sn_synthesis *synthesis;
    need(sn_synthesis_create(&synthesis, &m->options));
    mkdir(m->set->dump, 0777);
    int tables[SN_SHAPE_COUNT][SN_FILL_COUNT] = {{0}}, none = 0, objects = 0, tries = 0;
    double area = 0.0, change = 0.0, low = 0.0;
    for (int i = 0; i < m->set->count; i++) {
        sn_defect what = make_sample(m, synthesis, (uint64_t)i);
        save(m, m->good, i, "_good");
        save(m, m->bad, i, "");
        save_mask(m, i);
        none += what.visible == 0, objects += what.on_object, tries += what.tries;
        tables[what.shape][what.fill] += what.visible != 0;
        area += what.visible, change += (double)what.contrast, low += what.contrast < 0.12f;
    }
    printf("%10s", "");
    for (int f = 0; f < SN_FILL_COUNT; f++)
        printf(" %8s", sn_filling_name((sn_filling)f));
    for (int s = 0; s < SN_SHAPE_COUNT; s++) {
        printf("\n%10s", sn_shape_name((sn_shape)s));
        for (int f = 0; f < SN_FILL_COUNT; f++)
            printf(" %8d", tables[s][f]);
    }
    double n = m->set->count;
    printf("\n%d without a defect, %d on objects, %.2f tries, mean area %.0f px, mean change %.3f, %.0f%% "
           "change below 0.12\n",
           none, objects, tries / n, area / n, change / n, 100.0 * low / n);
    sn_synthesis_destroy(synthesis);
}

static settings read_arguments(int count, char **words) {
    settings set = {.width = 224, .height = 224, .rows = 7, .columns = 5, .count = 100, .subtle = 0.5f};
    const char *names[3];
    int given = 0;
    for (int i = 1; i < count; i++) {
        const char *word = words[i], *value = i + 1 < count ? words[i + 1] : NULL;
        if (strncmp(word, "--", 2) != 0) {
            if (given == 3)
                fail("too many names");
            names[given++] = word;
            continue;
        }
        if (value == NULL)
            fail("an option lacks its value");
        i++;
        if (strcmp(word, "--seed") == 0)
            set.seed = strtoull(value, NULL, 10);
        else if (strcmp(word, "--size") == 0) {
            if (sscanf(value, "%dx%d", &set.width, &set.height) < 2)
                set.height = set.width;
        } else if (strcmp(word, "--rows") == 0)
            set.rows = atoi(value);
        else if (strcmp(word, "--columns") == 0)
            set.columns = atoi(value);
        else if (strcmp(word, "--count") == 0)
            set.count = atoi(value);
        else if (strcmp(word, "--subtle") == 0)
            set.subtle = (float)atof(value);
        else if (strcmp(word, "--dump") == 0)
            set.dump = value;
        else if (strcmp(word, "--fill") == 0)
            set.fill = value;
        else if (strcmp(word, "--shape") == 0)
            set.shape = value;
        else if (strcmp(word, "--kinds") == 0)
            set.kinds = strcmp(value, "train") == 0     ? SN_KINDS_TRAINING
                        : strcmp(value, "heldout") == 0 ? SN_KINDS_HELD_OUT
                                                        : SN_KINDS_ALL;
        else
            fail("unknown option");
    }
    int outs = set.dump == NULL;
    if (given < 1 + outs || given > 2 + outs)
        fail("IMAGES_DIR [TEXTURES_DIR] OUT.png expected, or --dump DIR in place of OUT.png");
    set.images = names[0];
    set.textures = given == 2 + outs ? names[1] : NULL;
    set.out = outs ? names[given - 1] : NULL;
    return set;
}

int main(int count, char **words) {
    settings set = read_arguments(count, words);
    maker m = {.set = &set};
    need_folder(&m.images, set.images);
    folder textures = {0};
    snarm_image *decoded = NULL;
    sn_synthesis_options_default(&m.options, set.width, set.height);
    sn_synthesis_options_kinds(&m.options, set.kinds);
    m.options.subtle = set.subtle;
    if (set.textures != NULL) {
        need_folder(&textures, set.textures);
        decoded = calloc((size_t)textures.count, sizeof *decoded);
        for (int i = 0; decoded != NULL && i < textures.count; i++)
            need(snarm_image_load(&decoded[i], textures.paths[i], NULL));
        m.options.textures = decoded, m.options.texture_count = (size_t)textures.count;
    }
    for (int f = 0; f < SN_FILL_COUNT; f++)
        if (set.fill != NULL && strcmp(set.fill, sn_filling_name((sn_filling)f)) != 0)
            m.options.fill_weight[f] = 0.0f;
    for (int s = 0; s < SN_SHAPE_COUNT; s++)
        if (set.shape != NULL && strcmp(set.shape, sn_shape_name((sn_shape)s)) != 0)
            m.options.shape_weight[s] = 0.0f;
    size_t pixels = (size_t)set.width * (size_t)set.height;
    need(sn_alloc(&m.src, 12 * pixels, sizeof(float), "pictures"));
    need(sn_alloc(&m.mask, pixels, 1, "mask"));
    m.good = m.src + 3 * pixels, m.other = m.good + 3 * pixels, m.bad = m.other + 3 * pixels;
    if (set.dump != NULL)
        dump(&m);
    else
        draw_sheet(&m);
    printf("%.2f ms of processor time a sample\n", 1000.0 * m.seconds / m.made);
    for (int i = 0; i < textures.count; i++)
        snarm_image_release(&decoded[i]);
    free(decoded);
    free_folder(&textures);
    free_folder(&m.images);
    sn_free(m.src);
    sn_free(m.mask);
    return 0;
}
