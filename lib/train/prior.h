/* What the distance to the bank says by itself: logits that the network's are added to. */
#ifndef SN_TRAIN_PRIOR_H
#define SN_TRAIN_PRIOR_H

#endif
