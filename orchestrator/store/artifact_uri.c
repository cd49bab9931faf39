/* SPDX-License-Identifier: Apache-2.0 */
#include "store/artifact_uri.h"

#include "base/arena.h"
#include "base/str.h"
#include "base/utf8.h"
#include "store/key_rules.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* ---- taking apart ---------------------------------------------------------------------------------------------- */

/* What is left to look at is decoded; views into `text`. */
struct uri {
    const char *text;
    struct str scheme; /* as written; empty: a path */
    bool has_host;     /* "//" stood behind the scheme */
    struct str host;
    struct str path;
};

enum scheme_kind { SCHEME_UNKNOWN, SCHEME_LOCAL, SCHEME_STORE, SCHEME_OBJECT, SCHEME_OURS, SCHEME_RUNS, SCHEME_MODELS };

static const struct scheme_row {
    const char *name;
    enum scheme_kind kind;
    bool wants_host;
} schemes[] = {
    {"", SCHEME_LOCAL, false},      {"file", SCHEME_LOCAL, false},  {"http", SCHEME_STORE, true},
    {"https", SCHEME_STORE, true},  {"ftp", SCHEME_STORE, true},    {"sftp", SCHEME_STORE, true},
    {"s3", SCHEME_OBJECT, false},   {"gs", SCHEME_OBJECT, false},   {"r2", SCHEME_OBJECT, false},
    {"b2", SCHEME_OBJECT, false},   {"oss", SCHEME_OBJECT, false},  {"abfs", SCHEME_OBJECT, false},
    {"abfss", SCHEME_OBJECT, false}, {"wasb", SCHEME_OBJECT, false}, {"wasbs", SCHEME_OBJECT, false},
    {"hdfs", SCHEME_OBJECT, false}, {"viewfs", SCHEME_OBJECT, false}, {"dbfs", SCHEME_OBJECT, false},
    {"uc", SCHEME_OBJECT, false},   {"mlflow-artifacts", SCHEME_OURS, false}, {"runs", SCHEME_RUNS, false},
    {"models", SCHEME_MODELS, false},
};

static const struct scheme_row *find_scheme(struct str scheme)
{
    static const struct scheme_row unknown = {"?", SCHEME_UNKNOWN, false};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (scheme.n == strlen(schemes[i].name) && strncasecmp(schemes[i].name, scheme.p, scheme.n) == 0) {
            return &schemes[i];
        }
    }
    return &unknown;
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *found = c == '\0' ? NULL : strchr(digits, tolower((unsigned char)c));
    return found == NULL ? -1 : (int)(found - digits);
}

/* One round of percent-decoding in place; did it change anything? */
static bool decode_once(char *text)
{
    char *to = text;
    bool changed = false;
    for (const char *from = text; *from != '\0'; from++) {
        int high = from[0] == '%' ? hex_digit(from[1]) : -1;
        int low = high >= 0 ? hex_digit(from[2]) : -1;
        if (low >= 0) {
            bool is_nul = high == 0 && low == 0; /* as bad as any control character */
            *to++ = is_nul ? '\1' : (char)(high * 16 + low);
            from += 2;
            changed = true;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
    return changed;
}

static struct uri take_apart(const char *given, struct arena *arena)
{
    char *text = arena_strdup(arena, given);
    while (decode_once(text)) { /* each round makes it shorter */
    }
    struct uri uri = {.text = text};
    size_t letters = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");
    struct str rest = str_from(text);
    if (letters > 0 && text[letters] == ':' && isalpha((unsigned char)text[0])) {
        uri.scheme = str_slice(rest, 0, letters);
        rest = str_slice(rest, letters + 1, rest.n);
    } else {
        uri.scheme = STR("");
    }
    if (str_starts(rest, STR("//"))) {
        uri.has_host = true;
        ptrdiff_t slash = str_find_byte(rest, '/', 2);
        size_t end = slash < 0 ? rest.n : (size_t)slash;
        uri.host = str_slice(rest, 2, end);
        rest = str_slice(rest, end, rest.n);
    }
    uri.path = rest;
    return uri;
}

static bool has_odd_bytes(const struct uri *uri)
{
    for (const char *c = uri->text; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f || *c == '\\') {
            return true;
        }
    }
    return !utf8_valid(str_from(uri->text));
}

/* Does it lead elsewhere than it says, "." and ".."? */
static bool has_dots(struct str path)
{
    struct str part;
    while (str_cut(&path, '/', &part)) {
        if (str_is(part, ".") || str_is(part, "..")) {
            return true;
        }
    }
    return false;
}

/* Absolute, more than "/", and meaning what it says. */
static bool is_plain_path(struct str path)
{
    while (path.n > 0 && path.p[path.n - 1] == '/') {
        path.n--;
    }
    return path.n > 1 && path.p[0] == '/' && !has_dots(path);
}

/* The path of a file on this machine: no host, or this one's name. */
static bool is_here(const struct uri *uri)
{
    return !uri->has_host || (uri->scheme.n > 0 && (uri->host.n == 0 || str_is(uri->host, "localhost")));
}

/* The next part that is not empty; "a//b" has two. */
static bool next_part(struct str *rest, struct str *ret)
{
    while (str_cut(rest, '/', ret)) {
        if (ret->n > 0) {
            return true;
        }
    }
    return false;
}

/* Is `path` the folder `root`, or below it? An empty root holds nothing. */
static bool path_is_within(struct str path, struct str root)
{
    struct str wanted;
    struct str part;
    bool any = false;
    while (next_part(&root, &wanted)) {
        any = true;
        if (!next_part(&path, &part) || !str_eq(part, wanted)) {
            return false;
        }
    }
    return any;
}

static bool same_word(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || strncasecmp(a.p, b.p, a.n) == 0);
}

/* ---- locations ------------------------------------------------------------------------------------------------- */

static int check_location(const struct uri *uri, const char *location, struct err *err)
{
    const struct scheme_row *scheme = find_scheme(uri->scheme);
    if (scheme->kind == SCHEME_RUNS) {
        return err_set(err, ERR_INPUT, "Artifact location cannot be a runs:/ URI. Given: '%s'", location);
    }
    if (scheme->kind == SCHEME_UNKNOWN || scheme->kind == SCHEME_MODELS) {
        return err_set(err, ERR_INPUT,
                       "Invalid artifact location: '%s'. No artifacts are kept under the scheme '%.*s'.", location,
                       STR_ARG(uri->scheme));
    }
    if (scheme->kind == SCHEME_OURS && uri->host.n > 0) { /* to which other clients would say who they are */
        return err_set(err, ERR_INPUT,
                       "'artifact_location' cannot use the 'mlflow-artifacts' scheme with a host: clients would go "
                       "there with their passwords and tokens. Given: '%s'",
                       location);
    }
    bool bad_host = scheme->kind == SCHEME_LOCAL ? !is_here(uri) : scheme->wants_host && uri->host.n == 0;
    bool bad_path = has_dots(uri->path) || (uri->scheme.n > 0 && uri->path.n > 0 && uri->path.p[0] != '/');
    if (has_odd_bytes(uri) || bad_host || bad_path) {
        return err_set(err, ERR_INPUT,
                       "Invalid artifact location: '%s'. Expected a path or a URI without relative references, "
                       "backslashes and control characters, and with a host where it needs one.",
                       location);
    }
    return 0;
}

int artifact_location_check(const char *location, struct err *err)
{
    if (value_cut(location, ARTIFACT_LOCATION_CHARACTERS_MAX).n < str_from(location).n) {
        return err_set(err, ERR_INPUT,
                       "Invalid artifact path length. The length of the artifact path cannot be greater than %d "
                       "characters.",
                       ARTIFACT_LOCATION_CHARACTERS_MAX);
    }
    struct arena *arena = arena_new();
    struct uri uri = take_apart(location, arena);
    int result = 0;
    if (strpbrk(uri.text, "#;") != NULL) {
        result = err_set(err, ERR_INPUT, "'artifact_location' URL can't include fragments or params.");
    } else if (strchr(uri.text, '?') != NULL) {
        result = err_set(err, ERR_INPUT, "Invalid query string");
    } else {
        result = check_location(&uri, location, err);
    }
    arena_free(arena);
    return result;
}

/* ---- sources --------------------------------------------------------------------------------------------------- */

static bool is_given(const char *text)
{
    return text != NULL && *text != '\0';
}

static int refuse_local(const struct model_source *source, struct err *err)
{
    const char *owner = is_given(source->model_id) ? "model_id" : "run_id";
    return err_set(err, ERR_INPUT,
                   "Invalid model version source: '%s'. To use a local path as a model version source, the %s request "
                   "parameter has to be specified and the local path has to be contained within the artifact directory "
                   "of the run specified by the %s.",
                   source->source, owner, owner);
}

static int refuse_relative(const struct model_source *source, struct err *err)
{
    return err_set(err, ERR_INPUT,
                   "Invalid model version source: '%s'. If supplying a source as an http, https, local file path, ftp, "
                   "objectstore, or mlflow-artifacts uri, an absolute path must be provided without relative path "
                   "references present. Please provide an absolute path.",
                   source->source);
}

static int refuse_owner(const struct model_source *source, const char *owner, struct err *err)
{
    return err_set(err, ERR_INPUT,
                   "Invalid model version source: '%s'. The %s request parameter must identify the resource that "
                   "contains the source.",
                   source->source, owner);
}

/* Where the source must lie: in the model, when one is given, else in the run. */
static const char *root_of(const struct model_source *source)
{
    return is_given(source->model_id) ? source->model_root : is_given(source->run_id) ? source->run_root : NULL;
}

/* Same place of the same kind, and below. */
static bool is_within_root(const struct uri *uri, const char *root_text, struct arena *arena)
{
    if (root_text == NULL) {
        return false;
    }
    struct uri root = take_apart(root_text, arena);
    bool is_local = find_scheme(uri->scheme)->kind == SCHEME_LOCAL;
    bool same_place = is_local ? find_scheme(root.scheme)->kind == SCHEME_LOCAL && is_here(uri) && is_here(&root)
                               : same_word(uri->scheme, root.scheme) && same_word(uri->host, root.host);
    return same_place && path_is_within(uri->path, root.path);
}

/* Our own artifact routes, by whatever name of this host. */
static bool is_our_route(const struct uri *uri)
{
    return str_find(uri->path, STR("/api/2.0/mlflow-artifacts/artifacts")) >= 0;
}

/* "runs:/ID/path", "runs:/ID" */
static int check_runs(const struct model_source *source, const struct uri *uri, struct err *err)
{
    struct str rest = uri->path;
    struct str id;
    bool is_of_run =
        !uri->has_host && next_part(&rest, &id) && is_given(source->run_id) && str_is(id, source->run_id);
    return is_of_run && !is_given(source->model_id)
               ? 0
               : refuse_owner(source, is_given(source->model_id) ? "model_id" : "run_id", err);
}

/* "models:/m-ID", "models:/NAME/VERSION", "models:/NAME@ALIAS". */
static int check_models(const struct model_source *source, const struct uri *uri, struct err *err)
{
    struct str rest = uri->path;
    struct str first;
    struct str second;
    if (uri->has_host) {
        return err_set(err, ERR_INPUT,
                       "Invalid model version source: '%s'. Registered model sources must use the active model "
                       "registry.",
                       source->source);
    }
    if (!next_part(&rest, &first)) {
        return refuse_owner(source, "model_id", err);
    }
    bool is_model_id = !next_part(&rest, &second) && str_find_byte(first, '@', 0) < 0;
    bool is_ours = is_given(source->model_id) && str_is(first, source->model_id);
    return !is_model_id || is_ours ? 0 : refuse_owner(source, "model_id", err);
}

static int check_source(const struct model_source *source, const struct uri *uri, struct arena *arena, struct err *err)
{
    const struct scheme_row *scheme = find_scheme(uri->scheme);
    bool is_clean = !has_odd_bytes(uri) && strpbrk(uri->text, "#?") == NULL;
    bool is_plain = is_clean && is_plain_path(uri->path);
    if (scheme->kind == SCHEME_LOCAL) {
        return is_plain && is_within_root(uri, root_of(source), arena) ? 0 : refuse_local(source, err);
    }
    if (!is_plain || (scheme->wants_host && uri->host.n == 0)) {
        return refuse_relative(source, err);
    }
    if (scheme->kind == SCHEME_UNKNOWN) {
        return err_set(err, ERR_INPUT, "Invalid model version source: '%s'. No artifacts are kept under the scheme "
                                       "'%.*s'.",
                       source->source, STR_ARG(uri->scheme));
    }
    if (scheme->kind == SCHEME_RUNS || scheme->kind == SCHEME_MODELS) {
        return scheme->kind == SCHEME_RUNS ? check_runs(source, uri, err) : check_models(source, uri, err);
    }
    bool is_ours = scheme->kind == SCHEME_OURS || (scheme->kind == SCHEME_STORE && is_our_route(uri));
    return !is_ours || is_within_root(uri, root_of(source), arena)
               ? 0
               : refuse_owner(source, is_given(source->model_id) ? "model_id" : "run_id", err);
}

int model_source_check(const struct model_source *source, struct err *err)
{
    if (source->is_prompt) {
        bool is_placeholder =
            strcmp(source->source, "dummy-source") == 0 || strcmp(source->source, "prompt-template") == 0;
        return is_placeholder ? 0
                              : err_set(err, ERR_INPUT,
                                        "Invalid prompt source: '%s'. Prompt sources must use an MLflow placeholder.",
                                        source->source);
    }
    if (value_check_length("source", source->source, MODEL_SOURCE_CHARACTERS_MAX, err) < 0) {
        return -1;
    }
    struct arena *arena = arena_new();
    struct uri uri = take_apart(source->source, arena);
    int result = check_source(source, &uri, arena, err);
    arena_free(arena);
    return result;
}

bool artifact_is_within(const char *place, const char *root)
{
    struct arena *arena = arena_new();
    struct uri uri = take_apart(place, arena);
    bool is_plain = !has_odd_bytes(&uri) && strpbrk(uri.text, "#?") == NULL && is_plain_path(uri.path);
    bool result = is_plain && is_within_root(&uri, root, arena);
    arena_free(arena);
    return result;
}

const char *artifact_below_home(struct str home, const char *stored)
{
    static const char folder[] = "/artifacts";
    struct str place = str_from(stored);
    struct str below = str_slice(place, home.n, place.n);
    if (!str_starts(place, home) || !str_starts(below, str_from(folder))) {
        return NULL;
    }
    const char *rest = below.p + strlen(folder);
    return *rest == '\0' ? "/" : *rest == '/' ? rest : NULL;
}
