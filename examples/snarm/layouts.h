/* Which data set a command works on, and which of its categories. */
#ifndef LAYOUTS_H
#define LAYOUTS_H

#include "options.h"

#include "snarm/dataset.h"

/* The entry --layout of a command's table; *target, "auto" before parsing, becomes a layout's name. */
option layout_option(const char **target);

/* Opens the data set in a layout that layout_option has accepted; CONTINUE, or EXIT_INPUT with a line on
 * stderr. */
int open_dataset(snarm_dataset **out, const char *path, const char *layout);

/* EXIT_INPUT with a line on stderr if one of the names is no category of the set at path, else CONTINUE. */
int check_categories(const snarm_dataset *set, const char *path, const text_list *wanted);
/* Whether it is one of the names; all are if there are none. */
bool is_wanted_category(const text_list *wanted, const char *name);

#endif
