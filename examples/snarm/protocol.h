/* The published protocol, so that numbers compare with the paper's. */
#ifndef PROTOCOL_H
#define PROTOCOL_H

#include "fit_options.h"

enum {
    PROTOCOL_RESIZE = 448,     /* pixels a picture is resized to, both sides */
    PROTOCOL_SIZE = 392,       /* pixels that are cut out of its middle */
    PROTOCOL_NEIGHBOURS = 3,   /* k */
    PROTOCOL_BANK = 100000,    /* vectors, where the pictures have so many patches */
    PROTOCOL_SMOOTHING = 4     /* sigma on the map, pixels */
};
#define PROTOCOL_FPR_LIMIT 0.3 /* of AUPRO */

/* Sets the protocol's values; CONTINUE, or EXIT_USAGE with a line on stderr about an option that was given another. */
int protocol_apply(fit_settings *settings, const char *caller);

/* CONTINUE if the model was fitted so, else EXIT_INPUT with a line on stderr that says all that differs. */
int protocol_check_model(const snarm_detector *detector, const char *path);

#endif
