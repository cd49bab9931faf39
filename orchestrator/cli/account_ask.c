/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/account_ask.h"

#include "auth/account.h"

#include <stdio.h>

int account_open(struct cli *cli, const char *doing, struct session *ret_session, struct err *err)
{
    struct session_options options = {.doing = doing, .starts_nothing = true};
    return session_join(cli, &options, ret_session, err);
}

int account_ask(struct session *session, const struct json *request, struct err *err)
{
    struct json outcome;
    int ours = session_ask_holder(session, "account", request, &outcome, err);
    return ours <= 0 ? ours
                     : account_obey(session->home.store, request, session->actor, session->cli->arena, err);
}

struct json account_request(struct arena *arena, const char *what, const char *name)
{
    struct json request = json_object();
    json_set(arena, &request, "do", json_cstring(arena, what));
    json_set(arena, &request, "name", json_cstring(arena, name));
    return request;
}

void account_say(const struct cli *cli, const char *word, const char *name, const char *words)
{
    if (cli->json) {
        struct json object = json_object();
        json_set(cli->arena, &object, word, json_cstring(cli->arena, name));
        printf("%s\n", json_text(cli->arena, &object).p);
    } else if (!cli->quiet) {
        printf("%s %s\n", name, words);
    }
}
