/* SPDX-License-Identifier: Apache-2.0 */
#include "git/pipeline_path.h"

#include "base/path.h"
#include "base/str.h"

static bool is_yaml(struct str name)
{
    return str_ends(name, STR(".yaml")) || str_ends(name, STR(".yml"));
}

static bool is_sluice(struct str name)
{
    return str_is(name, "sluice.yaml") || str_is(name, "sluice.yml");
}

/* NAME.yaml or NAME/sluice.yaml, in a folder. */
static bool is_in_folder(struct str rest)
{
    struct str first = {0};
    if (rest.n == 0 || rest.p[0] == '.') {
        return false;
    }
    ptrdiff_t slash = str_find_byte(rest, '/', 0);
    first = slash < 0 ? rest : str_slice(rest, 0, (size_t)slash);
    return slash < 0 ? is_yaml(first) : is_sluice(str_slice(rest, (size_t)slash + 1, rest.n));
}

static bool is_below(struct str folder, struct str file)
{
    while (folder.n > 0 && folder.p[folder.n - 1] == '/') {
        folder.n--;
    }
    if (folder.n == 0 || str_is(folder, ".")) {
        return is_in_folder(file);
    }
    return str_starts(file, folder) && file.n > folder.n && file.p[folder.n] == '/' &&
           is_in_folder(str_slice(file, folder.n + 1, file.n));
}

bool is_pipeline_path(const char *path, const char *file)
{
    struct str given = str_from(path);
    struct str name = str_from(file);
    if (given.n == 0) {
        return is_sluice(name) || is_below(STR("pipelines"), name);
    }
    if (strpbrk(path, "*?[") != NULL) {
        return is_yaml(name) && path_matches(path, file);
    }
    return is_yaml(given) ? str_eq(given, name) : is_below(given, name);
}

const char *pipeline_path_words(const char *path)
{
    return *path == '\0' ? "sluice.yaml, pipelines/NAME.yaml or pipelines/NAME/sluice.yaml" : path;
}
