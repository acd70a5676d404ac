#define _GNU_SOURCE
#include "progress.h"

#include "machine.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { BAR_MAX = 40 };

void progress_start(progress *bar, bool quiet) {
    *bar = (progress){.shown = !quiet && isatty(STDERR_FILENO)};
}

static int terminal_columns(void) {
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 80;
    return size.ws_col;
}

static void format_left(char *text, size_t size, double seconds) {
    if (seconds < 0 || seconds > 359999)
        text[0] = '\0';
    else if (seconds < 3600)
        snprintf(text, size, "%d:%02d left", (int)seconds / 60, (int)seconds % 60);
    else
        snprintf(text, size, "%d:%02d:%02d left", (int)seconds / 3600, (int)seconds / 60 % 60,
                 (int)seconds % 60);
}

void progress_update(progress *bar, const char *stage, uint64_t done, uint64_t total) {
    if (!bar->shown || total == 0)
        return;
    double now = seconds_now();
    if (!bar->drawn || strncmp(bar->stage, stage, sizeof bar->stage - 1) != 0) {
        snprintf(bar->stage, sizeof bar->stage, "%s", stage);
        bar->began = now;
    } else if (now - bar->last < 0.1 && done < total) {
        return;
    }
    bar->last = now;
    bar->drawn = true;
    double share = done >= total ? 1 : (double)done / (double)total;
    char left[32] = "";
    if (share > 0 && share < 1 && now - bar->began > 1)
        format_left(left, sizeof left, (now - bar->began) * (1 - share) / share);
    int width = terminal_columns() - 44;
    width = width > BAR_MAX ? BAR_MAX : width < 0 ? 0 : width;
    char line[BAR_MAX + 1];
    memset(line, '=', sizeof line);
    int filled = (int)(share * width);
    fprintf(stderr, "\r\033[K%-12.20s [%.*s%*s] %3d%%  %s", bar->stage, filled, line, width - filled, "",
            (int)(share * 100), left);
    fflush(stderr);
}

void progress_end(progress *bar) {
    if (bar->drawn)
        fputs("\r\033[K", stderr);
    bar->drawn = false;
}
