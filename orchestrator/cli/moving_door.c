/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/moving_door.h"

#include "base/json.h"
#include "cli/session.h"
#include "engine/fetch_child.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { ANSWER_BYTES_MAX = 1 << 30, TIMEOUT_MS = 300000 };

struct door {
    const char *url;
    const char *fetch; /* the program */
    const char *token;
    const char *user;
    const char *password;
};

bool moving_is_url(const char *given)
{
    return str_starts(str_from(given), STR("http://")) || str_starts(str_from(given), STR("https://"));
}

/* The request as fetch/request.h has it. User and password stand in its URL, which is no argument of a process. */
static struct json make_request(const struct door *door, const char *path, const struct str *body, struct arena *arena)
{
    struct json request = json_object();
    struct json headers = json_array();
    const char *rest = strstr(door->url, "://") + 3;
    const char *url = door->user == NULL || door->token != NULL
                          ? arena_printf(arena, "%s%s", door->url, path)
                          : arena_printf(arena, "%.*s%s:%s@%s%s", (int)(rest - door->url), door->url, door->user,
                                         door->password == NULL ? "" : door->password, rest, path);
    json_add(arena, &request, "url", json_cstring(arena, url));
    json_add(arena, &request, "timeout_ms", json_int(TIMEOUT_MS));
    json_add(arena, &request, "max_bytes", json_int(ANSWER_BYTES_MAX));
    if (door->token != NULL) {
        json_push(arena, &headers, json_cstring(arena, arena_printf(arena, "Authorization: Bearer %s", door->token)));
    }
    if (body != NULL) {
        json_push(arena, &headers, json_cstring(arena, "Content-Type: application/json"));
        json_add(arena, &request, "method", json_cstring(arena, "POST"));
        json_add(arena, &request, "body", json_string(arena, *body));
    }
    json_add(arena, &request, "headers", headers);
    return request;
}

static int ask(void *context, const char *path, const struct str *body, struct arena *arena, int *ret_status,
               struct str *ret_body, struct err *err)
{
    const struct door *door = context;
    struct json request = make_request(door, path, body, arena);
    struct json head;
    struct fetch_child child;
    struct stat size = {0};
    if (!fetch_child_start(door->fetch, &request, arena, &child)) {
        return err_set(err, ERR_IO, "'%s' cannot be started", door->fetch);
    }
    while (waitpid(child.pid, NULL, 0) < 0 && errno == EINTR) {
    }
    (void)fstat(child.out_fd, &size);
    fetch_child_take(&child, (size_t)size.st_size, arena, &head, ret_body);
    const char *wrong = json_get_text(&head, "error", NULL);
    *ret_status = (int)json_get_int(&head, "status", 0);
    if (wrong != NULL || *ret_status == 0) {
        return err_set(err, ERR_IO, "asking %s: %.300s", door->url, wrong == NULL ? "there was no answer" : wrong);
    }
    if (*ret_status == 401 || *ret_status == 403) {
        return err_set(err, ERR_DENIED, "%s answered with status %d: say who you are by MLFLOW_TRACKING_TOKEN, or by "
                       "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD", door->url, *ret_status);
    }
    return 0;
}

/* What stands for a user or password in a URL. */
static const char *escaped(const char *text, struct arena *arena)
{
    char *to = text == NULL ? NULL : arena_alloc(arena, strlen(text) * 3 + 1);
    for (size_t i = 0, at = 0; text != NULL && text[i] != '\0'; i++, at += 3) {
        static const char digits[] = "0123456789ABCDEF";
        to[at] = '%';
        to[at + 1] = digits[(unsigned char)text[i] >> 4];
        to[at + 2] = digits[(unsigned char)text[i] & 15];
    }
    return to;
}

int moving_door_open(const struct cli *cli, const char *url, struct move_server_door *ret, struct err *err)
{
    struct arena *arena = cli->arena;
    struct installation installation;
    char *plain = arena_strdup(arena, url);
    size_t length = strlen(plain);
    if (strpbrk(url, "@?#") != NULL) {
        return err_set(err, ERR_INPUT, "the URL of a server has neither a user nor a query: set MLFLOW_TRACKING_TOKEN, "
                       "or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD");
    }
    while (length > 0 && plain[length - 1] == '/') {
        plain[--length] = '\0';
    }
    installation_find(cli, &installation);
    struct door *door = arena_one(arena, struct door);
    *door = (struct door){
        .url = plain,
        .fetch = installation.fetch,
        .token = getenv("MLFLOW_TRACKING_TOKEN"),
        .user = escaped(getenv("MLFLOW_TRACKING_USERNAME"), arena),
        .password = escaped(getenv("MLFLOW_TRACKING_PASSWORD"), arena),
    };
    *ret = (struct move_server_door){plain, ask, door};
    return 0;
}
