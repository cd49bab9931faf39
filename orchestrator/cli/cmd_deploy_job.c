/* SPDX-License-Identifier: Apache-2.0
 * deploy-job start, list, status, connect, disconnect: the pipelines that new versions of registered models start.
 */
#include "base/parse.h"
#include "cli/commands.h"
#include "cli/look.h"
#include "cli/table.h"
#include "cli/trigger_change.h"
#include "store/deployment_jobs.h"
#include "store/in_force.h"
#include "store/model_events.h"
#include "store/registry.h"

#include <stdio.h>
#include <string.h>

static int version_argument(struct cli *cli, int64_t *ret, struct err *err)
{
    return parse_int(str_from(cli->arguments[1]), 1, INT64_MAX, ret, err) < 0 ? err_add(err, "VERSION") : 0;
}

/* ---- start ------------------------------------------------------------------------------------------------------ */

/* Values are JSON where they can be read as that, else text. */
static int params_given(struct cli *cli, struct json *ret, struct err *err)
{
    struct json params = json_object();
    const char *given = NULL;
    for (int i = 0; (given = option_nth(cli, "param", i)) != NULL; i++) {
        struct str rest = str_from(given);
        struct str name = {0};
        struct json value;
        if (!str_cut(&rest, '=', &name) || rest.p == NULL) {
            return err_set(err, ERR_INPUT, "-p %s: expected NAME=VALUE", given);
        }
        if (json_read(rest, (struct json_limits){0}, cli->arena, &value, NULL) < 0) {
            value = json_string(cli->arena, rest);
        }
        json_set(cli->arena, &params, arena_str(cli->arena, name).p, value);
    }
    *ret = params;
    return 0;
}

static int run_start(struct cli *cli)
{
    struct err err = {0};
    struct json document = json_object();
    struct json outcome, params;
    const char *pipeline = option_value(cli, "pipeline");
    int64_t version = 0;
    if (version_argument(cli, &version, &err) < 0 || params_given(cli, &params, &err) < 0) {
        return cli_fail(cli, EXIT_USAGE, &err);
    }
    json_set(cli->arena, &document, "what", json_cstring(cli->arena, "deploy"));
    json_set(cli->arena, &document, "model", json_cstring(cli->arena, cli->arguments[0]));
    json_set(cli->arena, &document, "version", json_int(version));
    json_set(cli->arena, &document, "params", params);
    if (pipeline != NULL) {
        json_set(cli->arena, &document, "pipeline", json_cstring(cli->arena, pipeline));
    }
    int code = trigger_change_ask(cli, "deploy-job start", &document, &outcome);
    if (code == EXIT_OK && cli->json) {
        printf("%s\n", json_text(cli->arena, &outcome).p);
    } else if (code == EXIT_OK && !cli->quiet) {
        printf("%s is started for version %lld of %s: 'sluice deploy-job status %s %lld' shows how far it is\n",
               json_get_text(&outcome, "run", ""), (long long)version, cli->arguments[0], cli->arguments[0],
               (long long)version);
    }
    return code;
}

static const struct option_row start_options[] = {
    {"pipeline", 0, "NAME", false, "this one of the model's deployment jobs; needed where it has several"},
    {"param", 'p', "NAME=VALUE", true, "a param beside model_name and model_version"},
    {0},
};

const struct command command_deploy_job_start = {
    .name = "deploy-job start",
    .group = "By itself",
    .summary = "start the deployment job of a version by hand",
    .arguments = "MODEL VERSION",
    .details = "As a new version starts it: with the definition in force, and the params model_name and\n"
               "model_version. The run is recorded; 'sluice serve', or 'sluice resume', does it.",
    .examples = "sluice deploy-job start wine 3\nsluice deploy-job start wine 3 --pipeline wine-deploy -p dry=true",
    .options = start_options,
    .min_arguments = 2,
    .max_arguments = 2,
    .run = run_start,
};

/* ---- list ------------------------------------------------------------------------------------------------------- */

static int list_of_model(struct cli *cli, struct home *home, struct table *table, struct err *err)
{
    struct deployment_job job;
    struct registered_model model;
    if (store_registry_get(home->store, cli->arguments[0], cli->arena, &model, err) < 0 ||
        store_deployment_job(home->store, cli->arguments[0], cli->arena, &job, err) < 0) {
        return -1;
    }
    const char **names = NULL;
    size_t count = 0;
    if (store_deployment_jobs_of(home->store, cli->arguments[0], cli->arena, &names, &count, err) < 0) {
        return -1;
    }
    bool chosen = job.state != NULL && (strcmp(job.state, "CONNECTED") != 0 || job.others + 1 < count);
    for (size_t i = 0; i < count; i++) {
        bool starts = job.pipeline == NULL ? job.state == NULL : !chosen || strcmp(names[i], job.pipeline) == 0;
        struct json cells[] = {table_text(cli, names[i]), table_text(cli, cli->arguments[0]),
                               table_text(cli, starts ? "CONNECTED" : "NOT_SET_UP")};
        table_row(table, cells);
    }
    if (job.pipeline != NULL && strcmp(job.state, "CONNECTED") != 0) {
        struct json cells[] = {table_text(cli, job.pipeline), table_text(cli, cli->arguments[0]),
                               table_text(cli, job.state)};
        table_row(table, cells);
    }
    return 0;
}

static int list_all(struct cli *cli, struct home *home, struct table *table, struct err *err)
{
    struct subscription *listeners = NULL;
    size_t count = 0;
    if (store_subscription_list(home->store, "model", NULL, cli->arena, &listeners, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(listeners[i].trigger_id, model_event_keys[MODEL_EVENT_VERSION]) == 0) {
            struct json cells[] = {table_text(cli, listeners[i].pipeline), table_text(cli, listeners[i].about),
                                   table_text(cli, "CONNECTED")};
            table_row(table, cells);
        }
    }
    return 0;
}

static int list_jobs(struct cli *cli, struct home *home, struct err *err)
{
    static const char *const headings[] = {"pipeline", "model", "state", NULL};
    struct table table;
    table_init(&table, cli, headings);
    if ((cli->argument_count > 0 ? list_of_model : list_all)(cli, home, &table, err) < 0) {
        return -1;
    }
    table_print(&table, "no deployment jobs: a pipeline in force with 'on: model_version' is one");
    return EXIT_OK;
}

static int run_list(struct cli *cli)
{
    return look(cli, list_jobs);
}

const struct command command_deploy_job_list = {
    .name = "deploy-job list",
    .group = "By itself",
    .summary = "the pipelines that new versions start, of all models or of one",
    .arguments = "[MODEL]",
    .details = "Of one model each with its state: CONNECTED, NOT_SET_UP (the model has chosen another, or none),\n"
               "or, of the one that it has chosen, NOT_FOUND and REQUIRED_PARAMETERS_CHANGED: its file is gone, or\n"
               "has no 'on: model_version' for the model any more.",
    .examples = "sluice deploy-job list\nsluice deploy-job list wine",
    .max_arguments = 1,
    .run = run_list,
};

/* ---- status ----------------------------------------------------------------------------------------------------- */

static int show_status(struct cli *cli, struct home *home, struct err *err)
{
    static const char *const headings[] = {"model", "version", "state", "run", "step", "reason", "run_id", "pipeline",
                                           NULL};
    int64_t number = 0;
    struct model_version version;
    struct deployment found;
    struct table table;
    if (version_argument(cli, &number, err) < 0 ||
        store_version_get(home->store, cli->arguments[0], number, cli->arena, &version, err) < 0 ||
        store_deployment(home->store, cli->arguments[0], number, option_value(cli, "pipeline"), cli->arena, &found,
                         err) < 0) {
        return -1;
    }
    table_init(&table, cli, headings);
    table.shown = 6;
    if (found.pipeline != NULL) {
        struct json cells[] = {
            table_text(cli, version.name),
            json_int(number),
            table_text(cli, found.run_state == NULL ? "" : found.run_state),
            table_text(cli, found.label == NULL ? "" : found.label),
            table_text(cli, found.task),
            table_text(cli, found.reason),
            found.run_id == NULL ? json_null() : table_text(cli, found.run_id),
            table_text(cli, found.pipeline),
        };
        table_row(&table, cells);
    }
    table_print(&table, "no deployment job was started for this version");
    return EXIT_OK;
}

static int run_status(struct cli *cli)
{
    return look(cli, show_status);
}

static const struct option_row status_options[] = {
    {"pipeline", 0, "NAME", false, "of this one's runs; the newest of all otherwise"},
    {0},
};

const struct command command_deploy_job_status = {
    .name = "deploy-job status",
    .group = "By itself",
    .summary = "how far the deployment job of a version is",
    .arguments = "MODEL VERSION",
    .details = "PENDING: it has not begun; RUNNING; APPROVAL: it waits for people; SUCCEEDED; FAILED: also refused,\n"
               "and cancelled. MLflow's clients see the same in deployment_job_state of the version.",
    .examples = "sluice deploy-job status wine 3",
    .options = status_options,
    .min_arguments = 2,
    .max_arguments = 2,
    .run = run_status,
};

/* ---- connect ---------------------------------------------------------------------------------------------------- */

static int change(struct cli *cli, const char *doing, const char *pipeline, const char *done)
{
    struct json document = json_object();
    struct json outcome;
    json_set(cli->arena, &document, "what", json_cstring(cli->arena, "connect"));
    json_set(cli->arena, &document, "model", json_cstring(cli->arena, cli->arguments[0]));
    if (pipeline != NULL) {
        json_set(cli->arena, &document, "pipeline", json_cstring(cli->arena, pipeline));
    }
    int code = trigger_change_ask(cli, doing, &document, &outcome);
    if (code == EXIT_OK && cli->json) {
        printf("%s\n", json_text(cli->arena, &outcome).p);
    } else if (code == EXIT_OK && !cli->quiet) {
        printf("new versions of %s start %s\n", cli->arguments[0], done);
    }
    return code;
}

static int run_connect(struct cli *cli)
{
    const char *pipeline = cli->argument_count > 1 ? cli->arguments[1] : NULL;
    return change(cli, "deploy-job connect", pipeline,
                  pipeline == NULL ? "whichever pipelines ask for them"
                                   : arena_printf(cli->arena, "%s alone", pipeline));
}

static int run_disconnect(struct cli *cli)
{
    return change(cli, "deploy-job disconnect", "", "no deployment job");
}

const struct command command_deploy_job_connect = {
    .name = "deploy-job connect",
    .group = "By itself",
    .summary = "let new versions of a model start one deployment job, and no other",
    .arguments = "MODEL [PIPELINE]",
    .details = "One of those whose 'on: model_version' means the model. Without a pipeline: all of those, as it is\n"
               "when nothing was ever said.",
    .examples = "sluice deploy-job connect wine wine-deploy\nsluice deploy-job connect wine",
    .min_arguments = 1,
    .max_arguments = 2,
    .run = run_connect,
};

const struct command command_deploy_job_disconnect = {
    .name = "deploy-job disconnect",
    .group = "By itself",
    .summary = "let new versions of a model start no deployment job",
    .arguments = "MODEL",
    .details = "Whatever 'on: model_version' says. What has begun goes on, and 'deploy-job start' with --pipeline\n"
               "still works.",
    .examples = "sluice deploy-job disconnect wine",
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_disconnect,
};
