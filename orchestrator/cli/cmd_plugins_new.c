/* SPDX-License-Identifier: Apache-2.0
 * plugins new: the folder of a plugin that builds and passes its tests at once. Its files are those of new_plugin/,
 * with the name put in.
 */
#include "base/fs.h"
#include "base/path.h"
#include "cli/commands.h"
#include "cli/session.h"

#include <stdio.h>

enum { NAME_MAX_LENGTH = 40, TEMPLATE_MAX = 1 << 20 };

static const struct {
    const char *from;
    const char *suffix; /* of NAME; NULL: `to` is the whole name */
    const char *to;
} files[] = {
    {"plugin.c.in", ".c", NULL},
    {"plugin_test.yaml.in", "_test.yaml", NULL},
    {"Makefile.in", NULL, "Makefile"},
    {"README.md.in", NULL, "README.md"},
};

/* The name becomes a C identifier, a file name and a word in `uses`. */
static int check_name(struct str name, struct err *err)
{
    bool good = name.n > 0 && name.n <= NAME_MAX_LENGTH && name.p[0] >= 'a' && name.p[0] <= 'z';
    for (size_t i = 0; good && i < name.n; i++) {
        char c = name.p[i];
        good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    }
    return good ? 0
                : err_set(err, ERR_INPUT,
                          "'%.*s' is no name for a plugin: expected up to %d of a-z, 0-9 and '_', a letter first",
                          STR_ARG(name), NAME_MAX_LENGTH);
}

static struct str with_name(struct arena *arena, struct str text, const char *name)
{
    const struct str mark = STR("@NAME@");
    struct strbuf whole;
    strbuf_init(&whole, TEMPLATE_MAX);
    for (ptrdiff_t at = str_find(text, mark); at >= 0; at = str_find(text, mark)) {
        strbuf_add_str(&whole, str_slice(text, 0, (size_t)at));
        strbuf_add_str(&whole, str_from(name));
        text = str_slice(text, (size_t)at + mark.n, text.n);
    }
    strbuf_add_str(&whole, text);
    struct str result = arena_str(arena, strbuf_str(&whole));
    strbuf_clear(&whole);
    return result;
}

static int write_plugin(struct cli *cli, const char *name, struct err *err)
{
    struct installation installation;
    installation_find(cli, &installation);
    const char *templates = path_join(cli->arena, installation.share, "templates/new-plugin");
    if (fs_make_folders(name, 0755, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct str text;
        const char *to = files[i].to != NULL ? files[i].to : arena_printf(cli->arena, "%s%s", name, files[i].suffix);
        if (fs_read(path_join(cli->arena, templates, files[i].from), TEMPLATE_MAX, cli->arena, &text, err) < 0 ||
            fs_write(path_join(cli->arena, name, to), with_name(cli->arena, text, name), 0644, false, err) < 0) {
            return -1;
        }
    }
    return fs_copy(installation.step_header, path_join(cli->arena, name, "step.h"), err);
}

static int run_plugins_new(struct cli *cli)
{
    struct err err = {0};
    const char *name = cli->arguments[0];
    if (check_name(str_from(name), &err) < 0) {
        return cli_fail(cli, EXIT_USAGE, &err);
    }
    if (fs_exists(name)) {
        (void)err_set(&err, ERR_EXISTS, "'%s' is there already", name);
        return cli_fail(cli, EXIT_USAGE, &err);
    }
    if (write_plugin(cli, name, &err) < 0) {
        return cli_fail(cli, EXIT_HOME, &err);
    }
    if (cli->json) {
        struct json object = json_object();
        json_set(cli->arena, &object, "folder", json_cstring(cli->arena, name));
        printf("%s\n", json_text(cli->arena, &object).p);
    } else if (!cli->quiet) {
        printf("wrote %s/\nnext: make -C %s test\n", name, name);
    }
    return EXIT_OK;
}

const struct command command_plugins_new = {
    .name = "plugins new",
    .group = "Write",
    .summary = "write the folder of a new plugin, ready to build and test",
    .arguments = "NAME",
    .details = "Writes NAME/ with the plugin in C, its tests, a Makefile, a README and step.h. Nothing else of sluice\n"
               "is needed to build it.",
    .examples = "sluice plugins new greet && make -C greet test",
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_plugins_new,
};
