/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/plugin_open.h"

#include "base/parse.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { MANIFEST_MAX_BYTES = 1 << 20, NAMES_MAX_BYTES = 16 << 20 };

/* ---- the section ---- */

static bool read_at(int fd, uint64_t offset, void *room, size_t size)
{
    char *p = room;
    for (size_t done = 0; done < size;) {
        ssize_t n = offset > INT64_MAX - done ? 0 : pread(fd, p + done, size - done, (off_t)(offset + done));
        if (n <= 0 && !(n < 0 && errno == EINTR)) {
            return false;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

static int check_head(const Elf64_Ehdr *head, struct err *err)
{
    if (memcmp(head->e_ident, ELFMAG, SELFMAG) != 0) {
        return err_set(err, ERR_INPUT, "it is no shared object (no ELF file)");
    }
    if (head->e_ident[EI_CLASS] != ELFCLASS64 || head->e_ident[EI_DATA] != ELFDATA2LSB || head->e_type != ET_DYN) {
        return err_set(err, ERR_INPUT, "it is no 64-bit little-endian shared object");
    }
    if (head->e_shentsize != sizeof(Elf64_Shdr) || head->e_shstrndx >= head->e_shnum) {
        return err_set(err, ERR_INPUT, "its section table is broken, or was stripped off");
    }
    return 0;
}

/* So much of the file, in the arena; NULL when it does not have it, or it is too much. */
static char *bytes_at(int fd, uint64_t offset, uint64_t size, uint64_t max, struct arena *arena)
{
    char *bytes = size > max ? NULL : arena_alloc(arena, size + 1);
    return bytes != NULL && read_at(fd, offset, bytes, size) ? bytes : NULL;
}

static bool section_is(const char *names, size_t size, const Elf64_Shdr *section)
{
    static const char wanted[] = ".sluice";
    return section->sh_type != SHT_NOBITS && section->sh_name < size && size - section->sh_name >= sizeof wanted &&
           memcmp(names + section->sh_name, wanted, sizeof wanted) == 0;
}

static int find_manifest(int fd, struct arena *arena, struct str *ret, struct err *err)
{
    Elf64_Ehdr head;
    if (!read_at(fd, 0, &head, sizeof head)) {
        return err_set(err, ERR_INPUT, "it is no shared object (no ELF file)");
    }
    if (check_head(&head, err) < 0) {
        return -1;
    }
    const Elf64_Shdr *sections = (const Elf64_Shdr *)(const void *)bytes_at(
        fd, head.e_shoff, (uint64_t)head.e_shnum * sizeof *sections, UINT64_MAX, arena);
    const Elf64_Shdr *table = sections == NULL ? NULL : &sections[head.e_shstrndx];
    const char *names =
        table == NULL ? NULL : bytes_at(fd, table->sh_offset, table->sh_size, NAMES_MAX_BYTES, arena);
    if (names == NULL) {
        return err_set(err, ERR_INPUT, "its section table is broken, or was cut off");
    }
    for (uint64_t i = 0; i < head.e_shnum; i++) {
        if (section_is(names, table->sh_size, &sections[i])) {
            char *bytes = bytes_at(fd, sections[i].sh_offset, sections[i].sh_size, MANIFEST_MAX_BYTES, arena);
            *ret = (struct str){bytes, sections[i].sh_size};
            return bytes != NULL ? 0 : err_set(err, ERR_INPUT, "its section '.sluice' is broken");
        }
    }
    return err_set(err, ERR_INPUT, "it has no section '.sluice': it is no sluice plugin");
}

int plugin_manifest_read(const char *path, struct arena *arena, struct str *ret, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return errno == ENOENT ? err_set(err, ERR_NOT_FOUND, "there is no such file")
                               : err_errno(err, "it cannot be opened");
    }
    int result = find_manifest(fd, arena, ret, err);
    (void)close(fd);
    return result;
}

/* ---- its words ---- */

/* The type of an output in the words of the pipeline; NULL for one we do not know. */
static const char *output_type(struct str word)
{
    static const struct {
        const char *row;
        const char *type;
    } types[] = {{"STRING", "string"}, {"PATH", "path"},        {"BOOL", "boolean"}, {"INT", "integer"},
                 {"NUMBER", "number"}, {"DURATION", "integer"}, {"SIZE", "integer"}, {"ANY", "json"}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (str_is(word, types[i].row)) {
            return types[i].type;
        }
    }
    return NULL;
}

static int parse_rows(struct str rest, struct arena *arena, struct plugin_facts *facts, struct err *err)
{
    struct str word;
    while (str_cut(&rest, '\0', &word) && !str_is(word, "end")) {
        struct str parts[4] = {0};
        size_t count = str_is(word, "param") ? 4 : str_is(word, "output") ? 3 : 0;
        for (size_t i = 0; i < count; i++) {
            if (!str_cut(&rest, '\0', &parts[i])) {
                return err_set(err, ERR_INPUT, "its manifest ends in a row");
            }
        }
        if (count == 0) {
            return err_set(err, ERR_INPUT, "its manifest has the unknown row '%.*s'", STR_ARG(word));
        }
        const char *type = count == 3 ? output_type(parts[1]) : "";
        if (type == NULL) {
            return err_set(err, ERR_INPUT, "its output '%.*s' has the unknown type '%.*s'", STR_ARG(parts[0]),
                           STR_ARG(parts[1]));
        }
        if (count == 3) {
            json_set(arena, &facts->outputs, arena_str(arena, parts[0]).p, json_cstring(arena, type));
        }
    }
    return str_is(word, "end") ? 0 : err_set(err, ERR_INPUT, "its manifest has no end");
}

int plugin_facts_parse(struct str manifest, struct arena *arena, struct plugin_facts *ret, struct err *err)
{
    static const char *const heads[] = {"name", "version", "summary", "flags"};
    struct plugin_facts facts = {.outputs = json_object()};
    struct str values[4] = {0};
    struct str word;
    struct str abi;
    int64_t number = 0;
    if (manifest.n == 0 || !str_cut(&manifest, '\0', &word) || !str_is(word, "sluice-step") ||
        !str_cut(&manifest, '\0', &abi)) {
        return err_set(err, ERR_INPUT, "its manifest is not that of a sluice plugin");
    }
    if (parse_int(abi, 0, INT32_MAX, &number, NULL) < 0 || number != STEP_ABI) {
        return err_set(err, ERR_INPUT,
                       "it is built for ABI %.*s; this sluice speaks ABI %d: build it again with this version's step.h",
                       STR_ARG(str_slice(abi, 0, 20)), STEP_ABI);
    }
    for (size_t i = 0; i < 4; i++) {
        if (!str_cut(&manifest, '\0', &word) || !str_is(word, heads[i]) || !str_cut(&manifest, '\0', &values[i])) {
            return err_set(err, ERR_INPUT, "its manifest has no '%s'", heads[i]);
        }
    }
    facts.name = arena_str(arena, values[0]).p;
    facts.version = arena_str(arena, values[1]).p;
    if (parse_rows(manifest, arena, &facts, err) < 0) {
        return -1;
    }
    *ret = facts;
    return 0;
}

/* ---- loading ---- */

static const char entry_name[] = "sluice_step";

static int check_descriptor(const struct step_descriptor *descriptor, const struct plugin_facts *facts, struct err *err)
{
    if (descriptor == NULL) {
        return err_set(err, ERR_INPUT, "its sluice_step() gives no descriptor");
    }
    if (descriptor->abi != STEP_ABI) {
        return err_set(err, ERR_INPUT, "its descriptor is of ABI %u; this sluice speaks ABI %d", descriptor->abi,
                       STEP_ABI);
    }
    if (descriptor->size < sizeof *descriptor) {
        return err_set(err, ERR_INPUT, "its descriptor has %zu bytes, expected at least %zu", descriptor->size,
                       sizeof *descriptor);
    }
    if (descriptor->run == NULL || (descriptor->slot_count > 0 && descriptor->slots == NULL)) {
        return err_set(err, ERR_INPUT, "its descriptor has no function to run, or no slots");
    }
    if (descriptor->name == NULL || strcmp(descriptor->name, facts->name) != 0) {
        return err_set(err, ERR_INPUT, "its descriptor is called '%s', its manifest '%s'",
                       descriptor->name == NULL ? "" : descriptor->name, facts->name);
    }
    return 0;
}

static int load(const char *path, const struct plugin_facts *facts, const struct step_descriptor **ret, struct err *err)
{
    /* All symbols now: one that is missing is a reason before the first line runs, not a crash in hour six. */
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        const char *why = dlerror();
        return err_set(err, ERR_INPUT, "it cannot be loaded: %s", why == NULL ? "no reason given" : why);
    }
    void *symbol = dlsym(handle, entry_name);
    if (symbol == NULL) {
        return err_set(err, ERR_INPUT,
                       "it does not export 'sluice_step': expected STEP_PLUGIN(...) in one of its sources");
    }
    const struct step_descriptor *(*describe)(void);
    memcpy(&describe, &symbol, sizeof describe); /* ISO C has no cast from an object to a function */
    *ret = describe();
    return check_descriptor(*ret, facts, err);
}

int plugin_facts_read(const char *path, const char *name, struct arena *arena, struct plugin_facts *ret,
                      struct err *err)
{
    struct plugin_facts facts = {0};
    struct str manifest;
    if (plugin_manifest_read(path, arena, &manifest, err) < 0 || plugin_facts_parse(manifest, arena, &facts, err) < 0) {
        return err_add(err, "plugin '%s' (%s)", name, path);
    }
    if (*name != '\0' && strcmp(name, facts.name) != 0) {
        (void)err_set(err, ERR_INPUT, "it is the plugin '%s': the file was replaced since the pipeline was read",
                      facts.name);
        return err_add(err, "plugin '%s' (%s)", name, path);
    }
    *ret = facts;
    return 0;
}

void plugin_load_ahead(const char *path)
{
    (void)dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
    (void)dlsym(RTLD_DEFAULT, entry_name);
    (void)dlerror();
}

int plugin_load(const char *path, const struct plugin_facts *facts, const struct step_descriptor **ret_descriptor,
                struct err *err)
{
    return load(path, facts, ret_descriptor, err) == 0
               ? 0
               : err_add(err, "plugin '%s' %s (%s)", facts->name, facts->version, path);
}
