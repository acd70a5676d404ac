/* snarm: finds defects no one has seen before, from a handful of good parts. */
#include "cli.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} commands[] = {
    {"fit", command_fit, "learn a product from pictures of good parts"},
    {"inspect", command_inspect, "say of each picture whether it is defective, and where"},
    {"eval", command_eval, "measure a model on a data set with known defects"},
    {"benchmark", command_benchmark, "fit and measure every category of a data set"},
    {"bench", command_bench, "measure how long each step of an inspection takes"},
    {"info", command_info, "say what a model, weights, bank or scorer file holds"},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static int print_usage(void) {
    printf("usage: snarm COMMAND [OPTION]...\n\n");
    for (size_t i = 0; i < COMMANDS; i++)
        printf("  %-9s %s\n", commands[i].name, commands[i].summary);
    printf("\nsnarm COMMAND --help   the command's options\n"
           "snarm --version        the library's version\n\n"
           "Exit codes: 0 all went well; 1 a part failed inspection (only with --fail-on-anomaly); 2 the "
           "command\n"
           "line is wrong; 3 a file is missing, broken or does not fit; 130 stopped by a signal.\n"
           "An error is one line on stderr that begins with \"snarm: \".\n\n"
           "From good parts to an answer:\n"
           "  snarm fit --images parts/good --out part.snarm\n"
           "  snarm inspect --model part.snarm --heatmaps heat parts/today\n");
    return finish_output(EXIT_OK);
}

int main(int argc, char **argv) {
    if (argc < 2)
        return fail(EXIT_USAGE, "no command given; 'snarm --help' lists them");
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return print_usage();
    if (strcmp(name, "--version") == 0) {
        printf("snarm %s\n", snarm_version());
        return finish_output(EXIT_OK);
    }
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].run(argc - 2, argv + 2);
    return fail(EXIT_USAGE, "'%s' is no command, expected one of fit, inspect, eval, benchmark, bench, info", name);
}
