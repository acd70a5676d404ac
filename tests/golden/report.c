/* What all comparisons share: failures and errors noted, tensors read. */
#include "golden.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void fail(report *r, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    if (!r->failed)
        vsnprintf(r->note, sizeof r->note, format, arguments);
    va_end(arguments);
    r->failed = true;
}

bool succeeds(report *r, const char *what, snarm_status status) {
    if (status != SNARM_OK)
        fail(r, "%s: %s", what, snarm_last_error());
    return status == SNARM_OK;
}

void compare(report *r, const char *name, const float *values, const float *expected, size_t count, double tolerance) {
    double difference = 0, largest = 0;
    size_t worst = 0;
    for (size_t i = 0; i < count; i++) {
        const double d = fabs((double)values[i] - expected[i]);
        if (!(d <= difference)) { /* a NaN is the worst of all */
            difference = isnan(d) ? INFINITY : d;
            worst = i;
        }
        largest = fmax(largest, fabs((double)expected[i]));
    }
    const double relative = difference == 0 ? 0 : difference / largest;
    r->absolute = fmax(r->absolute, difference);
    r->relative = fmax(r->relative, relative);
    if (!(relative <= tolerance))
        fail(r, "%s[%zu] is %g, expected %g", name, worst, values[worst], expected[worst]);
}

float *read_floats(report *r, const sn_safetensors *file, const char *name, const sn_tensor **tensor) {
    const sn_tensor *found = sn_safetensors_find(file, name);
    if (found == NULL) {
        fail(r, "%s: no tensor %s", sn_safetensors_path(file), name);
        return NULL;
    }
    float *values = malloc((found->count + 1) * sizeof *values);
    if (values == NULL || !succeeds(r, name, sn_tensor_to_f32(file, found, values))) {
        free(values);
        return NULL;
    }
    if (tensor != NULL)
        *tensor = found;
    return values;
}

sn_safetensors *open_vectors(report *r, const char *folder, const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.safetensors", folder, name);
    sn_safetensors *file;
    succeeds(r, "open", sn_safetensors_open(&file, path));
    return file;
}

void to_rows(const float *planes, size_t channels, size_t patches, float *rows) {
    for (size_t c = 0; c < channels; c++)
        for (size_t i = 0; i < patches; i++)
            rows[i * channels + c] = planes[c * patches + i];
}
