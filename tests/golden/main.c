/* golden [DIR]: runs every vector file of a folder, a line each, and says whether all agree. Exit status 0 if all do, 1 if
 * one does not or none is recognised. DIR is $SNARM_SHARED/golden (or ../shared/golden) by default; where it is absent, 77: skipped. */
#define _GNU_SOURCE
#include "golden.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
