/* SPDX-License-Identifier: Apache-2.0 */
#include "api/router.h"

#include "api/sluice/rest.h"
#include "base/percent.h"
#include "base/str_index.h"

/* Most paths are the same for every request, and found by their text; the others hold names, and are looked through. */
struct router {
    struct str_index *paths;         /* of those without names */
    const struct api_route **routes; /* with the path of that number: one after the other, by `next` */
    size_t *next;                    /* of routes that have the same path: + 1, 0: none */
    const struct api_route **named;
    size_t named_count;
};

/* The pages of a browser ask below a prefix of their own. */
static const struct {
    const char *prefix;
    unsigned version;
} prefixes[] = {{"/api/2.0", API_V2}, {"/ajax-api/2.0", API_V2}, {"/api/3.0", API_V3}, {"/ajax-api/3.0", API_V3},
              {REST_PREFIX, API_SLUICE}};

static bool is_name(struct str part)
{
    return part.n > 2 && part.p[0] == '{' && part.p[part.n - 1] == '}';
}

/* Part by part; what stands for a name in the path is decoded into `names`. */
static bool path_fits(const char *pattern, struct str path, struct arena *arena, struct json *names)
{
    struct str wanted = str_from(pattern);
    struct str part, piece;
    *names = json_object();
    while (str_cut(&wanted, '/', &part)) {
        if (!str_cut(&path, '/', &piece)) {
            return false;
        }
        struct str text;
        if (!is_name(part)) {
            if (!str_eq(part, piece)) {
                return false;
            }
        } else if (piece.n == 0 || !percent_decode(piece, false, arena, &text)) {
            return false;
        } else {
            json_set(arena, names, arena_str(arena, str_slice(part, 1, part.n - 1)).p, json_string(arena, text));
        }
    }
    return path.p == NULL;
}

/* What viewers may ask for is only read, but for what is their own: a password, a subscription. */
static int check_needs(const char *path, const struct api_need *needs, bool writes, struct err *err)
{
    if (needs->object == API_OF_NOBODY || needs->permission == PERMISSION_NONE || needs->role == ROLE_NOBODY) {
        return err_set(err, ERR_INTERNAL, "the route %s names no %s", path,
                       needs->role == ROLE_NOBODY ? "role" : "permission");
    }
    bool more = (writes && !needs->own) || needs->permission > PERMISSION_READ;
    return more && needs->role == ROLE_VIEWER && needs->object != API_OF_USER
               ? err_set(err, ERR_INTERNAL, "the route %s lets viewers write", path)
               : 0;
}

static int check_note(const char *path, const struct api_note *note, bool writes, struct err *err)
{
    bool good = writes ? note->how != API_NOTE_UNSAID : note->how <= API_NOTE_NOTHING;
    return good && (note->how == API_NOTE_HERE) == (note->action != NULL)
               ? 0
               : err_set(err, ERR_INTERNAL, "the route %s does not say whether it is in the activity log", path);
}

static int check_route(const struct api_route *route, struct err *err)
{
    bool writes = route->act != API_READS;
    return check_needs(route->path, &route->needs, writes && route->note.how != API_NOTE_NOTHING, err) < 0 ||
                   check_note(route->path, &route->note, writes, err) < 0 ||
                   (route->versions == API_SLUICE && rest_check(route, err) < 0)
               ? -1
               : 0;
}

static int check_plain(const struct api_plain *plain, struct err *err)
{
    bool writes = plain->writes || plain->commands;
    return (!plain->open && check_needs(plain->path, &plain->needs, writes, err) < 0) ||
                   check_note(plain->path, &plain->note, writes, err) < 0
               ? -1
               : 0;
}

int router_check(const struct api_route *const *routes, const struct api_plain *const *plains, struct err *err)
{
    for (size_t i = 0; routes[i] != NULL; i++) {
        for (const struct api_route *route = routes[i]; route->path != NULL; route++) {
            if (check_route(route, err) < 0) {
                return -1;
            }
        }
    }
    for (size_t i = 0; plains[i] != NULL; i++) {
        for (const struct api_plain *plain = plains[i]; plain->path != NULL; plain++) {
            if (check_plain(plain, err) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

static bool holds_names(const struct api_route *route)
{
    return strchr(route->path, '{') != NULL;
}

static size_t count_routes(void)
{
    size_t count = 0;
    for (size_t i = 0; api_routes[i] != NULL; i++) {
        for (const struct api_route *route = api_routes[i]; route->path != NULL; route++) {
            count++;
        }
    }
    return count;
}

static void add_route(struct router *router, size_t *count, const struct api_route *route)
{
    if (holds_names(route)) {
        router->named[router->named_count++] = route;
        return;
    }
    size_t first = str_index_add(router->paths, str_from(route->path));
    router->routes[*count] = route;
    if (first != *count) { /* in their order behind it */
        size_t last = first;
        while (router->next[last] != 0) {
            last = router->next[last] - 1;
        }
        router->next[last] = *count + 1;
    }
    (*count)++;
}

struct router *router_new(struct arena *arena)
{
    size_t all = count_routes();
    size_t count = 0;
    struct router *router = arena_one(arena, struct router);
    *router = (struct router){
        .paths = str_index_new(arena, all),
        .routes = arena_array(arena, all, sizeof *router->routes),
        .next = arena_array(arena, all, sizeof *router->next),
        .named = arena_array(arena, all, sizeof *router->named),
    };
    for (size_t i = 0; api_routes[i] != NULL; i++) {
        for (const struct api_route *route = api_routes[i]; route->path != NULL; route++) {
            add_route(router, &count, route);
        }
    }
    return router;
}

/* One whose path fits: it is the one, or the path is there for another method. */
static void consider(const struct api_route *route, unsigned version, enum http_method method, struct json names,
                     struct api_match *ret)
{
    if ((route->versions & version) == 0) {
        return;
    }
    if (route->method != method) {
        ret->methods |= 1u << route->method;
        return;
    }
    ret->route = route;
    ret->names = names;
}

static void find_route(const struct router *router, unsigned version, enum http_method method, struct str path,
                       struct arena *arena, struct api_match *ret)
{
    ptrdiff_t same = str_index_find(router->paths, path);
    for (size_t at = (size_t)(same + 1); at != 0 && ret->route == NULL; at = router->next[at - 1]) {
        consider(router->routes[at - 1], version, method, json_object(), ret);
    }
    for (size_t i = 0; i < router->named_count && ret->route == NULL; i++) {
        struct json names;
        if (path_fits(router->named[i]->path, path, arena, &names)) {
            consider(router->named[i], version, method, names, ret);
        }
    }
}

static bool plain_fits(const struct api_plain *plain, struct str path)
{
    struct str wanted = str_from(plain->path);
    bool below = wanted.n > 1 && wanted.p[wanted.n - 1] == '/';
    return str_eq(path, wanted) || (below && str_starts(path, wanted));
}

void router_find(const struct router *router, const struct http_exchange *exchange, struct api_match *ret)
{
    *ret = (struct api_match){0};
    enum http_method method = exchange->method == HTTP_HEAD ? HTTP_GET : exchange->method;
    for (size_t i = 0; api_plains[i] != NULL; i++) {
        for (const struct api_plain *plain = api_plains[i]; plain->path != NULL; plain++) {
            if (plain_fits(plain, exchange->path) && plain->method == method) {
                ret->plain = plain;
                return;
            }
            ret->methods |= plain_fits(plain, exchange->path) ? 1u << plain->method : 0;
        }
    }
    for (size_t p = 0; p < sizeof prefixes / sizeof prefixes[0]; p++) {
        struct str prefix = str_from(prefixes[p].prefix);
        if (!str_starts(exchange->path, prefix)) {
            continue;
        }
        find_route(router, prefixes[p].version, method, str_slice(exchange->path, prefix.n, exchange->path.n),
                   exchange->arena, ret);
    }
}

const struct api_route *router_route(const struct router *router, enum http_method method, const char *path)
{
    ptrdiff_t same = str_index_find(router->paths, str_from(path));
    for (size_t at = (size_t)(same + 1); at != 0; at = router->next[at - 1]) {
        if (router->routes[at - 1]->method == method) {
            return router->routes[at - 1];
        }
    }
    return NULL;
}
