/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/directory.h"

#include "base/mem.h"
#include "base/str_index.h"

#include <stdlib.h>

enum { MINUTE_MS = 60000 };

struct directory {
    struct store *store;
    struct arena *arena;
    uint64_t version;
    bool is_read;
    struct user_row *users;
    size_t user_count;
    struct str_index *names;
    struct token_row *tokens;
    int64_t *written_ms; /* when each token was used, as the store has it */
    size_t token_count;
    struct str_index *digests;
};

struct directory *directory_new(struct store *store)
{
    struct directory *directory = mem_alloc(sizeof *directory);
    *directory = (struct directory){.store = store, .arena = arena_new()};
    return directory;
}

void directory_free(struct directory *directory)
{
    if (directory != NULL) {
        arena_free(directory->arena);
        free(directory);
    }
}

static void index_all(struct directory *directory)
{
    directory->names = str_index_new(directory->arena, directory->user_count);
    directory->digests = str_index_new(directory->arena, directory->token_count);
    directory->written_ms = arena_array(directory->arena, directory->token_count + 1, sizeof(int64_t));
    for (size_t i = 0; i < directory->user_count; i++) {
        (void)str_index_add(directory->names, str_from(directory->users[i].name));
    }
    for (size_t i = 0; i < directory->token_count; i++) {
        (void)str_index_add(directory->digests, str_from(directory->tokens[i].sha256));
        directory->written_ms[i] = directory->tokens[i].used_ms;
    }
}

/* All anew: there are few, and they seldom change. */
int directory_refresh(struct directory *directory, struct err *err)
{
    uint64_t version = store_users_version(directory->store);
    if (directory->is_read && directory->version == version) {
        return 0;
    }
    struct directory fresh = {.store = directory->store, .arena = arena_new(), .version = version, .is_read = true};
    if (store_user_list(fresh.store, fresh.arena, &fresh.users, &fresh.user_count, err) < 0 ||
        store_token_list(fresh.store, fresh.arena, &fresh.tokens, &fresh.token_count, err) < 0) {
        arena_free(fresh.arena);
        return -1;
    }
    index_all(&fresh);
    arena_free(directory->arena);
    *directory = fresh;
    return 0;
}

uint64_t directory_version(const struct directory *directory)
{
    return directory->version;
}

size_t directory_user_count(const struct directory *directory)
{
    return directory->user_count;
}

const struct user_row *directory_user(const struct directory *directory, struct str name)
{
    ptrdiff_t at = directory->user_count == 0 ? -1 : str_index_find(directory->names, name);
    return at < 0 ? NULL : &directory->users[at];
}

const struct user_row *directory_user_by_id(const struct directory *directory, int64_t user_id)
{
    for (size_t i = 0; i < directory->user_count; i++) {
        if (directory->users[i].user_id == user_id) {
            return &directory->users[i];
        }
    }
    return NULL;
}

struct token_row *directory_token(const struct directory *directory, const char *sha256)
{
    ptrdiff_t at = directory->token_count == 0 ? -1 : str_index_find(directory->digests, str_from(sha256));
    return at < 0 ? NULL : &directory->tokens[at];
}

bool directory_has_uses(const struct directory *directory)
{
    for (size_t i = 0; i < directory->token_count; i++) {
        if (directory->tokens[i].used_ms - directory->written_ms[i] >= MINUTE_MS) {
            return true;
        }
    }
    return false;
}

int directory_keep_uses(struct directory *directory, struct err *err)
{
    for (size_t i = 0; i < directory->token_count; i++) {
        struct token_row *token = &directory->tokens[i];
        if (token->used_ms - directory->written_ms[i] >= MINUTE_MS) {
            if (store_token_used(directory->store, token->token_id, token->used_ms, err) < 0) {
                return -1;
            }
            directory->written_ms[i] = token->used_ms;
        }
    }
    return 0;
}
