/* Working states for handles that many threads run at once: each call takes one that is free, or has one made, and
 * gives it back; so a handle holds as many as it ever had calls at the same time, and allocates nothing in between. */
#ifndef SN_CORE_POOL_H
#define SN_CORE_POOL_H

#include "core/status.h"

typedef struct sn_pool sn_pool;

/* create makes a state for owner; destroy frees one, NULL included. */
typedef snarm_status (*sn_pool_create_fn)(void **state, const void *owner);
typedef void (*sn_pool_destroy_fn)(void *state);

snarm_status sn_pool_create(sn_pool **out, sn_pool_create_fn create, sn_pool_destroy_fn destroy, const void *owner);
/* All states must have been given back. Harmless with NULL. */
void sn_pool_destroy(sn_pool *pool);
snarm_status sn_pool_take(sn_pool *pool, void **state);
void sn_pool_give(sn_pool *pool, void *state);

#endif
