#include "io/hash.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include <sha256.h>

static void finish(SHA2_CTX *state, char text[SN_HASH_TEXT]) {
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256Final(digest, state);
    for (int i = 0; i < SHA256_DIGEST_LENGTH; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
}

void sn_hash_memory(const void *bytes, size_t size, char text[SN_HASH_TEXT]) {
    SHA2_CTX state;
    SHA256Init(&state);
    SHA256Update(&state, bytes, size);
    finish(&state, text);
}

snarm_status sn_hash_file(const char *path, char text[SN_HASH_TEXT]) {
    FILE *file = fopen(path, "rbe");
    if (file == NULL)
        return sn_error(SNARM_ERROR_IO, "%s: cannot be opened: %s", path, strerror(errno));
    SHA2_CTX state;
    SHA256Init(&state);
    unsigned char block[65536];
    size_t count;
    while ((count = fread(block, 1, sizeof block, file)) > 0)
        SHA256Update(&state, block, count);
    int failed = ferror(file);
    fclose(file);
    if (failed)
        return sn_error(SNARM_ERROR_IO, "%s: cannot be read", path);
    finish(&state, text);
    return SNARM_OK;
}
