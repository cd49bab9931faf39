/* SPDX-License-Identifier: Apache-2.0
 * From a zone's name to its file, and what to say where there is none. The names known are those of tzdata.zi, the text
 * form of the database that lies beside the compiled files.
 */
#include "base/fs.h"
#include "time/tzif.h"

#include <stdio.h>
#include <strings.h>

enum { DATABASE_MAX = 4 << 20, SUGGEST_FROM_BYTES = 4 };

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '+';
}

/* Parts of letters, digits, '_', '-' and '+' between single slashes: nothing else names a zone, and nothing that leaves
 * the folder passes. */
static bool name_is_sound(struct str name)
{
    if (name.n == 0 || name.n > TZIF_NAME_MAX) {
        return false;
    }
    for (struct str rest = name, part; str_cut(&rest, '/', &part);) {
        for (size_t i = 0; i < part.n; i++) {
            if (!is_name_byte(part.p[i])) {
                return false;
            }
        }
        if (part.n == 0) {
            return false;
        }
    }
    return true;
}

static struct str last_part(struct str name)
{
    for (struct str part; str_cut(&name, '/', &part);) {
        if (name.p == NULL) {
            return part;
        }
    }
    return name;
}

struct names {
    struct str *items;
    size_t count;
    size_t room;
};

/* "Z NAME ..." and "L TARGET NAME" lines. */
static void list_names(struct arena *arena, struct str database, struct names *names)
{
    for (struct str line; str_cut(&database, '\n', &line);) {
        struct str word = {0};
        struct str rest = line;
        bool link = str_starts(line, STR("L "));
        if (!link && !str_starts(line, STR("Z "))) {
            continue;
        }
        for (int i = 0; i < (link ? 3 : 2); i++) {
            word = (struct str){0};
            (void)str_cut(&rest, ' ', &word);
        }
        if (name_is_sound(word)) {
            names->items = arena_grow(arena, names->items, names->count, &names->room, sizeof *names->items);
            names->items[names->count++] = word;
        }
    }
}

/* "Berlin" is near Europe/Berlin. */
static ptrdiff_t nearest_place(struct arena *arena, struct str name, const struct names *names)
{
    struct str *places = arena_array(arena, names->count, sizeof *places);
    for (size_t i = 0; i < names->count; i++) {
        places[i] = last_part(names->items[i]);
    }
    return str_nearest(last_part(name), places, names->count);
}

static int complain_unknown(const char *folder, struct str name, struct arena *scratch, struct err *err)
{
    struct str database = {0};
    struct names names = {0};
    ptrdiff_t near = -1;
    if (name.n >= SUGGEST_FROM_BYTES &&
        fs_read(arena_printf(scratch, "%s/tzdata.zi", folder), DATABASE_MAX, scratch, &database, NULL) == 0) {
        list_names(scratch, database, &names);
        near = str_nearest(name, names.items, names.count);
        near = near < 0 ? nearest_place(scratch, name, &names) : near;
    }
    if (near < 0) {
        return err_set(err, ERR_NOT_FOUND,
                       "there is no time zone '%.*s', expected a name such as Europe/Copenhagen or UTC", STR_ARG(name));
    }
    return err_set(err, ERR_NOT_FOUND, "there is no time zone '%.*s', did you mean '%.*s'", STR_ARG(name),
                   STR_ARG(names.items[near]));
}

/* A folder without even UTC is one without tzdata. */
static bool has_zones(const char *folder, struct arena *scratch)
{
    return fs_is_file(arena_printf(scratch, "%s/UTC", folder)) ||
           fs_is_file(arena_printf(scratch, "%s/Etc/UTC", folder));
}

static int load_file(const char *folder, struct str name, struct arena *scratch, struct arena *arena,
                     const struct tzif **ret_zone, struct err *err)
{
    const char *path = arena_printf(scratch, "%s/%.*s", folder, STR_ARG(name));
    struct str bytes = {0};
    if (!has_zones(folder, scratch)) {
        return err_set(err, ERR_NOT_FOUND,
                       "time zone '%.*s': this machine has no time zones but UTC, install the package tzdata",
                       STR_ARG(name));
    }
    if (fs_is_folder(path)) {
        return err_set(err, ERR_INPUT, "'%.*s' is a folder of time zones, expected a zone such as Europe/Copenhagen",
                       STR_ARG(name));
    }
    if (!fs_is_file(path)) {
        return complain_unknown(folder, name, scratch, err);
    }
    if (fs_read(path, TZIF_FILE_MAX, scratch, &bytes, err) < 0) {
        return err_add(err, "time zone '%.*s'", STR_ARG(name));
    }
    return tzif_parse(bytes, name, arena, ret_zone, err);
}

int tzif_load_from(const char *folder, struct str name, struct arena *arena, const struct tzif **ret_zone,
                   struct err *err)
{
    if (str_is(name, "UTC") || str_is(name, "Etc/UTC")) {
        *ret_zone = tzif_utc();
        return 0;
    }
    if (name.n == 3 && strncasecmp(name.p, "UTC", 3) == 0) {
        return err_set(err, ERR_NOT_FOUND, "there is no time zone '%.*s', did you mean 'UTC'", STR_ARG(name));
    }
    if (!name_is_sound(name)) {
        return err_set(err, ERR_INPUT,
                       "'%.*s' is not the name of a time zone, expected such as Europe/Copenhagen or UTC",
                       STR_ARG(name));
    }
    struct arena *scratch = arena_new();
    int result = load_file(folder, name, scratch, arena, ret_zone, err);
    arena_free(scratch);
    return result;
}

int tzif_load(struct str name, struct arena *arena, const struct tzif **ret_zone, struct err *err)
{
    return tzif_load_from(TZIF_FOLDER, name, arena, ret_zone, err);
}

bool tzif_release(char *room, size_t size)
{
    static const char mark[] = "# version ";
    char line[64] = "";
    FILE *file = fopen(TZIF_FOLDER "/tzdata.zi", "re");
    bool known = file != NULL && fgets(line, sizeof line, file) != NULL && strncmp(line, mark, sizeof mark - 1) == 0;
    if (file != NULL) {
        (void)fclose(file);
    }
    struct str release = known ? str_trim(str_from(line + sizeof mark - 1)) : (struct str){0};
    (void)snprintf(room, size, "%.*s", STR_ARG(release));
    return release.n > 0;
}
