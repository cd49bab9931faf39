/* SPDX-License-Identifier: Apache-2.0
 * activity: what people and steps did.
 */
#include "base/parse.h"
#include "cli/commands.h"
#include "cli/look.h"
#include "cli/table.h"
#include "store/activity.h"

#include <stdio.h>

enum { ACTIVITY_COLUMNS_SHOWN = 8 }; /* the others are for --json */

/* ---- activity --------------------------------------------------------------------------------------------------- */

static int list_activity(struct cli *cli, struct home *home, struct err *err)
{
    static const char *const headings[] = {"sequence", "at", "actor", "action", "object", "from",
                                           "to",       "reason", "address", NULL};
    const char *limit = option_value(cli, "limit");
    int64_t most = 50;
    struct activity *rows = NULL;
    size_t count = 0;
    struct table table;
    table_init(&table, cli, headings);
    table.shown = ACTIVITY_COLUMNS_SHOWN;
    if (limit != NULL && parse_int(str_from(limit), 1, 1000000, &most, err) < 0) {
        return err_add(err, "--limit");
    }
    if (store_activity_list(home->store, NULL, true, 0, (size_t)most, cli->arena, &rows, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct json cells[] = {
            json_int(rows[i].sequence),        table_moment(cli, rows[i].at_ms), table_text(cli, rows[i].actor),
            table_text(cli, rows[i].action),   table_text(cli, rows[i].object),  table_text(cli, rows[i].from_state),
            table_text(cli, rows[i].to_state), table_text(cli, rows[i].reason),   table_text(cli, rows[i].address),
        };
        table_row(&table, cells);
    }
    table_print(&table, "nothing has happened yet");
    return EXIT_OK;
}

static int run_activity(struct cli *cli)
{
    return look(cli, list_activity);
}

static const struct option_row activity_options[] = {
    {"limit", 0, "N", false, "at most N, the newest (default: 50)"},
    {0},
};

const struct command command_activity = {
    .name = "activity",
    .group = "Look",
    .summary = "who did what, to which object, and why: newest first",
    .examples = "sluice activity\nsluice activity --limit 200 --json",
    .options = activity_options,
    .run = run_activity,
};

static int verify_activity(struct cli *cli, struct home *home, struct err *err)
{
    int64_t count = 0;
    char head[96] = "";
    if (store_activity_verify(home->store, option_value(cli, "head"), &count, head, err) < 0) {
        return err->code == ERR_CORRUPT ? cli_fail(cli, EXIT_RUN_FAILED, err) : -1;
    }
    int64_t foreign = store_activity_foreign(home->store);
    if (cli->json) {
        struct json object = json_object();
        json_set(cli->arena, &object, "holds", json_bool(true));
        json_set(cli->arena, &object, "rows", json_int(count));
        json_set(cli->arena, &object, "head", json_cstring(cli->arena, head));
        json_set(cli->arena, &object, "of_another_key", json_int(foreign));
        printf("%s\n", json_text(cli->arena, &object).p);
    } else {
        printf("the chain holds: %lld rows, head %s\n", (long long)count, head);
        if (foreign > 0) {
            printf("rows 1 to %lld are of a home with another key: the digest of them in row %lld holds them\n",
                   (long long)foreign, (long long)foreign + 1);
        }
    }
    return EXIT_OK;
}

static int run_activity_verify(struct cli *cli)
{
    return look(cli, verify_activity);
}

static const struct option_row verify_options[] = {
    {"head", 0, "SEQUENCE:HEX", false,
     "a head noted earlier, which must lie on the chain: finds a tail that was cut off"},
    {0},
};

const struct command command_activity_verify = {
    .name = "activity verify",
    .group = "Look",
    .summary = "check the chain of the activity log",
    .details =
        "Finds rows that were changed, removed or put in another order. It cannot find a tail that was cut off, "
        "unless --head names a head "
        "from before; and whoever has the home's key can write a chain that holds. Exit code 1 when the chain is "
        "broken.",
    .examples = "sluice activity verify\nsluice activity verify --head 812:9c1e...",
    .options = verify_options,
    .run = run_activity_verify,
};
