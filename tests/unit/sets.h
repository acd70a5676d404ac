/* Small data sets below the scratch folder, with real pictures, masks, depth pictures and tables. */
#ifndef SN_TESTS_SETS_H
#define SN_TESTS_SETS_H

#include "snarm/dataset.h"

enum { SET_WIDTH = 8, SET_HEIGHT = 6 };

/* Makes a file of the kind that its name says, and the folders on the way; a name that ends in '/' is a
 * folder. Pictures are light in the middle and 0 elsewhere, and so serve as masks. */
void set_make(const char *name);
/* Those of a list that ends in NULL, below a folder. */
void set_make_all(const char *root, const char *const *names);
void set_make_text(const char *name, const char *text);
/* A file, or an empty folder. */
void set_remove(const char *name);

/* Opens the folder as found by looking, and with its layout named; loads everything in it; and compares with
 * a line "CATEGORY train|IMAGE|KIND|MASK|DEPTH" for each sample, paths below the folder, "-" for none. */
void set_check(const char *folder, snarm_layout layout, const char *expected);
/* The same with masks that may be missing. */
void set_check_maskless(const char *folder, const char *expected);
/* Opening fails, and these words are in the sentence. */
void set_refuse(const char *folder, snarm_status status, const char *words);

#endif
