/* The scores that drift is measured against, from lines that inspect has written. */
#ifndef REFERENCE_H
#define REFERENCE_H

#include <stddef.h>

/* The scores of a file of JSON lines, as inspect --format json and --log write them; lines of unreadable
 * pictures and warnings are passed over. CONTINUE, or EXIT_INPUT with a line on stderr: the file cannot be
 * read, a line is another, or there is no score.
 *   scores  *count values, the caller's to free; NULL after a failure */
int reference_read(const char *path, float **scores, size_t *count);

#endif
