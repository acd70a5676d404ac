#define _GNU_SOURCE
#include "support.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *shared_file(const char *name) {
    static char path[4096];
    const char *root = getenv("SNARM_SHARED");
    snprintf(path, sizeof path, "%s/%s", root != NULL ? root : "../shared", name);
    if (access(path, R_OK) == 0)
        return path;
    printf("skipped: no %s\n", path);
    return NULL;
}

static char scratch[64];

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk) {
    (void)status, (void)kind, (void)walk;
    return remove(path);
}

static void remove_scratch(void) {
    nftw(scratch, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *scratch_file(const char *name) {
    static char paths[4][4096];
    static unsigned next;
    if (scratch[0] == '\0') {
        strcpy(scratch, "/tmp/snarm-test-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(scratch));
        atexit(remove_scratch);
    }
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", scratch, name);
    return path;
}

const char *changed_file(const char *path, const char *from, const char *to, const char *name) {
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    fseek(file, 0, SEEK_END);
    const size_t size = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(size);
    ck_assert_uint_eq(fread(bytes, 1, size, file), size);
    fclose(file);
    char *at = memmem(bytes, size, from, strlen(from));
    ck_assert_msg(at != NULL, "no %s in %s", from, path);
    ck_assert_uint_le(strlen(to), (size_t)(bytes + size - at));
    memcpy(at, to, strlen(to));
    path = scratch_file(name);
    file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    fclose(file);
    free(bytes);
    return path;
}

int run_suite(Suite *suite) {
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
