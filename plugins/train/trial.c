/* SPDX-License-Identifier: Apache-2.0 */
#include "trial.h"

#include "folder.h"
#include "moment.h"
#include "program.h"
#include "textbuf.h"
#include "value.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- the command -------------------------------------------------------------------------------- */

static void put_param(struct textbuf *out, const struct step_value *value)
{
    if (value->type == STEP_TYPE_LIST || value->type == STEP_TYPE_MAP) {
        value_put_json(out, value);
    } else {
        value_put_plain(out, value);
    }
}

/* The length of a name at the start of the text, when a '}' stands behind it; else 0. */
static size_t name_size(const char *text)
{
    size_t n = 0;
    while (isalnum((unsigned char)text[n]) || text[n] == '_') {
        n++;
    }
    return text[n] == '}' && !isdigit((unsigned char)text[0]) ? n : 0;
}

static int put_named(struct textbuf *out, const struct trial *trial, const char *name, struct fault *fault)
{
    const struct step_value *param = step_get(trial->params, name);
    if (param != NULL) {
        put_param(out, param);
    } else if (strcmp(name, "dir") == 0) {
        textbuf_put(out, trial->dir);
    } else if (strcmp(name, "index") == 0) {
        textbuf_printf(out, "%zu", trial->index);
    } else if (strcmp(name, "params") == 0) {
        value_put_json(out, trial->params);
    } else {
        return fault_set(fault,
                         "command: '{%.60s}' is no param: expected one of the candidates' or {dir}, {index}, {params}, "
                         "or {{ for a brace",
                         name);
    }
    return 0;
}

/* Braces that hold no name, as in JSON or shell text, stay as they are. */
static int expand(struct scratch *scratch, const struct trial *trial, const char *item, const char **ret,
                  struct fault *fault)
{
    struct textbuf out = {0};
    int result = 0;
    for (const char *p = item; *p != '\0' && result == 0;) {
        size_t n = *p == '{' ? name_size(p + 1) : 0;
        if (n > 0) {
            result = put_named(&out, trial, scratch_copy(scratch, p + 1, n), fault);
            p += n + 2;
        } else {
            textbuf_put_bytes(&out, p, 1);
            p += strncmp(p, "{{", 2) == 0 ? 2 : 1;
        }
    }
    *ret = scratch_copy(scratch, textbuf_text(&out), out.size);
    textbuf_free(&out);
    return result;
}

static int expand_all(struct scratch *scratch, const struct trial_spec *spec, const struct trial *trial,
                      const char *const **ret_argv, struct fault *fault)
{
    size_t count = 0;
    for (; spec->command[count] != NULL; count++) {
    }
    const char **argv = scratch_array(scratch, count + 1, sizeof *argv);
    for (size_t i = 0; i < count; i++) {
        if (expand(scratch, trial, spec->command[i], &argv[i], fault) < 0) {
            return -1;
        }
    }
    *ret_argv = argv;
    return 0;
}

int trial_check_command(const struct trial_spec *spec, const struct step_value *params, struct fault *fault)
{
    struct scratch scratch = {0};
    struct trial trial = {.params = params, .dir = ""};
    const char *const *argv = NULL;
    int result = expand_all(&scratch, spec, &trial, &argv, fault);
    scratch_free(&scratch);
    return result;
}

/* ---- running ------------------------------------------------------------------------------------ */

static const char *const *environment(struct scratch *scratch, const struct trial *trial, const char *params_path)
{
    const char **env = scratch_array(scratch, trial->params->count + 5, sizeof *env);
    size_t n = 0;
    env[n++] = scratch_printf(scratch, "SLUICE_STEP_DIR=%s", trial->dir);
    env[n++] = scratch_printf(scratch, "SLUICE_CANDIDATE_DIR=%s", trial->dir);
    env[n++] = scratch_printf(scratch, "SLUICE_CANDIDATE=%zu", trial->index);
    env[n++] = scratch_printf(scratch, "SLUICE_PARAMS=%s", params_path);
    for (size_t i = 0; i < trial->params->count; i++) {
        struct textbuf text = {0};
        put_param(&text, &trial->params->items[i]);
        char *variable = scratch_printf(scratch, "SLUICE_PARAM_%s=%s", trial->params->keys[i], textbuf_text(&text));
        for (char *p = variable; *p != '='; p++) {
            *p = (char)toupper((unsigned char)*p);
        }
        env[n++] = variable;
        textbuf_free(&text);
    }
    return env;
}

static int write_params(const struct trial *trial, const char *path, struct fault *fault)
{
    struct textbuf json = {0};
    value_put_json(&json, trial->params);
    textbuf_put(&json, "\n");
    int result = folder_make(trial->dir, fault) < 0 ? -1 : textbuf_write_file(&json, path, fault);
    textbuf_free(&json);
    return result;
}

int trial_run(const struct step_host *host, const struct trial_spec *spec, struct trial *trial)
{
    struct scratch scratch = {0};
    int64_t start_ms = moment_now_ms();
    const char *params_path = scratch_printf(&scratch, "%s/params.json", trial->dir);
    struct program program = {.folder = host->context->workspace,
                              .output_file = scratch_printf(&scratch, "%s/output.log", trial->dir),
                              .timeout_ms = spec->timeout_ms};
    int result = write_params(trial, params_path, &trial->why);
    if (result == 0) {
        result = expand_all(&scratch, spec, trial, &program.argv, &trial->why);
    }
    if (result == 0) {
        program.env = environment(&scratch, trial, params_path);
        result = program_run(host, &program, &trial->why);
    }
    trial->took_ms = moment_now_ms() - start_ms;
    scratch_free(&scratch);
    return result;
}
