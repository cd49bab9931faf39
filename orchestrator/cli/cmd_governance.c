/* SPDX-License-Identifier: Apache-2.0
 * rollback, models history, models comment: what was where, who said what, and back.
 */
#include "base/parse.h"
#include "cli/commands.h"
#include "cli/govern.h"
#include "cli/look.h"
#include "cli/table.h"
#include "store/delegations.h"
#include "store/registry.h"

#include <stdio.h>
#include <stdlib.h>
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

/* A row of either history, so that both are told in one order. */
struct event {
    int64_t at_ms;
    size_t order; /* among those of one moment */
    const struct alias_move *move;
    const struct deployment_row *deployment;
    const struct comment *comment;
};

/* The version that serves since: of one that was named by an alias, which it was; in a stage, beside what was there. */
static const char *deployed_words(struct cli *cli, const struct deployment_row *d)
{
    bool stage = strcmp(d->state, "stage") == 0;
    bool new = stage || strcmp(d->state, "deployed") == 0;
    const char *words =
        d->name != NULL && new ? arena_printf(cli->arena, "%s/%lld", d->name, (long long)d->version) : d->to_model;
    return stage && d->weight >= 0 ? arena_printf(cli->arena, "%s %g %%", words, d->weight) : words;
}

static const char *state_words(struct cli *cli, const struct deployment_row *d)
{
    return strcmp(d->state, "stage") == 0 ? arena_printf(cli->arena, "stage %lld of %lld", (long long)d->stage,
                                                         (long long)d->stages)
                                          : d->state;
}

static void add_event(struct cli *cli, struct table *table, const struct event *event)
{
    const struct alias_move *m = event->move;
    const struct deployment_row *d = event->deployment;
    const struct comment *c = event->comment;
    const char *what = m != NULL   ? m->to_version == 0 ? "removed" : "moved"
                       : d != NULL ? state_words(cli, d)
                                   : "comment";
    const char *kind = m != NULL && strcmp(m->kind, "alias") == 0 ? "@" : "stage ";
    const char *where = m != NULL   ? arena_printf(cli->arena, "%s%s", kind, m->alias)
                        : d != NULL ? d->target
                                    : arena_printf(cli->arena, "/%lld", (long long)c->version);
    struct json cells[] = {
        table_moment(cli, event->at_ms),
        table_text(cli, what),
        table_text(cli, where),
        m != NULL ? version_cell(m->from_version) : d != NULL ? table_text(cli, d->from_model) : json_null(),
        m != NULL   ? version_cell(m->to_version)
        : d != NULL ? table_text(cli, deployed_words(cli, d))
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

static int compare_events(const void *a, const void *b)
{
    const struct event *x = a;
    const struct event *y = b;
    return x->at_ms != y->at_ms ? (x->at_ms < y->at_ms ? -1 : 1) : x->order < y->order ? -1 : 1;
}

struct history {
    struct alias_move *moves;
    struct deployment_row *deployments;
    struct comment *comments;
    size_t move_count, deployment_count, comment_count;
};

static int read_history(struct cli *cli, struct home *home, int64_t until_ms, struct history *h, struct err *err)
{
    const char *name = cli->arguments[0];
    return store_alias_moves(home->store, name, until_ms, cli->arena, &h->moves, &h->move_count, err) < 0 ||
                   store_deployments(home->store, name, until_ms, cli->arena, &h->deployments, &h->deployment_count,
                                     err) < 0 ||
                   store_comment_list(home->store, name, 0, cli->arena, &h->comments, &h->comment_count, err) < 0
               ? -1
               : 0;
}

static const char *const event_headings[] = {
    "at",     "what",     "where",  "from",     "to",   "by",       "approved_by",
    "reason", "model_id", "run_id", "standing", "door", "evidence", NULL};

static void print_events(struct cli *cli, const struct history *h)
{
    struct table table;
    size_t count = 0;
    struct event *events = arena_array(cli->arena, h->move_count + h->deployment_count + h->comment_count + 1,
                                       sizeof *events);
    for (size_t i = 0; i < h->move_count; i++) {
        events[count] = (struct event){h->moves[i].at_ms, count, &h->moves[i], NULL, NULL};
        count++;
    }
    for (size_t i = 0; i < h->deployment_count; i++) {
        events[count] = (struct event){h->deployments[i].at_ms, count, NULL, &h->deployments[i], NULL};
        count++;
    }
    for (size_t i = 0; i < h->comment_count; i++) {
        events[count] = (struct event){h->comments[i].at_ms, count, NULL, NULL, &h->comments[i]};
        count++;
    }
    qsort(events, count, sizeof *events, compare_events);
    table_init(&table, cli, event_headings);
    table.shown = 8;
    for (size_t i = 0; i < count; i++) {
        add_event(cli, &table, &events[i]);
    }
    table_print(&table, "no alias of it has moved, and it was deployed nowhere");
}

/* What was where at the moment: of each alias, stage and target the last word. */
static void print_standing(struct cli *cli, const struct history *h)
{
    struct table table;
    table_init(&table, cli, event_headings);
    table.shown = 8;
    for (size_t i = 0; i < h->move_count; i++) {
        const struct alias_move *m = &h->moves[i];
        bool last = m->to_version != 0;
        for (size_t k = i + 1; last && k < h->move_count; k++) {
            bool same = strcmp(h->moves[k].kind, m->kind) == 0 && strcmp(h->moves[k].alias, m->alias) == 0;
            bool of_stage = strcmp(m->kind, "stage") == 0; /* which holds several versions */
            last = !same || (of_stage && h->moves[k].from_version != m->to_version &&
                             h->moves[k].to_version != m->to_version);
        }
        if (last) {
            add_event(cli, &table, &(struct event){m->at_ms, i, m, NULL, NULL});
        }
    }
    for (size_t i = 0; i < h->deployment_count; i++) {
        const struct deployment_row *d = &h->deployments[i];
        bool last = true;
        for (size_t k = i + 1; last && k < h->deployment_count; k++) {
            last = strcmp(h->deployments[k].target, d->target) != 0;
        }
        if (last) {
            add_event(cli, &table, &(struct event){d->at_ms, i, NULL, d, NULL});
        }
    }
    table_print(&table, "at that time no alias pointed to it, and it was deployed nowhere");
}

static int show_history(struct cli *cli, struct home *home, struct err *err)
{
    const char *at = option_value(cli, "at");
    int64_t until_ms = 0;
    struct history history = {0};
    struct registered_model model;
    struct err gone = {0};
    if (at != NULL && parse_time(str_from(at), &until_ms, err) < 0) {
        return err_add(err, "--at");
    }
    if (read_history(cli, home, until_ms, &history, err) < 0) {
        return -1;
    }
    /* One that was deleted has a history, too. */
    if (history.move_count + history.deployment_count + history.comment_count == 0 &&
        store_registry_get(home->store, cli->arguments[0], cli->arena, &model, &gone) < 0) {
        return err_set(err, gone.code, "there is no registered model '%s', and no history of one: 'sluice models' "
                       "lists them", cli->arguments[0]);
    }
    if (at == NULL) {
        print_events(cli, &history);
    } else {
        print_standing(cli, &history);
    }
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

/* "wine/3" */
static int split_version(struct cli *cli, const char *words, const char **ret_name, int64_t *ret_version,
                         struct err *err)
{
    const char *slash = strrchr(words, '/');
    if (slash == NULL || slash == words || parse_int(str_from(slash + 1), 1, INT64_MAX, ret_version, NULL) < 0) {
        return err_set(err, ERR_INPUT, "'%s' names no version: expected MODEL/VERSION, such as wine/3", words);
    }
    *ret_name = arena_printf(cli->arena, "%.*s", (int)(slash - words), words);
    return 0;
}

static int run_comment(struct cli *cli)
{
    struct err err = {0};
    struct json request = govern_request(cli->arena, "comment");
    struct json outcome;
    const char *name = NULL;
    int64_t version = 0;
    if (split_version(cli, cli->arguments[0], &name, &version, &err) < 0) {
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
