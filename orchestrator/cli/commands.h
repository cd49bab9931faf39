/* SPDX-License-Identifier: Apache-2.0
 * Every command's row. Each stands in the file that runs it; commands.c puts them in order.
 */
#ifndef SLUICE_CLI_COMMANDS_H
#define SLUICE_CLI_COMMANDS_H

#include "cli/cli.h"

/* cmd_run.c */
extern const struct command command_run, command_resume;
/* cmd_again.c */
extern const struct command command_retry, command_rerun, command_cancel;
extern const struct command command_gates, command_gates_show, command_gates_replay;
/* cmd_approve.c */
extern const struct command command_approve, command_reject;
/* cmd_validate.c, cmd_graph.c, cmd_schema.c */
extern const struct command command_validate, command_graph, command_schema, command_openapi;
/* cmd_plugins.c, cmd_plugins_new.c, cmd_plugins_test.c */
extern const struct command command_plugins, command_plugins_show, command_plugins_new, command_plugins_test;
/* cmd_runs.c, cmd_logs.c, cmd_models.c, cmd_activity.c */
extern const struct command command_runs, command_show, command_explain, command_logs;
extern const struct command command_models, command_models_show, command_experiments, command_artifacts;
extern const struct command command_activity, command_activity_export, command_activity_verify,
    command_activity_head;
/* cmd_schedule.c, cmd_backfill.c, cmd_triggers.c */
extern const struct command command_schedule_list, command_schedule_next, command_schedule_pause;
extern const struct command command_schedule_resume, command_backfill, command_backfills, command_backfills_cancel;
extern const struct command command_pipelines, command_triggers;
/* cmd_deploy_job.c */
extern const struct command command_deploy_job_start, command_deploy_job_list, command_deploy_job_status;
extern const struct command command_deploy_job_connect, command_deploy_job_disconnect;
/* cmd_sources.c */
extern const struct command command_sources_list, command_sources_show, command_sources_sync;
/* cmd_approvals.c */
extern const struct command command_approvals, command_approvals_delegate, command_approvals_delegations;
extern const struct command command_approvals_undelegate, command_approvals_link;
/* cmd_evidence.c */
extern const struct command command_evidence, command_evidence_verify;
/* cmd_governance.c */
extern const struct command command_rollback, command_models_history, command_models_comment;
/* cmd_webhooks.c */
extern const struct command command_webhooks_list, command_webhooks_show, command_webhooks_test;
extern const struct command command_webhooks_deliveries, command_webhooks_redeliver;
/* cmd_channels.c */
extern const struct command command_channels_list, command_channels_test, command_channels_enable;
extern const struct command command_models_subscribe, command_models_unsubscribe, command_models_subscriptions;
/* cmd_deliveries.c */
extern const struct command command_deliveries_list, command_deliveries_show, command_deliveries_replay;
/* cmd_users.c, cmd_tokens.c */
extern const struct command command_users_list, command_users_create, command_users_passwd, command_users_role;
extern const struct command command_users_rm, command_tokens_list, command_tokens_create, command_tokens_revoke;
/* cmd_backup.c, cmd_restore.c */
extern const struct command command_backup, command_backup_list, command_backup_verify, command_restore;
/* cmd_secrets.c, cmd_gc.c, cmd_import.c, cmd_export.c, cmd_home.c, cmd_about.c */
extern const struct command command_secrets_list, command_secrets_set, command_secrets_rm;
extern const struct command command_init, command_serve, command_gc, command_import, command_export,
    command_config;
extern const struct command command_doctor;
extern const struct command command_version, command_lua_run, command_lua_test, command_man, command_completion;

#endif
