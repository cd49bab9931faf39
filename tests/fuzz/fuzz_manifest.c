/* SPDX-License-Identifier: Apache-2.0
 * Plugin files of any bytes, read as ELF, and manifests of any text: what is accepted can be used, its defaults by its
 * own rules too.
 */
#include "base/utf8.h"
#include "plugin/catalogue.h"
#include "plugin/elf_section.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check(int holds)
{
    if (!holds) {
        abort();
    }
}

static void check_plugin(struct str manifest)
{
    struct arena *arena = arena_new();
    struct plugin plugin;
    struct json complete = json_null();
    struct json nothing = json_object();
    struct err err = {0};
    if (plugin_parse_manifest(manifest, arena, &plugin, &err) < 0) {
        check(err.code != ERR_NONE && err.message[0] != '\0');
    } else {
        bool required = false;
        check(plugin.name.n > 0 && utf8_valid(plugin.name) && utf8_valid(plugin.summary));
        for (size_t i = 0; i < plugin.param_count; i++) {
            check(plugin_find_param(&plugin, plugin.params[i].name) == &plugin.params[i]);
            check(utf8_valid(plugin.params[i].doc));
            required = required || plugin.params[i].required;
        }
        check(plugin_params_complete(&plugin, &nothing, arena, &complete, &err) == (required ? -1 : 0));
        if (!required) { /* defaults are values that the rules accept */
            struct json again = json_null();
            check(plugin_params_complete(&plugin, &complete, arena, &again, &err) == 0);
            check(json_equal(&complete, &again));
        }
    }
    arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct str file = {(const char *)bytes, size};
    struct str manifest = {0};
    struct err err = {0};
    struct arena *arena = arena_new();
    struct elf_source source = {.fd = -1, .bytes = file.p, .size = file.n};
    if (elf_section_read(source, ".sluice", arena, &manifest, &err) == 0) {
        check(manifest.n <= file.n && (manifest.n == 0 || memmem(file.p, file.n, manifest.p, manifest.n) != NULL));
        check_plugin(manifest);
    } else {
        check(err.code == ERR_INPUT || err.code == ERR_NOT_FOUND);
    }
    arena_free(arena);
    check_plugin(file);
    return 0;
}
