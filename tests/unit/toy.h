/* A toy problem: defects move few channels that vary little, and hide from the distance behind many channels that vary much. */
#ifndef TESTS_TOY_H
#define TESTS_TOY_H

#include "core/rng.h"
#include "scorer/weights.h"
#include "snarm/bank.h"
#include "train/calibrate.h"
#include "train/samples.h"
#include "train/validation.h"

enum { WIDTH = 8, HEIGHT = 6, PATCHES = WIDTH * HEIGHT, CHANNELS = 16, QUIET = 4, NEIGHBOURS = 3, SIDE = 4 };
enum { MASK_WIDTH = WIDTH * SIDE, MASK_HEIGHT = HEIGHT * SIDE, PIXELS = MASK_WIDTH * MASK_HEIGHT };
enum { BANK = 400, TRAINED = 64, HELD_OUT = 32 };

typedef struct toy_problem {
    snarm_bank *bank;
    sn_samples *samples, *held_out;
    sn_calibration calibration;
} toy_problem;

/* Made by toy_set_up, freed by toy_tear_down: fixtures of a test case. */
extern toy_problem toy;
void toy_set_up(void);
void toy_tear_down(void);

/* A small network for it, with its calibration. */
sn_scorer_weights toy_sizes(void);
/* Of samples like its, with maps smoothed by 2 pixels; the caller's. */
sn_validation *toy_validation(const sn_samples *samples);
/* Samples like its, told by stages, of which the means are kept; the caller's. */
sn_samples *toy_means(const sn_samples *samples, const sn_stages *stages);

#endif
