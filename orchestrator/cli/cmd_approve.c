/* SPDX-License-Identifier: Apache-2.0
 * approve and reject: a person's word.
 */
#include "cli/commands.h"
#include "cli/follow.h"
#include "cli/names.h"

#include <stdio.h>

/* The run that is meant; it must be open. */
static int find_run(struct cli *cli, struct store *store, struct pipeline_run *ret_row, struct err *err)
{
    if (names_run(store, cli->arguments[0], cli->arena, ret_row, err) < 0) {
        return -1;
    }
    return run_state_is_terminal(ret_row->state)
               ? err_set(err, ERR_STATE, "run %s has ended already (%s): there is nothing to decide",
                         names_label(cli->arena, ret_row), run_state_name(ret_row->state))
               : 0;
}

static void print_outcome(const struct cli *cli, const struct pipeline_run *row, const struct json *outcome,
                          bool approve, const char *actor, bool held)
{
    const char *run = names_label(cli->arena, row);
    const char *status = json_get_text(outcome, "status", "open");
    const char *missing = json_get_text(outcome, "missing", "");
    if (cli->json) {
        printf("%s\n", json_text(cli->arena, outcome).p);
        return;
    }
    if (cli->quiet) {
        return;
    }
    const char *asks = json_get_text(outcome, "run", run); /* a sub-pipeline, perhaps */
    printf("%s ", asks);
    if (json_get_bool(outcome, "repeated", false)) {
        printf("has been %s by %s before: nobody counts twice\n", approve ? "approved" : "rejected", actor);
    } else {
        printf("%s by %s\n", approve ? "approved" : "rejected", actor);
    }
    if (strcmp(status, "open") == 0 && *missing != '\0') {
        printf("  still missing: %s\n", missing);
    } else if (held) {
        printf("  the sluice that runs it goes on\n");
    } else {
        printf("  sluice resume %s    goes on with the run\n", run);
    }
}

static int vote_failed(const struct cli *cli, const struct err *err)
{
    return cli_fail(cli, err->code == ERR_DENIED ? EXIT_REFUSED : cli_exit_of(err), err);
}

static int vote(struct cli *cli, struct session *session, bool approve, struct err *err)
{
    struct pipeline_run row;
    struct json outcome;
    if (find_run(cli, session->home.store, &row, err) < 0) {
        return cli_fail(cli, EXIT_USAGE, err);
    }
    struct engine_vote given = {
        .run_id = row.run_id,
        .step = cli->argument_count > 1 ? cli->arguments[1] : NULL,
        .approve = approve,
        .reason = option_value(cli, "reason"),
    };
    if (session_vote(session, &given, &outcome, err) < 0) {
        return vote_failed(cli, err);
    }
    if (option_given(cli, "resume")) {
        struct follow_options options = {0};
        return follow_run(session, row.run_id, &options);
    }
    print_outcome(cli, &row, &outcome, approve, session->actor, session->visit != NULL);
    return EXIT_OK;
}

static int run_vote(struct cli *cli, bool approve)
{
    struct err err = {0};
    struct session session;
    if (!approve && option_value(cli, "reason") == NULL) {
        (void)err_set(&err, ERR_INPUT, "a rejection needs -m TEXT: whoever made the model wants to know");
        return cli_fail(cli, EXIT_USAGE, &err);
    }
    struct session_options options = {
        .doing = approve ? "approve" : "reject",
        .starts_nothing = !option_given(cli, "resume"),
    };
    if (session_join(cli, &options, &session, &err) < 0) {
        return cli_fail(cli, cli_exit_of(&err), &err);
    }
    int code = vote(cli, &session, approve, &err);
    session_close(&session);
    return code;
}

static int run_approve(struct cli *cli)
{
    return run_vote(cli, true);
}

static int run_reject(struct cli *cli)
{
    return run_vote(cli, false);
}

static const struct option_row vote_options[] = {
    {"reason", 'm', "TEXT", false, "why, for the record"},
    {"resume", 0, NULL, false, "go on with the run at once and follow it"},
    {0},
};

const struct command command_approve = {
    .name = "approve",
    .group = "Decide",
    .summary = "let a run that waits for approval go on",
    .arguments = "RUN [STEP]",
    .details =
        "Records your approval, bound to the digest of what was to be reviewed: if the model, its metrics or the "
        "pipeline have changed since\n"
        "it was asked for, the approval is void. You are the user of your operating system account; no option says "
        "otherwise. 'sluice\n"
        "approvals' lists what waits, and for whom. Of a run that waits for its sub-pipeline, the sub-pipeline's "
        "approval is meant when it is the\n"
        "only one. Who approves twice counts once, and is told so.",
    .examples = "sluice approve wine/12\nsluice approve wine/12 approve --reason 'looks right' --resume",
    .options = vote_options,
    .min_arguments = 1,
    .max_arguments = 2,
    .run = run_approve,
};

const struct command command_reject = {
    .name = "reject",
    .group = "Decide",
    .summary = "refuse an approval: the step fails, the run's verdict is refused",
    .arguments = "RUN [STEP]",
    .details = "One rejection by someone who may decide ends the approval.",
    .examples = "sluice reject wine/12 --reason 'recall on young patients is too low'",
    .options = vote_options,
    .min_arguments = 1,
    .max_arguments = 2,
    .run = run_reject,
};
