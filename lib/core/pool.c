#include "core/pool.h"

#include "core/memory.h"

#include <pthread.h>

struct sn_pool {
    pthread_mutex_t lock;
    sn_pool_create_fn create;
    sn_pool_destroy_fn destroy;
    const void *owner;
    void **free; /* the last given is taken first: its memory is still in the caches */
    size_t free_count, made, capacity;
};

snarm_status sn_pool_create(sn_pool **out, sn_pool_create_fn create, sn_pool_destroy_fn destroy, const void *owner) {
    *out = NULL;
    sn_pool *pool;
    SN_TRY(sn_alloc_zeroed(&pool, 1, sizeof *pool, "pool"));
    pthread_mutex_init(&pool->lock, NULL);
    pool->create = create, pool->destroy = destroy, pool->owner = owner;
    *out = pool;
    return SNARM_OK;
}

void sn_pool_destroy(sn_pool *pool) {
    if (pool == NULL)
        return;
    for (size_t i = 0; i < pool->free_count; i++)
        pool->destroy(pool->free[i]);
    pthread_mutex_destroy(&pool->lock);
    sn_free(pool->free);
    sn_free(pool);
}

/* Called with the lock held. Room for every state made: giving one back can then not fail. */
static snarm_status reserve(sn_pool *pool) {
    if (pool->made == pool->capacity) {
        size_t capacity = pool->capacity * 2 + 4;
        SN_TRY(sn_resize(&pool->free, pool->free_count * sizeof *pool->free, capacity, sizeof *pool->free, "pool"));
        pool->capacity = capacity;
    }
    pool->made++;
    return SNARM_OK;
}

snarm_status sn_pool_take(sn_pool *pool, void **state) {
    *state = NULL;
    snarm_status status = SNARM_OK;
    pthread_mutex_lock(&pool->lock);
    if (pool->free_count > 0)
        *state = pool->free[--pool->free_count];
    else
        status = reserve(pool);
    pthread_mutex_unlock(&pool->lock);
    if (status != SNARM_OK || *state != NULL)
        return status;
    status = pool->create(state, pool->owner);
    if (status != SNARM_OK) {
        pthread_mutex_lock(&pool->lock);
        pool->made--;
        pthread_mutex_unlock(&pool->lock);
    }
    return status;
}

void sn_pool_give(sn_pool *pool, void *state) {
    pthread_mutex_lock(&pool->lock);
    pool->free[pool->free_count++] = state;
    pthread_mutex_unlock(&pool->lock);
}
