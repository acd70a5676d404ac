#include "layouts.h"

#include <string.h>

static const struct {
    const char *name;
    snarm_layout layout;
} layouts[] = {
    {"auto", SNARM_LAYOUT_AUTO},       {"mvtec", SNARM_LAYOUT_MVTEC}, {"visa", SNARM_LAYOUT_VISA},
    {"mvtec3d", SNARM_LAYOUT_MVTEC3D}, {"btad", SNARM_LAYOUT_BTAD},   {"folders", SNARM_LAYOUT_FOLDERS},
};
enum { LAYOUTS = sizeof layouts / sizeof *layouts };
#define LAYOUT_NAMES "auto|mvtec|visa|mvtec3d|btad|folders"

option layout_option(const char **target) {
    return (option){.name = "layout",
                    .kind = OPTION_CHOICE,
                    .target = (void *)target,
                    .choices = LAYOUT_NAMES,
                    .help = "of the folders; default auto"};
}

int open_dataset(snarm_dataset **out, const char *path, const char *layout) {
    snarm_dataset_options how;
    snarm_dataset_options_init(&how);
    size_t i = 0;
    while (i < LAYOUTS && strcmp(layouts[i].name, layout) != 0)
        i++;
    if (i == LAYOUTS)
        return fail(EXIT_USAGE, "%s: --layout is '%s', expected %s", path, layout, LAYOUT_NAMES);
    how.layout = (int32_t)layouts[i].layout;
    return snarm_dataset_open(out, path, &how) == SNARM_OK ? CONTINUE : fail_library(EXIT_INPUT);
}

int check_categories(const snarm_dataset *set, const char *path, const text_list *wanted) {
    size_t count = snarm_dataset_category_count(set);
    for (size_t i = 0; i < wanted->count; i++) {
        size_t c = 0;
        while (c < count && strcmp(snarm_dataset_category_name(set, c), wanted->items[i]) != 0)
            c++;
        if (c == count)
            return fail(EXIT_INPUT,
                        "%s: --category is '%s', but there is no such folder; the first one is '%s'", path,
                        wanted->items[i], snarm_dataset_category_name(set, 0));
    }
    return CONTINUE;
}

bool is_wanted_category(const text_list *wanted, const char *name) {
    if (wanted->count == 0)
        return true;
    for (size_t i = 0; i < wanted->count; i++)
        if (strcmp(wanted->items[i], name) == 0)
            return true;
    return false;
}
