/* golden [DIR]: runs every vector file of a folder, a line each, and says whether all agree. Exit status 0 if all do, 1 if
 * one does not or none is recognised. DIR is $SNARM_SHARED/golden (or ../shared/golden) by default; where it is absent, 77: skipped. */
#define _GNU_SOURCE
#include "golden.h"

#include <dirent.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static bool ends_with(const char *name, const char *ending) {
    const size_t length = strlen(name), wanted = strlen(ending);
    return length >= wanted && strcmp(name + length - wanted, ending) == 0;
}

static bool begins_with(const char *name, const char *beginning) {
    return strncmp(name, beginning, strlen(beginning)) == 0;
}

typedef void (*runner)(report *r, const char *folder, const char *name);

/* What a file is, by its name; NULL for one of another kind. */
static runner recognise(const char *name) {
    if (begins_with(name, "vit_"))
        return ends_with(name, "_io")                                                             ? run_vit_io
               : ends_with(name, "_meta") || ends_with(name, "_timm") || ends_with(name, "_hf") ? run_vit
                                                                                                  : NULL;
    if (begins_with(name, "scorer_"))
        return ends_with(name, "_io") ? run_scorer_io : ends_with(name, "_grad") ? run_scorer_grad : run_scorer;
    if (begins_with(name, "bank"))
        return run_bank;
    if (begins_with(name, "mamba"))
        return run_mamba;
    if (begins_with(name, "metrics"))
        return run_metrics;
    if (begins_with(name, "preprocess"))
        return run_preprocess;
    return ends_with(name, "_io") ? run_network_io : NULL;
}

static int is_vectors(const struct dirent *entry) {
    return ends_with(entry->d_name, ".safetensors");
}

int main(int argc, char **argv) {
    char folder[4096];
    const char *shared = getenv("SNARM_SHARED");
    if (argc > 1)
        snprintf(folder, sizeof folder, "%s", argv[1]);
    else
        snprintf(folder, sizeof folder, "%s/golden", shared != NULL ? shared : "../shared");
    struct dirent **entries;
    const int count = scandir(folder, &entries, is_vectors, alphasort);
    if (count < 0) {
        printf("no folder %s: skipped\n", folder);
        return argc > 1 ? 1 : 77;
    }
    int ran = 0, failed = 0;
    printf("%-32s %12s %12s\n", "vectors", "absolute", "relative");
    for (int i = 0; i < count; i++) {
        char name[256];
        snprintf(name, sizeof name, "%.*s", (int)(strlen(entries[i]->d_name) - strlen(".safetensors")),
                 entries[i]->d_name);
        free(entries[i]);
        const runner run = recognise(name);
        if (run == NULL) {
            printf("%-32s %12s %12s  not recognised\n", name, "", "");
            continue;
        }
        report r = {0};
        run(&r, folder, name);
        printf("%-32s %12.3g %12.3g  %s%s%s\n", name, r.absolute, r.relative, r.failed ? "FAIL" : "ok",
               r.note[0] != '\0' ? ": " : "", r.note);
        fflush(stdout);
        ran++;
        failed += r.failed;
    }
    free(entries);
    printf("%d files of vectors, %d failed\n", ran, failed);
    return ran > 0 && failed == 0 ? 0 : 1;
}
