/* Comparison of the library with vectors computed by the published code. One file of vectors at a time; what is compared,
 * and the sizes, come from each file's tensors and metadata. */
#ifndef SN_TESTS_GOLDEN_H
#define SN_TESTS_GOLDEN_H

#include "io/safetensors.h"

#include <stdbool.h>
#include <stddef.h>

/* What a file's line says. */
typedef struct report {
    double absolute, relative; /* the largest errors; relative to each tensor's largest value */
    bool failed;
    char note[256]; /* why it failed, or what was not compared; "" for nothing to say */
} report;

/* Notes a failure; the first one is kept. */
void fail(report *r, const char *format, ...) SN_PRINTF(2, 3);
/* Notes the library's error sentence as a failure unless the call succeeded; its value is whether it did. */
bool succeeds(report *r, const char *what, snarm_status status);

/* Compares values with a tensor of the same count: |a - b| at most tolerance times the tensor's largest value. */
void compare(report *r, const char *name, const float *values, const float *expected, size_t count, double tolerance);

enum { TENSOR_TOLERANCE_PARTS = 5000 }; /* 2e-4 = 1 / 5000 of the tensor's largest value */
#define TENSOR_TOLERANCE (1.0 / TENSOR_TOLERANCE_PARTS)

/* A tensor's values as floats, the caller's to free, or NULL with a failure noted. tensor may be NULL. */
float *read_floats(report *r, const sn_safetensors *file, const char *name, const sn_tensor **tensor);

/* (channels, patches) as PyTorch has it to (patches, channels) as the library has it. */
void to_rows(const float *planes, size_t channels, size_t patches, float *rows);

/* Called with each gradient found and expected, by its parameter's name. */
typedef void (*gradient_fn)(void *user, const char *name, const float *found, const float *expected, size_t count);
/* Compares all gradients of FOLDER/WEIGHTS_grad; each may be NULL. */
void compare_gradients(report *r, const char *folder, const char *weights, gradient_fn each, void *user);

/* Opens FOLDER/NAME.safetensors; NULL with a failure noted. */
sn_safetensors *open_vectors(report *r, const char *folder, const char *name);

/* Each takes the folder and the file's name without its ending. */
void run_vit(report *r, const char *folder, const char *name);       /* vit_X_meta, vit_X_timm, vit_X_hf */
void run_vit_io(report *r, const char *folder, const char *name);    /* vit_X_io: all its namings, or its real weights */
void run_network_io(report *r, const char *folder, const char *name); /* ANY_io: with weights ANY_* */
void run_bank(report *r, const char *folder, const char *name);
void run_mamba(report *r, const char *folder, const char *name);
void run_scorer(report *r, const char *folder, const char *name);      /* scorer_X with scorer_X_io */
void run_scorer_io(report *r, const char *folder, const char *name);
void run_scorer_grad(report *r, const char *folder, const char *name);
void run_metrics(report *r, const char *folder, const char *name);
void run_preprocess(report *r, const char *folder, const char *name);

#endif
