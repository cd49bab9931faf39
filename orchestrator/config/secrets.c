/* SPDX-License-Identifier: Apache-2.0 */
#include "config/secrets.h"

#include "base/path.h"
#include "config/config.h"
#include "config/texts.h"
#include "pipeline/load.h"

#include <string.h>

static const int64_t ttl_max_ms = (int64_t)7 * 24 * 3600 * 1000;

/* One secret, while it is read. */
struct reading {
    const char *folder; /* of config.yaml: relative paths start here */
    struct config_secret *secret;
};

static void secret_env(struct loader *loader, const struct yaml_node *node, void *target)
{
    if (!name_is_identifier(node->text)) {
        load_error(loader, node, DIAG_VALUE, NULL, "'%.*s' is no name of an environment variable", STR_ARG(node->text));
        return;
    }
    ((struct reading *)target)->secret->env = arena_str(loader->arena, node->text);
}

static void secret_file(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct reading *reading = target;
    if (node->text.n == 0 || str_find_byte(node->text, '\0', 0) >= 0 || node->text.p[0] == '~') {
        load_error(loader, node, DIAG_VALUE, NULL,
                   "expected a path, absolute or from the folder of config.yaml, found '%.*s'", STR_ARG(node->text));
        return;
    }
    reading->secret->file = str_from(path_join(loader->arena, reading->folder, arena_str(loader->arena, node->text).p));
}

static void secret_exec(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct reading *reading = target;
    const struct str *words = NULL;
    size_t count = 0;
    if (!config_texts_read(loader, node, "'exec'", &words, &count)) {
        return;
    }
    struct str *argv = arena_array(loader->arena, count, sizeof *argv);
    memcpy(argv, words, count * sizeof *argv);
    if (str_find_byte(argv[0], '/', 0) >= 0) {
        argv[0] = str_from(path_join(loader->arena, reading->folder, argv[0].p));
    }
    reading->secret->exec = argv;
    reading->secret->exec_count = count;
}

static void secret_ttl(struct loader *loader, const struct yaml_node *node, void *target)
{
    int64_t ms = 0;
    if (!load_duration(loader, node, &ms)) {
        return;
    }
    if (ms > ttl_max_ms) {
        load_error(loader, node, DIAG_VALUE, NULL, "'%.*s' is too long: expected at most 7d", STR_ARG(node->text));
        return;
    }
    ((struct reading *)target)->secret->ttl_ms = ms;
}

static void secret_for(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct config_secret *secret = ((struct reading *)target)->secret;
    (void)config_texts_read(loader, node, "'for'", &secret->pipelines, &secret->pipeline_count);
}

static const struct key secret_keys[] = {
    {.name = "env", .takes = TAKES_TEXT, .load = secret_env},
    {.name = "file", .takes = TAKES_TEXT, .load = secret_file},
    {.name = "exec", .takes = TAKES_LIST, .load = secret_exec},
    {.name = "ttl", .takes = TAKES_TEXT | TAKES_NUMBER, .load = secret_ttl},
    {.name = "for", .takes = TAKES_LIST, .load = secret_for},
    {0},
};

static void check_source(struct loader *loader, const struct yaml_pair *pair, const struct config_secret *secret)
{
    int given = (yaml_get(&pair->value, "env") != NULL) + (yaml_get(&pair->value, "file") != NULL) +
                (yaml_get(&pair->value, "exec") != NULL);
    const struct yaml_node *ttl = yaml_get(&pair->value, "ttl");
    if (given != 1) {
        load_error(loader, &pair->key, DIAG_MISSING, NULL,
                   "secret '%.*s': expected exactly one of 'env', 'file' and 'exec'", STR_ARG(secret->name));
    } else if (ttl != NULL && yaml_get(&pair->value, "exec") == NULL) {
        load_error(loader, ttl, DIAG_VALUE, NULL, "secret '%.*s': 'ttl' belongs to 'exec'", STR_ARG(secret->name));
    }
}

void config_secrets_load(struct loader *loader, const struct yaml_node *node, const char *folder,
                         struct config *config)
{
    struct config_secret *secrets = arena_array(loader->arena, node->count, sizeof *secrets);
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_pair *pair = &node->pairs[i];
        secrets[i].name = arena_str(loader->arena, pair->key.text);
        struct err wrong = {0};
        if (config_secret_check_name(pair->key.text, &wrong) < 0) {
            load_error(loader, &pair->key, DIAG_VALUE, NULL, "%s", wrong.message);
            continue;
        }
        struct reading reading = {.folder = folder, .secret = &secrets[i]};
        const char *what = arena_printf(loader->arena, "secret '%.*s'", STR_ARG(pair->key.text));
        if (pair->value.type == JSON_STRING) {
            load_error(loader, &pair->value, DIAG_SECRET, "write {env: NAME}, {file: PATH} or {exec: [COMMAND]}",
                       "%s: a value stands in the file", what);
        } else if (load_map(loader, &pair->value, secret_keys, &reading, what)) {
            check_source(loader, pair, &secrets[i]);
        }
    }
    config->secrets = secrets;
    config->secret_count = node->count;
    config->answers = arena_array(loader->arena, node->count, sizeof *config->answers);
}
