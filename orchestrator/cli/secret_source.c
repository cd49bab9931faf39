/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/secret_source.h"

#include "base/json.h"
#include "cli/home.h"
#include "config/secret_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

static const char key_variable[] = "SLUICE_KEY";

/* ---- the key ----------------------------------------------------------------------------------------------------- */

static void derive(unsigned char master[SEAL_MASTER_BYTES], struct seal_key *ret_key)
{
    seal_key_derive(master, "secrets_", ret_key);
    explicit_bzero(master, SEAL_MASTER_BYTES);
}

/* Overwritten where it stands: that is what /proc/PID/environ shows. */
static int take_given_key(struct cli *cli, struct err *err)
{
    unsigned char master[SEAL_MASTER_BYTES];
    char *text = getenv(key_variable);
    if (text == NULL || *text == '\0') {
        return 0;
    }
    int result = seal_master_parse(str_from(text), master, err);
    explicit_bzero(text, strlen(text));
    (void)unsetenv(key_variable);
    if (result < 0) {
        return err_add(err, "%s", key_variable);
    }
    cli->given_key = arena_one(cli->arena, struct seal_key);
    derive(master, cli->given_key);
    return 0;
}

static int need_key(struct secret_source *source, struct err *err)
{
    unsigned char master[SEAL_MASTER_BYTES];
    if (source->has_key) {
        return 0;
    }
    if (home_read_key(source->home, true, master, err) < 0) {
        return -1;
    }
    derive(master, &source->key);
    source->has_key = true;
    return 0;
}

int secret_source_open(struct secret_source *source, struct cli *cli, const char *home, struct store *store,
                       const struct config *config, struct err *err)
{
    *source = (struct secret_source){.config = config, .store = store, .home = home};
    source->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (source->epoll_fd < 0) {
        return err_errno(err, "creating an event loop for secrets");
    }
    if (take_given_key(cli, err) < 0) {
        return -1;
    }
    if (cli->given_key != NULL) {
        source->key = *cli->given_key;
        source->has_key = source->key_is_given = true;
    }
    return 0;
}

static void drop_question(struct secret_source *source, size_t i)
{
    struct secret_question *question = &source->questions.items[i];
    secret_command_end(question->command);
    vec_clear(&question->attempts);
    *question = source->questions.items[--source->questions.count];
}

void secret_source_close(struct secret_source *source)
{
    if (source->hidden) {
        (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    }
    while (source->questions.count > 0) {
        drop_question(source, source->questions.count - 1);
    }
    vec_clear(&source->questions);
    if (source->epoll_fd > 0) { /* also of a zeroed source */
        (void)close(source->epoll_fd);
        source->epoll_fd = -1;
    }
    seal_key_wipe(&source->key);
    source->has_key = source->hidden = false;
}

static void hide(struct secret_source *source)
{
    if (!source->hidden && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1) {
        source->hidden = prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
    }
}

/* ---- finding ----------------------------------------------------------------------------------------------------- */

static int unknown(const struct secret_source *source, struct str name, struct arena *arena, struct err *err)
{
    struct secret_row *rows = NULL;
    size_t sealed = 0;
    size_t count = source->config->secret_count;
    if (source->store != NULL && store_secret_list(source->store, arena, &rows, &sealed, err) < 0) {
        return -1;
    }
    struct str *names = arena_array(arena, count + sealed, sizeof *names);
    for (size_t i = 0; i < count; i++) {
        names[i] = source->config->secrets[i].name;
    }
    for (size_t i = 0; i < sealed; i++) {
        names[count++] = str_from(rows[i].name);
    }
    ptrdiff_t near = str_nearest(name, names, count);
    const char *hint = near < 0 ? "" : arena_printf(arena, "did you mean '%.*s'? ", STR_ARG(names[near]));
    return err_set(err, ERR_INPUT, "there is no secret '%.*s': %s'sluice secrets set %.*s -' sets it", STR_ARG(name),
                   hint, STR_ARG(name));
}

/* The pipelines of a row as config.yaml has them, for the one rule of who may read. */
static int allow(const struct secret_row *row, const char *pipeline, struct arena *arena, struct err *err)
{
    struct json list;
    struct config_secret secret = {.name = str_from(row->name)};
    if (json_read(str_from(row->pipelines), (struct json_limits){0}, arena, &list, err) < 0) {
        return err_add(err, "secret '%s': its pipelines", row->name);
    }
    if (list.type != JSON_ARRAY) {
        return 0;
    }
    struct str *names = arena_array(arena, list.u.array.count + 1, sizeof *names);
    for (size_t i = 0; i < list.u.array.count; i++) {
        names[i] = list.u.array.items[i].type == JSON_STRING ? list.u.array.items[i].u.string : STR("");
    }
    secret.pipelines = names;
    secret.pipeline_count = list.u.array.count;
    if (config_secret_is_for(&secret, pipeline)) {
        return 0;
    }
    return err_set(err, ERR_DENIED,
                   "secret '%s' is not for pipeline '%s': it was set for others ('sluice secrets list' names them)",
                   row->name, pipeline == NULL ? "" : pipeline);
}

static int find_sealed(const struct secret_source *source, struct str name, const char *pipeline, struct arena *arena,
                       struct secret_row *ret_row, struct err *err)
{
    struct err none = {0};
    if (source->store == NULL) {
        return unknown(source, name, arena, err);
    }
    if (store_secret_get(source->store, arena_str(arena, name).p, arena, ret_row, &none) < 0) {
        if (none.code == ERR_NOT_FOUND) {
            return unknown(source, name, arena, err);
        }
        *err = none;
        return -1;
    }
    return allow(ret_row, pipeline, arena, err);
}

/* ---- sealing and opening ----------------------------------------------------------------------------------------- */

static int context_of(const struct secret_source *source, const char *name, const char *pipelines,
                      struct arena *arena, struct str *ret, struct err *err)
{
    const char *home = NULL;
    if (store_home_id(source->store, arena, &home, err) < 0) {
        return -1;
    }
    const struct str parts[] = {STR("sluice secret 1"), str_from(home), str_from(name), str_from(pipelines)};
    *ret = seal_context(arena, parts, sizeof parts / sizeof parts[0]);
    return 0;
}

int secret_source_seal(struct secret_source *source, const char *name, const struct json *pipelines, struct str value,
                       struct arena *arena, struct secret_row *ret_row, struct err *err)
{
    struct str context = {0};
    const char *list = json_text(arena, pipelines).p;
    hide(source);
    if (need_key(source, err) < 0 || context_of(source, name, list, arena, &context, err) < 0) {
        return err_add(err, "secret '%s'", name);
    }
    *ret_row = (struct secret_row){
        .name = name,
        .sealed = seal(&source->key, context, value, arena),
        .key_id = arena_strdup(arena, source->key.id),
        .pipelines = list,
    };
    return 0;
}

static int another_key(const struct secret_source *source, const char *name, struct err *err)
{
    const char *cure = source->key_is_given
                           ? "give SLUICE_KEY as it was then"
                           : "put the home's file 'key' back, give SLUICE_KEY if it was sealed by that";
    return err_set(err, ERR_STATE,
                   "secret '%s' was sealed under another key than %s: %s, or set it again with 'sluice secrets set %s "
                   "-'",
                   name, source->key_is_given ? "that of SLUICE_KEY" : "this home's", cure, name);
}

static int open_row(struct secret_source *source, const struct secret_row *row, struct arena *arena, struct str *ret,
                    struct err *err)
{
    struct str context = {0};
    if (need_key(source, err) < 0 || context_of(source, row->name, row->pipelines, arena, &context, err) < 0) {
        return err_add(err, "secret '%s'", row->name);
    }
    if (strcmp(source->key.id, row->key_id) != 0) {
        return another_key(source, row->name, err);
    }
    if (seal_open(&source->key, context, row->sealed, arena, ret, err) < 0) {
        return err_add(err, "secret '%s', which 'sluice secrets set %s -' sets again", row->name, row->name);
    }
    return 0;
}

int secret_source_check(struct secret_source *source, const struct secret_row *row, struct err *err)
{
    struct arena *scratch = arena_new();
    struct str value = {0};
    hide(source);
    int result = open_row(source, row, scratch, &value, err);
    if (result == 0) {
        explicit_bzero((char *)(uintptr_t)value.p, value.n);
    }
    arena_free(scratch);
    return result;
}

int secret_source_look(struct secret_source *source, struct str name, const char *pipeline, struct arena *arena,
                       struct err *err)
{
    struct secret_row row;
    const struct config_secret *configured = config_secret_find(source->config, name);
    if (configured != NULL) {
        return config_secret_allow(configured, pipeline, err) < 0   ? -1
               : config_secret_look(configured, err) < 0 ? err_add(err, "secret '%.*s'", STR_ARG(name))
                                                         : 0;
    }
    return find_sealed(source, name, pipeline, arena, &row, err) < 0 ? -1 : secret_source_check(source, &row, err);
}

/* ---- of webhooks, and of what they bring ------------------------------------------------------------------------- */

static const char webhook_kind[] = "sluice webhook 1", delivery_kind[] = "sluice delivery 1";

static int bound_context(const struct secret_source *source, const char *kind, const char *id, struct arena *arena,
                         struct str *ret, struct err *err)
{
    const char *home = NULL;
    if (store_home_id(source->store, arena, &home, err) < 0) {
        return -1;
    }
    const struct str parts[] = {str_from(kind), str_from(home), str_from(id)};
    *ret = seal_context(arena, parts, sizeof parts / sizeof parts[0]);
    return 0;
}

int secret_source_seal_webhook(void *ctx, const char *webhook_id, struct str secret, struct arena *arena,
                               struct str *ret_sealed, const char **ret_key_id, struct err *err)
{
    struct secret_source *source = ctx;
    struct str context = {0};
    hide(source);
    if (need_key(source, err) < 0 || bound_context(source, webhook_kind, webhook_id, arena, &context, err) < 0) {
        return err_add(err, "the secret of a webhook");
    }
    *ret_sealed = seal(&source->key, context, secret, arena);
    *ret_key_id = arena_strdup(arena, source->key.id);
    return 0;
}

int secret_source_open_webhook(void *ctx, const struct webhook *webhook, struct arena *arena, struct str *ret,
                               struct err *err)
{
    struct secret_source *source = ctx;
    struct str context = {0};
    hide(source);
    if (need_key(source, err) < 0 ||
        bound_context(source, webhook_kind, webhook->webhook_id, arena, &context, err) < 0) {
        return err_add(err, "the secret of webhook '%s'", webhook->name);
    }
    if (strcmp(source->key.id, webhook->key_id) != 0) {
        return err_set(err, ERR_STATE, "the secret of webhook '%s' was sealed under another key: give it again",
                       webhook->name);
    }
    return seal_open(&source->key, context, webhook->sealed, arena, ret, err) < 0
               ? err_add(err, "the secret of webhook '%s'", webhook->name)
               : 0;
}

static const char *delivery_words(const struct hook_delivery *delivery, struct arena *arena)
{
    return arena_printf(arena, "%s %lld %s", delivery->pipeline, (long long)delivery->received_ms,
                        delivery->body_sha256);
}

int secret_source_seal_delivery(void *ctx, const struct hook_delivery *delivery, struct str body, struct arena *arena,
                                struct str *ret_sealed, const char **ret_key_id, struct err *err)
{
    struct secret_source *source = ctx;
    struct str context = {0};
    hide(source);
    if (need_key(source, err) < 0 ||
        bound_context(source, delivery_kind, delivery_words(delivery, arena), arena, &context, err) < 0) {
        return -1;
    }
    *ret_sealed = seal(&source->key, context, body, arena);
    *ret_key_id = arena_strdup(arena, source->key.id);
    return 0;
}

int secret_source_open_delivery(void *ctx, const struct hook_delivery *delivery, struct arena *arena,
                                struct str *ret_body, struct err *err)
{
    struct secret_source *source = ctx;
    struct str context = {0};
    hide(source);
    if (need_key(source, err) < 0 ||
        bound_context(source, delivery_kind, delivery_words(delivery, arena), arena, &context, err) < 0) {
        return -1;
    }
    return strcmp(source->key.id, delivery->key_id) != 0
               ? err_set(err, ERR_STATE, "it was sealed under another key than today's")
               : seal_open(&source->key, context, delivery->sealed, arena, ret_body, err);
}

/* ---- asking commands --------------------------------------------------------------------------------------------- */

/* Where the attempt stands among those who asked; their count if it does not. */
static size_t place_of(const struct secret_question *question, int64_t attempt)
{
    size_t i = 0;
    while (i < question->attempts.count && question->attempts.items[i] != attempt) {
        i++;
    }
    return i;
}

/* The question that the attempt has asked; or that of others, if it may have their answer. */
static struct secret_question *find_question(struct secret_source *source, const struct config_secret *secret,
                                             int64_t attempt)
{
    for (size_t i = 0; i < source->questions.count; i++) {
        struct secret_question *question = &source->questions.items[i];
        bool own = place_of(question, attempt) < question->attempts.count;
        if (question->secret == secret && (own || secret->ttl_ms > 0)) {
            if (!own) {
                vec_push(&question->attempts, attempt);
            }
            return question;
        }
    }
    return NULL;
}

static int ask(struct secret_source *source, const struct config_secret *secret, int64_t attempt, const char *pipeline,
               struct arena *arena, struct str *ret, struct err *err)
{
    struct secret_question *known = find_question(source, secret, attempt);
    struct secret_command *command = known == NULL ? NULL : known->command;
    int result = config_secret_read(source->config, secret, pipeline, &command, source->epoll_fd, arena, ret, err);
    if (known == NULL && command != NULL) {
        struct secret_question question = {.secret = secret, .command = command};
        vec_push(&question.attempts, attempt);
        vec_push(&source->questions, question);
    }
    return result;
}

void secret_source_forget(void *ctx, int64_t attempt)
{
    struct secret_source *source = ctx;
    for (size_t i = source->questions.count; i > 0; i--) {
        struct secret_question *question = &source->questions.items[i - 1];
        size_t place = place_of(question, attempt);
        if (place < question->attempts.count) {
            question->attempts.items[place] = question->attempts.items[--question->attempts.count];
        }
        if (question->attempts.count == 0) {
            drop_question(source, i - 1);
        }
    }
}

int secret_source_read(void *ctx, int64_t attempt, struct str name, const char *pipeline, struct arena *arena,
                       struct str *ret, struct err *err)
{
    struct secret_source *source = ctx;
    struct secret_row row;
    const struct config_secret *configured = config_secret_find(source->config, name);
    hide(source);
    if (configured != NULL) {
        return ask(source, configured, attempt, pipeline, arena, ret, err);
    }
    return find_sealed(source, name, pipeline, arena, &row, err) < 0 ? -1 : open_row(source, &row, arena, ret, err);
}
