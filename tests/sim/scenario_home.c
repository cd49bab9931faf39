/* SPDX-License-Identifier: Apache-2.0
 * What a scenario begins with: what its home has, the files of its workspace, the two plugins.
 */
#include "scenario.h"

#include "base/fs.h"
#include "base/path.h"
#include "machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct json read_value(struct arena *arena, struct str text)
{
    struct json value = json_object();
    (void)json_read(arena_str(arena, text), (struct json_limits){0}, arena, &value, NULL);
    return value;
}

static void add_supply(struct history *h, struct str rest)
{
    struct arena *arena = h->world.arena;
    char name[32] = "";
    char devices[100] = "";
    long long amount = 0;
    (void)sscanf(arena_str(arena, rest).p, "%31s %lld %99s", name, &amount, devices);
    struct resource_supply supply = {.name = arena_str(arena, str_from(name)), .amount = amount};
    if (devices[0] != '\0') {
        struct str *list = arena_array(arena, (size_t)amount + 1, sizeof *list);
        struct str left = arena_str(arena, str_from(devices));
        for (int64_t i = 0; i < amount && str_cut(&left, ',', &list[i]); i++) {
        }
        supply.devices = list;
    }
    h->supply[h->setup.supply_count++] = supply;
}

static void forget_secrets(void *ctx, int64_t attempt)
{
    struct history *h = ctx;
    for (size_t i = h->asking.count; i > 0; i--) {
        if (h->asking.items[i - 1] == attempt) {
            h->asking.items[i - 1] = h->asking.items[--h->asking.count];
        }
    }
}

static int secret_of(void *ctx, int64_t attempt, struct str name, const char *pipeline, struct arena *arena,
                     struct str *ret, struct err *err)
{
    struct history *h = ctx;
    const struct json *value = json_get_str(&h->secrets, name);
    (void)pipeline;
    vec_push(&h->asking, attempt);
    if (value != NULL && value->type == JSON_NULL) {
        return 1;
    }
    if (value == NULL) {
        return err_set(err, ERR_NOT_FOUND, "there is no secret '%.*s'", STR_ARG(name));
    }
    *ret = arena_str(arena, value->u.string);
    return 0;
}

static void give_secrets(struct history *h)
{
    h->setup.secret = secret_of;
    h->setup.secret_forget = forget_secrets;
    h->setup.secret_ctx = h;
}

static void set_home(struct history *h, struct str line)
{
    static const struct str let_through[] = {{"LET_*", 5}, {"EXACT", 5}};
    struct arena *arena = h->world.arena;
    struct str word = {0};
    struct str rest = line;
    if (!str_cut(&rest, ' ', &word)) {
        return;
    }
    if (str_is(word, "slots")) {
        h->world.plan.slots = (int)strtol(rest.p, NULL, 10);
    } else if (str_is(word, "supply")) {
        add_supply(h, rest);
    } else if (str_is(word, "secret")) {
        struct str name = {0};
        (void)str_cut(&rest, ' ', &name);
        json_set(arena, &h->secrets, arena_str(arena, name).p, json_string(arena, rest));
        give_secrets(h);
    } else if (str_is(word, "slow-secret")) {
        json_set(arena, &h->secrets, arena_str(arena, rest).p, json_null());
        give_secrets(h);
    } else if (str_is(word, "groups")) {
        h->setup.groups = read_value(arena, rest);
    } else if (str_is(word, "guards")) {
        h->guards = read_value(arena, rest);
    } else if (str_is(word, "vars")) {
        h->setup.vars = read_value(arena, rest);
    } else if (str_is(word, "env")) {
        h->setup.step_env = read_value(arena, rest);
        h->setup.step_env_names = let_through;
        h->setup.step_env_name_count = 2;
    } else if (str_is(word, "fires")) {
        h->fires = true;
    } else if (str_is(word, "source")) {
        h->repository = (struct repository){.count = h->repository.count + 1,
                                            .home = h->world.home,
                                            .workspace = h->world.workspace,
                                            .arena = arena};
    } else if (str_is(word, "calm")) {
        h->calm = true;
    } else if (str_is(word, "loose")) {
        h->loose = true;
    } else if (str_is(word, "processes")) {
        h->world.knows_processes = true;
    } else if (str_is(word, "single-user")) {
        h->setup.single_user = true;
    } else if (word.n > 0) {
        world_fail(&h->world, "the scenario's home has '%.*s', which is nothing", STR_ARG(line));
    }
}

static void write_file(struct history *h, struct str path, struct str text)
{
    struct err err = {0};
    struct arena *arena = h->world.arena;
    const char *whole = path_join(arena, h->world.workspace, arena_str(arena, path).p);
    const char *folder = path_dir(arena, whole);
    if (fs_make_folders(folder, 0700, &err) < 0 || fs_write(whole, text, 0600, false, &err) < 0) {
        world_fail(&h->world, "%s", err.message);
    }
}

/* A plugin and a gate that do what their input `acts` says. */
static void add_plugins(struct history *h)
{
    static const char act[] = "sluice-step\0001\0name\0act\0version\0001.0\0summary\0S.\0flags\0STEP_CACHEABLE\0"
                              "param\0acts\0ANY\0\0D.\0param\0model\0STRING\0\0D.\0param\0n\0INT\0\0D."
                              "\0param\0file\0PATH\0\0D."
                              "\0output\0o\0STRING\0D.\0end";
    static const char judge[] = "sluice-step\0001\0name\0judge\0version\0001.0\0summary\0S.\0flags\0STEP_GATE\0"
                                "param\0acts\0ANY\0\0D.\0end";
    const struct str manifests[] = {{act, sizeof act}, {judge, sizeof judge}};
    struct arena *arena = h->world.arena;
    machine_settle(NULL);
    for (size_t i = 0; i < sizeof manifests / sizeof manifests[0]; i++) {
        struct plugin plugin;
        struct err err = {0};
        if (plugin_parse_manifest(manifests[i], arena, &plugin, &err) < 0) {
            world_fail(&h->world, "%s", err.message);
            return;
        }
        const char *path = arena_printf(arena, "%s/%.*s.so", h->world.workspace, STR_ARG(plugin.name));
        (void)fs_write(path, plugin.name, 0600, false, &err);
        machine_settle(path);
        plugin.path = arena_str(arena, str_from(path));
        catalogue_add(&h->catalogue, &plugin);
    }
}

void scenario_prepare(struct history *h, const char *text, struct str *ret_people)
{
    add_plugins(h);
    struct str rest = str_from(text);
    struct str section = {0};
    while (rest.n > 0) {
        ptrdiff_t next = str_find(rest, STR("\n--- "));
        section = next < 0 ? rest : str_slice(rest, 0, (size_t)next + 1);
        rest = next < 0 ? STR("") : str_slice(rest, (size_t)next + 1, rest.n);
        struct str head = {0};
        if (!str_starts(section, STR("--- ")) || !str_cut(&section, '\n', &head)) {
            continue;
        }
        head = str_slice(head, 4, head.n);
        if (str_is(head, "home")) {
            struct str line;
            while (str_cut(&section, '\n', &line)) {
                set_home(h, line);
            }
        } else if (str_starts(head, STR("file "))) {
            write_file(h, str_slice(head, 5, head.n), section);
        } else if (str_is(head, "people")) {
            *ret_people = section;
        } else {
            if (!str_is(head, "end")) {
                world_fail(&h->world, "the scenario has a section '%.*s'", STR_ARG(head));
            }
        }
    }
}
