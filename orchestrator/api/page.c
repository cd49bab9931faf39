/* SPDX-License-Identifier: Apache-2.0 */
#include "api/page.h"

#include "api/file_path.h"
#include "api/mlflow/routes.h"
#include "base/fs.h"
#include "base/path.h"
#include "base/percent.h"

static const char index_name[] = "index.html";
static const char files_prefix[] = "/static-files/";

/* The page talks to this server alone, whatever it would like to tell others; and no other site frames it. What it
 * shows of artifacts may load pictures and scripts from elsewhere, as on MLflow's server. */
static const char policy[] = "connect-src 'self' data: blob:; frame-ancestors 'self'; base-uri 'self'";

/* Where the files lie in what one is likely to name instead. */
static const char *const inside[] = {"mlflow/server/js/build", "server/js/build", "js/build", "build"};

static const char *likely_place(const char *folder, struct arena *arena)
{
    for (size_t i = 0; i < sizeof inside / sizeof inside[0]; i++) {
        const char *path = path_join(arena, folder, inside[i]);
        if (fs_is_file(path_join(arena, path, index_name))) {
            return path;
        }
    }
    return NULL;
}

static int refuse(const char *folder, struct err *err)
{
    struct arena *arena = arena_new();
    const char *likely = likely_place(folder, arena);
    if (likely != NULL) {
        (void)err_set(err, ERR_INPUT, "there is no '%s' in '%s': did you mean '%s'?", index_name, folder, likely);
    } else {
        (void)err_set(err, ERR_INPUT,
                      "there is no '%s' in '%s': expected the folder mlflow/server/js/build of an installed mlflow, or "
                      "of its wheel unpacked ('pip download --no-deps mlflow', then 'unzip')",
                      index_name, folder);
    }
    arena_free(arena);
    return -1;
}

int api_page_open(const char *folder, struct http_folder *ret, struct err *err)
{
    if (http_folder_open(folder, policy, ret, err) < 0) {
        return -1;
    }
    if (http_folder_has(ret, index_name)) {
        return 0;
    }
    http_folder_close(ret);
    return refuse(folder, err);
}

/* ---- the routes ------------------------------------------------------------------------------------------------- */

static const struct http_folder *page_of(const struct api_call *call)
{
    const struct api_match *match = call->exchange->found;
    return match->door->page;
}

static int answer_files(struct api_call *call, struct err *err)
{
    const struct http_folder *page = page_of(call);
    struct http_exchange *exchange = call->exchange;
    struct str encoded = str_slice(exchange->path, strlen(files_prefix), exchange->path.n);
    struct str decoded;
    const char *path = NULL;
    (void)err;
    if (page == NULL || !percent_decode(encoded, false, call->arena, &decoded) ||
        file_path_check(decoded, call->arena, &path, NULL) < 0 || *path == '\0') {
        http_answer_text(exchange, 404, "There is nothing here.");
        return 0;
    }
    http_folder_answer(page, exchange, path);
    return 0;
}

static int answer_start(struct api_call *call, struct err *err)
{
    const struct http_folder *page = page_of(call);
    struct str host = http_header(call->exchange, "Host");
    (void)err;
    if (page != NULL) {
        http_folder_answer(page, call->exchange, index_name);
        return 0;
    }
    const char *text = arena_printf(
        call->arena,
        "This is sluice. It answers MLflow's clients:\n\n"
        "    export MLFLOW_TRACKING_URI=http://%.*s\n\n"
        "MLflow's own page is shown here by 'sluice serve --mlflow-ui DIR', where DIR is the folder\n"
        "mlflow/server/js/build of an installed mlflow. This prints it:\n\n"
        "    python -c \"import mlflow, os; "
        "print(os.path.join(os.path.dirname(mlflow.__file__), 'server/js/build'))\"\n",
        STR_ARG(host));
    http_answer_text(call->exchange, 200, text);
    return 0;
}

const struct api_plain mlflow_page_plains[] = {
    {.method = HTTP_GET, .path = "/", .needs = API_NEEDS(VIEWER, READ, ANYBODY), .answer = answer_start},
    {.method = HTTP_GET, .path = files_prefix, .needs = API_NEEDS(VIEWER, READ, ANYBODY), .answer = answer_files},
    {0},
};
