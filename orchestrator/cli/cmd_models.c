/* SPDX-License-Identifier: Apache-2.0
 * models, experiments, artifacts: what runs have left behind.
 */
#include "base/parse.h"
#include "cli/commands.h"
#include "cli/family.h"
#include "cli/look.h"
#include "cli/names.h"
#include "cli/session.h"
#include "cli/table.h"
#include "store/experiments.h"
#include "store/metrics.h"
#include "store/models.h"
#include "store/pipeline_runs.h"
#include "store/registry.h"
#include "store/runs.h"
#include "store/steps.h"

#include <stdio.h>

/* ---- models -------------------------------------------------------------------------------------------------- */

/* "challenger, champion": the aliases that point to a version; all of the model with version 0, as "champion=3". */
static const char *alias_words(const struct cli *cli, const struct json *aliases, int64_t version)
{
    const char *words = "";
    for (size_t i = 0; i < aliases->u.object.count; i++) {
        const struct json_member *alias = &aliases->u.object.members[i];
        if (version != 0 && alias->value.u.integer != version) {
            continue;
        }
        const char *comma = *words == '\0' ? "" : ", ";
        words = version != 0 ? arena_printf(cli->arena, "%s%s%.*s", words, comma, STR_ARG(alias->key))
                             : arena_printf(cli->arena, "%s%s%.*s=%lld", words, comma, STR_ARG(alias->key),
                                            (long long)alias->value.u.integer);
    }
    return words;
}

/* The same as a list, for programs. */
static struct json alias_list(const struct cli *cli, const struct json *aliases, int64_t version)
{
    struct json list = json_array();
    for (size_t i = 0; i < aliases->u.object.count; i++) {
        if (aliases->u.object.members[i].value.u.integer == version) {
            json_push(cli->arena, &list, json_string(cli->arena, aliases->u.object.members[i].key));
        }
    }
    return list;
}

static int list_registered(struct cli *cli, struct home *home, struct err *err)
{
    static const char *const headings[] = {"model", "latest_version", "aliases", "updated_at", NULL};
    struct registered_model *models = NULL;
    size_t count = 0;
    struct table table;
    table_init(&table, cli, headings);
    if (store_registry_list(home->store, cli->arena, &models, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct json aliases = json_object();
        if (store_alias_list(home->store, models[i].name, cli->arena, &aliases, err) < 0) {
            return -1;
        }
        struct json cells[] = {
            table_text(cli, models[i].name),
            json_int(models[i].latest_version),
            cli->json ? aliases : table_text(cli, alias_words(cli, &aliases, 0)),
            table_moment(cli, models[i].updated_ms),
        };
        table_row(&table, cells);
    }
    table_print(&table, "no registered models: a step that uses 'register' makes one");
    return EXIT_OK;
}

/* What steps have made, registered or not. */
static int list_logged(struct cli *cli, struct home *home, struct err *err)
{
    static const char *const headings[] = {"model_id", "name", "status", "size_bytes", "created_at",
                                           "run_id", "status_message", NULL};
    const char *limit = option_value(cli, "limit");
    int64_t most = 20;
    struct logged_model *models = NULL;
    size_t count = 0;
    if (limit != NULL && parse_int(str_from(limit), 1, 100000, &most, err) < 0) {
        return err_add(err, "--limit");
    }
    if (store_model_list(home->store, -1, (size_t)most, cli->arena, &models, &count, err) < 0) {
        return -1;
    }
    struct table table;
    table_init(&table, cli, headings);
    for (size_t i = 0; i < count; i++) {
        struct json cells[] = {
            table_text(cli, models[i].model_id),
            table_text(cli, models[i].name),
            table_text(cli, model_status_name(models[i].status)),
            table_size(cli, models[i].size_bytes),
            table_moment(cli, models[i].created_ms),
            table_text(cli, models[i].source_run_id),
            table_text(cli, models[i].status_message),
        };
        table_row(&table, cells);
    }
    table_print(&table, "no logged models: a step with 'model' makes one");
    return EXIT_OK;
}

static int list_models(struct cli *cli, struct home *home, struct err *err)
{
    bool logged = option_given(cli, "logged");
    if (!logged && option_given(cli, "limit")) {
        return err_set(err, ERR_INPUT, "--limit is for --logged: registered models are all listed");
    }
    return logged ? list_logged(cli, home, err) : list_registered(cli, home, err);
}

static int run_models(struct cli *cli)
{
    return look(cli, list_models);
}

static const struct option_row models_options[] = {
    {"logged", 0, NULL, false, "the logged models (m-...) instead, newest first: PENDING, READY or UPLOAD_FAILED"},
    {"limit", 0, "N", false, "with --logged: at most N (default: 20)"},
    {0},
};

const struct command command_models = {
    .name = "models",
    .group = "Look",
    .summary = "the registered models, their versions and aliases; or the logged models",
    .examples = "sluice models\nsluice models show wine\nsluice models --logged",
    .options = models_options,
    .run = run_models,
};

/* ---- models show ------------------------------------------------------------------------------------------------ */

/* 0 when there is such a model. */
static int find_registered(struct cli *cli, struct home *home, const char *name, struct err *err)
{
    struct registered_model *models = NULL;
    size_t count = 0;
    if (store_registry_list(home->store, cli->arena, &models, &count, err) < 0) {
        return -1;
    }
    struct str *names = arena_array(cli->arena, count + 1, sizeof *names);
    for (size_t i = 0; i < count; i++) {
        names[i] = str_from(models[i].name);
        if (strcmp(models[i].name, name) == 0) {
            return 0;
        }
    }
    const char *hint = diag_hint_near(cli->arena, str_from(name), names, count);
    return err_set(err, ERR_NOT_FOUND, "there is no registered model '%s': %s", name,
                   hint != NULL ? hint : "'sluice models' lists them");
}

static int show_versions(struct cli *cli, struct home *home, struct err *err)
{
    static const char *const headings[] = {"version", "aliases", "model_id",    "run_id",
                                           "created_at", "by",      "description", NULL};
    const char *name = cli->arguments[0];
    struct model_version *versions = NULL;
    size_t count = 0;
    struct json aliases = json_object();
    struct table table;
    table_init(&table, cli, headings);
    if (find_registered(cli, home, name, err) < 0 ||
        store_version_list(home->store, name, cli->arena, &versions, &count, err) < 0 ||
        store_alias_list(home->store, name, cli->arena, &aliases, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct json cells[] = {
            json_int(versions[i].version),
            cli->json ? alias_list(cli, &aliases, versions[i].version)
                      : table_text(cli, alias_words(cli, &aliases, versions[i].version)),
            table_text(cli, versions[i].model_id),
            table_text(cli, versions[i].run_id),
            table_moment(cli, versions[i].created_ms),
            table_text(cli, versions[i].user),
            table_text(cli, versions[i].description),
        };
        table_row(&table, cells);
    }
    table_print(&table, "it has no versions");
    return EXIT_OK;
}

static const char *dataset_words(const struct cli *cli, const struct metric_latest *metric)
{
    if (metric->dataset_digest == NULL) {
        return metric->dataset_name;
    }
    return arena_printf(cli->arena, "%s (%.8s)", metric->dataset_name == NULL ? "" : metric->dataset_name,
                        metric->dataset_digest);
}

static int show_logged(struct cli *cli, struct home *home, struct err *err)
{
    static const char *const headings[] = {"metric", "value", "dataset", "measured_at", NULL};
    struct logged_model model;
    struct json params;
    struct json tags;
    struct metric_latest *metrics = NULL;
    size_t count = 0;
    const char *id = cli->arguments[0];
    if (store_model_get(home->store, id, cli->arena, &model, err) < 0 ||
        store_model_params(home->store, id, cli->arena, &params, err) < 0 ||
        store_model_tags(home->store, id, cli->arena, &tags, err) < 0 ||
        store_metrics_of_model(home->store, id, NULL, cli->arena, &metrics, &count, err) < 0) {
        return -1;
    }
    const char *status = model_status_name(model.status);
    struct table table;
    table_init(&table, cli, headings);
    for (size_t i = 0; i < count; i++) {
        struct json cells[] = {table_text(cli, metrics[i].key), json_number(metrics[i].value),
                               table_text(cli, dataset_words(cli, &metrics[i])), table_moment(cli, metrics[i].time_ms)};
        table_row(&table, cells);
    }
    if (!cli->json) {
        char size[32];
        format_size(size, sizeof size, model.size_bytes);
        const char *why = model.status_message;
        printf("%s  %s  %s%s%s\n  files   %s (%s)\n  sha256  %s\n  run     %s\n  params  %s\n  tags    %s\n\n", id,
               model.name, status, *why == '\0' ? "" : ": ", why, model.artifact_uri, size, model.sha256,
               model.source_run_id == NULL ? "-" : model.source_run_id, json_text(cli->arena, &params).p,
               json_text(cli->arena, &tags).p);
        table_print(&table, "no metrics were measured on it");
        return EXIT_OK;
    }
    struct json object = json_object();
    json_set(cli->arena, &object, "model_id", json_cstring(cli->arena, id));
    json_set(cli->arena, &object, "name", json_cstring(cli->arena, model.name));
    json_set(cli->arena, &object, "status", json_cstring(cli->arena, status));
    json_set(cli->arena, &object, "status_message", json_cstring(cli->arena, model.status_message));
    json_set(cli->arena, &object, "artifact_uri", json_cstring(cli->arena, model.artifact_uri));
    json_set(cli->arena, &object, "sha256", json_cstring(cli->arena, model.sha256));
    json_set(cli->arena, &object, "size_bytes", json_int(model.size_bytes));
    json_set(cli->arena, &object, "source_run_id", table_text(cli, model.source_run_id));
    json_set(cli->arena, &object, "params", params);
    json_set(cli->arena, &object, "tags", tags);
    struct json list = json_array();
    for (size_t i = 0; i < count; i++) {
        struct json metric = json_object();
        json_set(cli->arena, &metric, "key", json_cstring(cli->arena, metrics[i].key));
        json_set(cli->arena, &metric, "value", json_number(metrics[i].value));
        json_set(cli->arena, &metric, "dataset_name", table_text(cli, metrics[i].dataset_name));
        json_set(cli->arena, &metric, "dataset_digest", table_text(cli, metrics[i].dataset_digest));
        json_push(cli->arena, &list, metric);
    }
    json_set(cli->arena, &object, "metrics", list);
    printf("%s\n", json_text(cli->arena, &object).p);
    return EXIT_OK;
}

static int show_model(struct cli *cli, struct home *home, struct err *err)
{
    bool logged = strncmp(cli->arguments[0], "m-", 2) == 0;
    return logged ? show_logged(cli, home, err) : show_versions(cli, home, err);
}

static int run_models_show(struct cli *cli)
{
    return look(cli, show_model);
}

const struct command command_models_show = {
    .name = "models show",
    .group = "Look",
    .summary = "the versions of a registered model, or one logged model (m-...)",
    .arguments = "NAME|m-ID",
    .examples = "sluice models show wine\nsluice models show m-1f0c2d --json",
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_models_show,
};

/* ---- experiments ------------------------------------------------------------------------------------------------- */

static int list_experiments(struct cli *cli, struct home *home, struct err *err)
{
    static const char *const headings[] = {"id", "experiment", "runs", "updated_at", NULL};
    struct experiment *experiments = NULL;
    size_t count = 0;
    struct table table;
    table_init(&table, cli, headings);
    if (store_experiment_list(home->store, cli->arena, &experiments, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct json cells[] = {json_int(experiments[i].id), table_text(cli, experiments[i].name),
                               json_int(experiments[i].run_count), table_moment(cli, experiments[i].updated_ms)};
        table_row(&table, cells);
    }
    table_print(&table, "no experiments yet");
    return EXIT_OK;
}

static int run_experiments(struct cli *cli)
{
    return look(cli, list_experiments);
}

const struct command command_experiments = {
    .name = "experiments",
    .group = "Look",
    .summary = "the MLflow experiments of the home",
    .examples = "sluice experiments",
    .run = run_experiments,
};

/* ---- artifacts ----------------------------------------------------------------------------------------------------
 */

static int add_artifacts(struct cli *cli, struct home *home, const char *owner, const char *words, struct table *table,
                         struct err *err)
{
    struct artifact *artifacts = NULL;
    size_t count = 0;
    if (store_artifact_list(home->store, owner, cli->arena, &artifacts, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct json cells[] = {table_text(cli, words), table_text(cli, artifacts[i].path),
                               table_size(cli, artifacts[i].size_bytes),
                               table_text(cli, artifacts[i].sha256)};
        table_row(table, cells);
    }
    return 0;
}

/* Of each attempt of a run; those of a sub-pipeline as "prepare/load". */
static int add_artifacts_of(struct cli *cli, struct home *home, const struct family_member *member,
                            struct table *table, struct err *err)
{
    for (size_t i = 0; i < member->view.attempt_count; i++) {
        const char *run_id = member->view.attempts[i].step_run_id;
        struct run_info info;
        if (store_run_get(home->store, run_id, cli->arena, &info, err) < 0 ||
            add_artifacts(cli, home, run_id, arena_printf(cli->arena, "%s%s", member->prefix, info.name), table, err) <
                0) {
            return -1;
        }
    }
    return 0;
}

static int list_artifacts(struct cli *cli, struct home *home, struct err *err)
{
    static const char *const headings[] = {"of", "path", "size_bytes", "sha256", NULL};
    const char *words = cli->argument_count > 0 ? cli->arguments[0] : "latest";
    struct table table;
    table_init(&table, cli, headings);
    if (strncmp(words, "m-", 2) == 0) {
        struct logged_model model;
        if (store_model_get(home->store, words, cli->arena, &model, err) < 0 ||
            add_artifacts(cli, home, words, words, &table, err) < 0) {
            return -1;
        }
    } else {
        struct pipeline_run row;
        struct family family;
        struct catalogue catalogue;
        session_catalogue(cli, &catalogue);
        if (names_run(home->store, words, cli->arena, &row, err) < 0 ||
            family_open(&family, home->store, &catalogue, row.run_id, cli->arena, err) < 0) {
            return -1;
        }
        int result = 0;
        for (size_t i = 0; result == 0 && i < family.count; i++) {
            result = add_artifacts_of(cli, home, family.items[i], &table, err);
        }
        family_close(&family);
        if (result < 0) {
            return -1;
        }
    }
    table_print(&table, "no artifacts");
    return EXIT_OK;
}

static int run_artifacts(struct cli *cli)
{
    return look(cli, list_artifacts);
}

const struct command command_artifacts = {
    .name = "artifacts",
    .group = "Look",
    .summary = "the files that a run, or a logged model, has left, with their digests",
    .arguments = "[RUN|m-ID]",
    .details = "Those of a sub-pipeline's steps stand below the step that runs it: 'prepare/load'.",
    .examples = "sluice artifacts\nsluice artifacts wine/12 --json",
    .max_arguments = 1,
    .run = run_artifacts,
};
