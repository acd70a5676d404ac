/* Scorers from weights that lie elsewhere than in a file of their own. */
#ifndef SN_SCORER_SCORER_H
#define SN_SCORER_SCORER_H

#include "scorer/weights.h"
#include "snarm/scorer.h"

/* As snarm_scorer_create, from the tensors PREFIX... of an open file (a detector's), which is not needed afterwards. */
snarm_status sn_scorer_create_from(snarm_scorer **out, const sn_safetensors *file, const char *prefix,
                                   const snarm_scorer_options *options);
/* From weights in memory, which are not needed afterwards; weights->table names every tensor that a scorer needs. */
snarm_status sn_scorer_create_from_weights(snarm_scorer **out, const sn_scorer_weights *weights,
                                           const snarm_scorer_options *options);

/* Announces to writer, under prefix, what sn_scorer_create_from needs: the tensors and metadata of the file that the scorer was
 * created from, which must stay open until the writer has finished. */
snarm_status sn_scorer_embed(const sn_safetensors *source, const char *source_prefix, sn_writer *writer,
                             const char *prefix);

#endif
