/* SPDX-License-Identifier: Apache-2.0
 * rollback, models history, models comment: what was where, who said what, and back.
 */
#include "base/parse.h"
#include "cli/commands.h"
#include "cli/govern.h"
#include "cli/look.h"
#include "cli/names.h"
#include "cli/table.h"
#include "view/model_history.h"

#include <stdio.h>
#include <string.h>

/* ---- rollback --------------------------------------------------------------------------------------------------- */

static const char *people(struct cli *cli, const struct json *approvals)
{
    const char *words = "";
    for (size_t i = 0; approvals != NULL && approvals->type == JSON_ARRAY && i < approvals->u.array.count; i++) {
        const struct json *one = &approvals->u.array.items[i];
        const char *behalf = json_get_text(one, "on_behalf_of", NULL);
        const char *name = json_get_text(one, "actor", "");
        const char *login = json_get_text(one, "login", "system");
        words = arena_printf(cli->arena, "%s%s%s%s%s%s", words, *words == '\0' ? "" : ", ", name,
                             behalf == NULL ? "" : " for ", behalf == NULL ? "" : behalf,
                             strcmp(login, "system") == 0 ? "" : " (login)");
    }
    return words;
}

static int run_rollback(struct cli *cli)
{
    struct err err = {0};
    struct json request = govern_request(cli->arena, "rollback");
    struct json outcome;
    bool dry = option_given(cli, "dry-run");
    json_set(cli->arena, &request, "model", json_cstring(cli->arena, cli->arguments[0]));
    json_set(cli->arena, &request, "alias", json_cstring(cli->arena, cli->arguments[1]));
    json_set(cli->arena, &request, "reason", table_text(cli, option_value(cli, "reason")));
    json_set(cli->arena, &request, "dry", json_bool(dry));
    if (govern_ask(cli, "rollback", &request, &outcome, &err) < 0) {
        return cli_fail(cli, err.code == ERR_DENIED || err.code == ERR_STATE ? EXIT_REFUSED : cli_exit_of(&err), &err);
    }
    if (cli->json) {
        printf("%s\n", json_text(cli->arena, &outcome).p);
    } else if (!cli->quiet) {
        const char *who = people(cli, json_get(&outcome, "approvals"));
        int64_t from = json_get_int(&outcome, "from", 0);
        printf("%s@%s %s version %lld%s\n", cli->arguments[0], cli->arguments[1], dry ? "would be" : "is",
               (long long)json_get_int(&outcome, "to", 0),
               from == 0 ? "" : arena_printf(cli->arena, ", before %lld", (long long)from));
        if (*who != '\0') {
            printf("  approved by %s\n", who);
        }
    }
    return EXIT_OK;
}

static const struct option_row rollback_options[] = {
    {"reason", 'm', "TEXT", false, "why, for the record"},
    {"dry-run", 'n', NULL, false, "say where it would go, and change nothing"},
    {0},
};

const struct command command_rollback = {
    .name = "rollback",
    .group = "Decide",
    .summary = "point an alias to the version that held it last by right",
    .arguments = "MODEL ALIAS",
    .details =
        "The version that held the alias before the one that holds it now, if it is still there with the files that "
        "were "
        "reviewed; where\nconfig.yaml guards the alias, one that lacks nothing of what the guard asks. It is done at "
        "once, "
        "if nobody else has moved the alias meanwhile. A second rollback goes further back. Exit code 6 when there "
        "is no "
        "such version.",
    .examples = "sluice rollback wine champion -m 'recall fell in the south'\nsluice rollback wine champion --dry-run",
    .options = rollback_options,
    .min_arguments = 2,
    .max_arguments = 2,
    .run = run_rollback,
};

/* ---- models history --------------------------------------------------------------------------------------------- */

static struct json version_cell(int64_t version)
{
    return version == 0 ? json_null() : json_int(version);
}

static const char *const event_headings[] = {
    "at",     "what",     "where",  "from",     "to",   "by",       "approved_by",
    "reason", "model_id", "run_id", "standing", "door", "evidence", NULL};

static void add_event(struct cli *cli, struct table *table, const struct history_entry *event)
{
    const struct alias_move *m = event->move;
    const struct deployment_row *d = event->deployment;
    const struct comment *c = event->comment;
    struct json cells[] = {
        table_moment(cli, event->at_ms),
        table_text(cli, history_what(event, cli->arena)),
        table_text(cli, history_where(event, cli->arena)),
        m != NULL ? version_cell(m->from_version) : d != NULL ? table_text(cli, d->from_model) : json_null(),
        m != NULL   ? version_cell(m->to_version)
        : d != NULL ? table_text(cli, history_served(d, cli->arena))
                    : version_cell(c->version),
        table_text(cli, m != NULL ? m->actor : d != NULL ? d->actor : c->actor),
        m == NULL   ? table_text(cli, "")
        : cli->json ? m->approvals
                    : table_text(cli, people(cli, &m->approvals)),
        table_text(cli, m != NULL ? m->reason : d != NULL ? d->reason : c->text),
        table_text(cli, m != NULL ? m->model_id : d != NULL ? d->model_id : NULL),
        table_text(cli, m != NULL ? m->run_id : d != NULL ? d->run_id : NULL),
        table_text(cli, m != NULL ? m->standing : NULL),
        table_text(cli, m != NULL ? m->door : NULL),
        table_text(cli, m != NULL ? m->evidence_sha256 : d != NULL ? d->sha256 : NULL),
    };
    table_row(table, cells);
}

static int show_history(struct cli *cli, struct home *home, struct err *err)
{
    const char *at = option_value(cli, "at");
    int64_t at_ms = 0;
    struct model_history history = {0};
    struct table table;
    if (at != NULL && parse_time(str_from(at), &at_ms, err) < 0) {
        return err_add(err, "--at");
    }
    if (model_history_read(home->store, cli->arguments[0], at_ms, cli->arena, &history, err) < 0) {
        return -1;
    }
    table_init(&table, cli, event_headings);
    table.shown = 8;
    for (size_t i = 0; i < history.count; i++) {
        add_event(cli, &table, &history.entries[i]);
    }
    table_print(&table, at == NULL ? "no alias of it has moved, and it was deployed nowhere"
                                   : "at that time no alias pointed to it, and it was deployed nowhere");
    return EXIT_OK;
}

static int run_history(struct cli *cli)
{
    return look(cli, show_history);
}

static const struct option_row history_options[] = {
    {"at", 0, "TIME", false, "what was where at that moment: 2026-11-27T03:00:00Z"},
    {0},
};

const struct command command_models_history = {
    .name = "models history",
    .group = "Look",
    .summary = "what each alias and target held, since when, by whom, why, and on what evidence",
    .arguments = "MODEL",
    .examples = "sluice models history wine\nsluice models history wine --at 2026-11-27T03:00:00Z",
    .options = history_options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_history,
};

/* ---- models comment --------------------------------------------------------------------------------------------- */

static int run_comment(struct cli *cli)
{
    struct err err = {0};
    struct json request = govern_request(cli->arena, "comment");
    struct json outcome;
    const char *name = NULL;
    int64_t version = 0;
    if (names_version(cli->arguments[0], cli->arena, &name, &version, &err) < 0) {
        return cli_fail(cli, EXIT_USAGE, &err);
    }
    json_set(cli->arena, &request, "model", json_cstring(cli->arena, name));
    json_set(cli->arena, &request, "version", json_int(version));
    json_set(cli->arena, &request, "text", json_cstring(cli->arena, cli->arguments[1]));
    if (govern_ask(cli, "models comment", &request, &outcome, &err) < 0) {
        return cli_fail(cli, cli_exit_of(&err), &err);
    }
    if (cli->json) {
        printf("%s\n", json_text(cli->arena, &request).p);
    } else if (!cli->quiet) {
        printf("%s has a comment more\n", cli->arguments[0]);
    }
    return EXIT_OK;
}

const struct command command_models_comment = {
    .name = "models comment",
    .group = "Decide",
    .summary = "say something of a version, for whoever decides about it",
    .arguments = "MODEL/VERSION TEXT",
    .details = "'sluice models history' lists the comments, and the activity log has them.",
    .examples = "sluice models comment wine/3 'the residuals of the south look odd'",
    .min_arguments = 2,
    .max_arguments = 2,
    .run = run_comment,
};
