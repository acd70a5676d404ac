/* What the test programs share: the folder of golden vectors and data, scratch files, a runner for Check suites. */
#ifndef SN_TESTS_SUPPORT_H
#define SN_TESTS_SUPPORT_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>

/* The path of a file or folder under the shared data (environment variable SNARM_SHARED), in a static buffer;
 * NULL, with a line on stdout that says what is skipped, where it is absent. */
const char *shared_file(const char *name);

/* A path in a scratch folder of this process, removed with its files when the process ends; static buffer of 4. */
const char *scratch_file(const char *name);

/* The path of scratch file name, which is the file at path with its first piece from overwritten by to; its length stays.
 * Fails the test if the file has no such piece. */
const char *changed_file(const char *path, const char *from, const char *to, const char *name);

/* Fails the test with the library's error sentence unless the call succeeds. */
#define ck_ok(call)                                                                                                    \
    do {                                                                                                               \
        snarm_status ck_status = (call);                                                                               \
        ck_assert_msg(ck_status == SNARM_OK, "%s: %s", #call, snarm_last_error());                                     \
    } while (0)

/* Fails unless the call gives that status and the error sentence contains the words. */
#define ck_fails(call, status, words)                                                                                  \
    do {                                                                                                               \
        snarm_status ck_status = (call);                                                                               \
        ck_assert_msg(ck_status == (status), "%s: status %d, expected %d: %s", #call, (int)ck_status, (int)(status),   \
                      snarm_last_error());                                                                             \
        ck_assert_msg(strstr(snarm_last_error(), (words)) != NULL, "'%s' lacks '%s'", snarm_last_error(), (words));    \
    } while (0)

/* Runs the suite in this process (one process a test under CK_FORK=yes would start OpenMP in forked children) and
 * gives main's exit status. */
int run_suite(Suite *suite);

#endif
