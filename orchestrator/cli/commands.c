/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <signal.h>

const struct command *const commands[] = {
    /* Start */
    &command_init,
    /* Run */
    &command_run,
    &command_resume,
    &command_retry,
    &command_rerun,
    &command_cancel,
    /* Decide */
    &command_approvals,
    &command_approve,
    &command_reject,
    /* By itself */
    &command_pipelines,
    &command_schedule_list,
    &command_schedule_next,
    &command_schedule_pause,
    &command_schedule_resume,
    &command_backfill,
    &command_backfills,
    &command_backfills_cancel,
    &command_triggers,
    /* Look */
    &command_runs,
    &command_show,
    &command_explain,
    &command_logs,
    &command_models,
    &command_models_show,
    &command_experiments,
    &command_artifacts,
    &command_activity,
    &command_activity_verify,
    /* Write */
    &command_validate,
    &command_graph,
    &command_schema,
    &command_openapi,
    &command_plugins,
    &command_plugins_show,
    &command_plugins_new,
    &command_plugins_test,
    &command_lua_run,
    &command_lua_test,
    /* Home */
    &command_secrets_list,
    &command_secrets_set,
    &command_secrets_rm,
    &command_webhooks_list,
    &command_webhooks_show,
    &command_webhooks_test,
    &command_webhooks_deliveries,
    &command_webhooks_redeliver,
    &command_deliveries_list,
    &command_deliveries_show,
    &command_deliveries_replay,
    &command_users_list,
    &command_users_create,
    &command_users_passwd,
    &command_users_role,
    &command_users_rm,
    &command_tokens_list,
    &command_tokens_create,
    &command_tokens_revoke,
    &command_serve,
    &command_gc,
    &command_backup,
    &command_backup_list,
    &command_backup_verify,
    &command_restore,
    &command_import,
    &command_export,
    &command_config,
    &command_doctor,
    &command_version,
    &command_completion,
    &command_man,
};
const int command_count = sizeof commands / sizeof commands[0];

const struct exit_row exit_rows[] = {
    {EXIT_OK, "it succeeded"},
    {EXIT_RUN_FAILED, "the run failed, or was cancelled by someone else"},
    {EXIT_USAGE, "usage: a word, an option, or the name of a run or step that is not known"},
    {EXIT_INVALID, "the pipeline is not valid"},
    {EXIT_HOME, "the home cannot be reached, read or locked"},
    {EXIT_WAITING, "the run waits for a person's approval"},
    {EXIT_REFUSED, "a gate or a person refused, and the run failed for it"},
    {EXIT_SIGNAL + SIGHUP, "the run was cancelled because the terminal went away"},
    {EXIT_SIGNAL + SIGINT, "the run was cancelled by Ctrl-C"},
    {EXIT_SIGNAL + SIGTERM, "the run was cancelled by a request to terminate"},
    {0},
};

const struct option_row common_options[] = {
    {"home", 0, "FOLDER", false,
     "the home (default: SLUICE_HOME, else the nearest .sluice upwards, else a new one here)"},
    {"json", 0, NULL, false, "print JSON on standard output"},
    {"quiet", 'q', NULL, false, "print nothing but errors"},
    {"no-color", 0, NULL, false, "no colours (NO_COLOR in the environment does the same)"},
    {"help", 'h', NULL, false, "explain the command, with an example"},
    {0},
};
