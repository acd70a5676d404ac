/* What every command that fits takes: one table of options, the checks that no table can express, and the way from
 * there into the library. */
#ifndef FIT_OPTIONS_H
#define FIT_OPTIONS_H

#include "options.h"
#include "progress.h"

#include "snarm/detector.h"

typedef struct fit_settings {
    const char *backbone, *scorer, *protocol, *search;
    text_list textures;
    int32_t size[2], resize[2], tile[2];
    integer_list layers;
    int64_t groups, channels, neighbourhood, bank_size, neighbours, seed, steps, samples, embedding, memory, overlap;
    bool channels_given, smoothing_given, steps_given, overlap_given, contrast_given;
    bool both_lights;
    bool depth; /* each picture has a depth picture, where depth_path_of says */
    double smoothing, false_alarm_rate, rate, depth_weight, even_light, contrast;
} fit_settings;
/* All zero is "nothing given"; then: */
void fit_settings_free(fit_settings *settings);

enum { FIT_OPTIONS = 28 };
/* Writes FIT_OPTIONS entries that fill settings, into the middle of a command's own table. */
void fit_options_describe(fit_settings *settings, option *table);

/* Whether a scorer is trained: without --steps it is, unless one is given. */
bool fit_settings_train(const fit_settings *settings);
/* What the parser cannot see: options that depend on each other, and a protocol's values, which it fills in. CONTINUE
 * or EXIT_USAGE with a line on stderr that begins with the caller's name, a command's. */
int fit_settings_check(fit_settings *settings, const char *caller);

/* Adds every picture under the paths, in their order, but depth pictures if others look for these; CONTINUE, or EXIT_INPUT with a line on
 * stderr. */
int list_pictures(const text_list *paths, bool without_depths, text_list *pictures);

/* One fit. The pointers are the caller's. */
typedef struct fit_request {
    const fit_settings *settings;
    const text_list *pictures, *textures; /* files */
    uint64_t seed;
    int32_t threads;
    int32_t precision; /* a snarm_precision */
    const char *checkpoint;  /* of the training; NULL: none */
    bool keeps_best_scorer;  /* an interrupt of the training ends that alone, the best scorer so far is kept; else it ends the fit */
    progress *bar;
} fit_request;
/* CONTINUE and a detector, or NULL and an exit code: with a line on stderr, but for EXIT_CANCELLED, which is the caller's to
 * tell. Interrupts are looked at if the caller catches them. */
int fit_detector(snarm_detector **out, const fit_request *request);

#endif
