/* Options: defaults, names, the split of kinds, checks; and how well shapes and fillings suit each other. */
#include "synthesis/draw.h"

#include "image/picture.h"

#include <math.h>

static const char *const shape_names[SN_SHAPE_COUNT] = {
    [SN_SHAPE_BLOB] = "blob",     [SN_SHAPE_SPOTS] = "spots", [SN_SHAPE_SCRATCH] = "scratch",
    [SN_SHAPE_CRACK] = "crack",   [SN_SHAPE_CHIP] = "chip",   [SN_SHAPE_PATCH] = "patch",
    [SN_SHAPE_REGION] = "region",   [SN_SHAPE_SECTION] = "section",
};

static const char *const fill_names[SN_FILL_COUNT] = {
    [SN_FILL_PLAIN] = "plain",     [SN_FILL_TONE] = "tone",     [SN_FILL_PATTERN] = "pattern",
    [SN_FILL_TEXTURE] = "texture", [SN_FILL_COPY] = "copy",     [SN_FILL_SHUFFLE] = "shuffle",
    [SN_FILL_SMEAR] = "smear",     [SN_FILL_COLOUR] = "colour", [SN_FILL_WARP] = "warp",
    [SN_FILL_RELIEF] = "relief",   [SN_FILL_DISPLACED] = "displaced",
};

/* Rows in the order of sn_shape, columns in that of sn_filling. Thin lines have no room for a texture,
 * nothing large is ever plain, and so on. */
static const float suits[SN_SHAPE_COUNT][SN_FILL_COUNT] = {
    /*               plain  tone pattern texture copy shuffle smear colour warp relief displaced */
    /* blob    */ {0.7f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 0.7f, 0.7f, 0.7f, 0.5f, 0.0f},
    /* spots   */ {1.5f, 1.0f, 0.6f, 0.4f, 0.4f, 0.0f, 0.2f, 0.5f, 0.0f, 1.0f, 0.0f},
    /* scratch */ {1.3f, 1.0f, 0.3f, 0.2f, 0.2f, 0.0f, 0.2f, 0.2f, 0.0f, 1.0f, 0.0f},
    /* crack   */ {1.5f, 1.0f, 0.2f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.7f, 0.0f},
    /* chip    */ {1.2f, 0.7f, 0.7f, 0.5f, 0.8f, 0.3f, 0.4f, 0.2f, 0.7f, 0.3f, 0.0f},
    /* patch   */ {0.5f, 0.7f, 1.0f, 1.0f, 1.0f, 0.7f, 0.7f, 0.5f, 0.3f, 0.2f, 0.0f},
    /* region  */ {0.0f, 1.5f, 0.5f, 0.3f, 0.0f, 0.0f, 0.5f, 0.8f, 0.2f, 0.0f, 0.0f},
    /* section */ {0.0f, 1.5f, 0.5f, 0.4f, 0.5f, 0.0f, 0.5f, 0.8f, 0.0f, 0.0f, 1.5f},
};

const char *sn_shape_name(sn_shape shape) {
    return (unsigned)shape < SN_SHAPE_COUNT ? shape_names[shape] : "unknown";
}

const char *sn_filling_name(sn_filling fill) {
    return (unsigned)fill < SN_FILL_COUNT ? fill_names[fill] : "unknown";
}

void sn_synthesis_options_default(sn_synthesis_options *options, int32_t width, int32_t height) {
    *options = (sn_synthesis_options){
        .width = width,
        .height = height,
        .shape_weight =
            {
                [SN_SHAPE_BLOB] = 1.2f,
                [SN_SHAPE_SPOTS] = 1.2f,
                [SN_SHAPE_SCRATCH] = 1.0f,
                [SN_SHAPE_CRACK] = 0.7f,
                [SN_SHAPE_CHIP] = 0.8f,
                [SN_SHAPE_PATCH] = 0.6f,
                [SN_SHAPE_REGION] = 1.4f,
                [SN_SHAPE_SECTION] = 2.0f,
            },
        .size_min = 8.0f,
        .size_max = 0.45f,
        .subtle = 0.5f,
        .opacity_min = 0.15f,
        .visible = 0.022f,
        .feather = 3,
        .rotation = 3.0f,
        .scale = 0.03f,
        .shift = 0.02f,
        .brightness = 0.04f,
        .contrast = 0.08f,
        .noise = 0.01f,
        .blur = 0.5f,
    };
    for (int i = 0; i < SN_FILL_COUNT; i++)
        options->fill_weight[i] = 1.0f;
    sn_synthesis_options_kinds(options, SN_KINDS_ALL);
}

void sn_synthesis_options_kinds(sn_synthesis_options *options, sn_kinds kinds) {
    const uint32_t all = (1u << SN_FILL_COUNT) - 1;
    const uint32_t held = 1u << SN_FILL_SHUFFLE | 1u << SN_FILL_SMEAR | 1u << SN_FILL_RELIEF;
    for (int shape = 0; shape < SN_SHAPE_COUNT; shape++) {
        bool held_shape = shape == SN_SHAPE_CRACK || shape == SN_SHAPE_PATCH;
        uint32_t training = held_shape ? 0 : all & ~held;
        options->pairs[shape] = kinds == SN_KINDS_ALL        ? all
                                : kinds == SN_KINDS_TRAINING ? training
                                                             : all & ~training;
    }
}

float sn_pair_weight(const sn_synthesis_options *options, int shape, int fill) {
    if ((options->pairs[shape] >> fill & 1) == 0 || (fill == SN_FILL_TEXTURE && options->texture_count == 0))
        return 0.0f;
    return options->shape_weight[shape] * options->fill_weight[fill] * suits[shape][fill];
}

static snarm_status check_number(float value, float low, float high, const char *name) {
    if (value >= low && value <= high)
        return SNARM_OK;
    return sn_error(SNARM_ERROR_ARGUMENT, "sn_synthesis_create: %s is %g, expected %g..%g", name,
                    (double)value, (double)low, (double)high);
}

static snarm_status check_weights(const sn_synthesis_options *o) {
    float sum = 0.0f;
    for (int i = 0; i < SN_SHAPE_COUNT; i++)
        SN_TRY(check_number(o->shape_weight[i], 0.0f, 1e6f, "shape_weight"));
    for (int i = 0; i < SN_FILL_COUNT; i++)
        SN_TRY(check_number(o->fill_weight[i], 0.0f, 1e6f, "fill_weight"));
    for (int shape = 0; shape < SN_SHAPE_COUNT; shape++)
        for (int fill = 0; fill < SN_FILL_COUNT; fill++)
            sum += sn_pair_weight(o, shape, fill);
    if (sum > 0.0f)
        return SNARM_OK;
    return sn_error(SNARM_ERROR_ARGUMENT,
                    "sn_synthesis_create: pairs and weights leave no kind of defect, expected one");
}

snarm_status sn_synthesis_options_check(const sn_synthesis_options *o) {
    if (o->width < SN_SIDE_MIN || o->width > SN_SIDE_MAX || o->height < SN_SIDE_MIN ||
        o->height > SN_SIDE_MAX)
        return sn_error(SNARM_ERROR_ARGUMENT,
                        "sn_synthesis_create: width x height is %d x %d, expected sides of %d..%d",
                        (int)o->width, (int)o->height, (int)SN_SIDE_MIN, (int)SN_SIDE_MAX);
    if (o->feather < 0 || o->feather > 8)
        return sn_error(SNARM_ERROR_ARGUMENT, "sn_synthesis_create: feather is %d, expected 0..8",
                        (int)o->feather);
    if (o->texture_count > 0 && o->textures == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "sn_synthesis_create: textures is NULL, expected %zu pictures",
                        o->texture_count);
    for (size_t i = 0; i < o->texture_count; i++)
        SN_TRY(sn_image_check(&o->textures[i], "sn_synthesis_create"));
    SN_TRY(check_number(o->size_min, 4.0f, 64.0f, "size_min"));
    SN_TRY(check_number(o->size_max, 0.05f, 0.8f, "size_max"));
    SN_TRY(check_number(o->subtle, 0.0f, 1.0f, "subtle"));
    SN_TRY(check_number(o->opacity_min, 0.05f, 1.0f, "opacity_min"));
    SN_TRY(check_number(o->visible, 0.004f, 0.2f, "visible"));
    SN_TRY(check_number(o->rotation, 0.0f, 180.0f, "rotation"));
    SN_TRY(check_number(o->scale, 0.0f, 0.5f, "scale"));
    SN_TRY(check_number(o->shift, 0.0f, 0.5f, "shift"));
    SN_TRY(check_number(o->brightness, 0.0f, 0.5f, "brightness"));
    SN_TRY(check_number(o->contrast, 0.0f, 0.9f, "contrast"));
    SN_TRY(check_number(o->noise, 0.0f, 0.2f, "noise"));
    SN_TRY(check_number(o->blur, 0.0f, 1.0f, "blur"));
    return check_weights(o);
}
