/* SPDX-License-Identifier: Apache-2.0
 * A part of fake_host.h: the plugin's manifest, and its parameters from JSON.
 */
#ifndef SLUICE_FAKE_HOST_PARAMS_H
#define SLUICE_FAKE_HOST_PARAMS_H

/* The section .sluice of an ELF file of this machine, copied into the arena. */
static inline void fake_host_read_manifest(struct fake_host *fake, const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        fail_msg("no plugin at '%s': build the plugins, or set SLUICE_PLUGINS to their folder", path);
    }
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    size_t size = (size_t)ftell(file);
    char *bytes = arena_alloc(fake->arena, size);
    rewind(file);
    assert_int_equal(fread(bytes, 1, size, file), size);
    (void)fclose(file);
    Elf64_Ehdr head;
    assert_true(size > sizeof head);
    memcpy(&head, bytes, sizeof head);
    assert_true(head.e_shoff + (size_t)head.e_shnum * sizeof(Elf64_Shdr) <= size);
    Elf64_Shdr names;
    memcpy(&names, bytes + head.e_shoff + head.e_shstrndx * sizeof names, sizeof names);
    for (size_t i = 0; i < head.e_shnum; i++) {
        Elf64_Shdr section;
        memcpy(&section, bytes + head.e_shoff + i * sizeof section, sizeof section);
        if (strcmp(bytes + names.sh_offset + section.sh_name, ".sluice") == 0) {
            fake->manifest = bytes + section.sh_offset;
            fake->manifest_size = section.sh_size;
            return;
        }
    }
    fail_msg("'%s' has no section .sluice: was it dropped by the linker?", path);
}

static inline const char *fake_host_after(const char *text)
{
    return text + strlen(text) + 1;
}

/* The rules of a parameter, as the plugin's author wrote them. */
static inline const char *fake_host_rules(const struct fake_host *fake, const char *name)
{
    const char *p = fake->manifest;
    while (p < fake->manifest + fake->manifest_size && strcmp(p, "end") != 0) {
        const char *first = fake_host_after(p);
        if (strcmp(p, "param") == 0 && strcmp(first, name) == 0) {
            return fake_host_after(fake_host_after(first));
        }
        int texts = strcmp(p, "param") == 0 ? 4 : strcmp(p, "output") == 0 ? 3 : 1;
        for (p = first; texts > 0; texts--) {
            p = fake_host_after(p);
        }
    }
    fail_msg("the manifest has no parameter '%s'", name);
    return "";
}

/* The text behind "default=", or NULL. */
static inline const char *fake_host_default(struct fake_host *fake, const char *rules)
{
    const char *at = strstr(rules, "default=");
    if (at == NULL || (at != rules && at[-1] != ' ')) {
        return NULL;
    }
    at += strlen("default=");
    const char *end = strstr(at, "; ");
    return arena_dup(fake->arena, at, end == NULL ? strlen(at) : (size_t)(end - at));
}

/* "1G", "30s", "200": a number with the unit of a size or a duration. */
static inline int64_t fake_host_amount(const char *text, enum step_param_type type)
{
    static const struct {
        const char *unit;
        enum step_param_type type;
        int64_t factor;
    } units[] = {{"K", STEP_PARAM_SIZE, 1024},          {"M", STEP_PARAM_SIZE, 1048576},
                 {"G", STEP_PARAM_SIZE, 1073741824},    {"ms", STEP_PARAM_DURATION, 1},
                 {"s", STEP_PARAM_DURATION, 1000},      {"m", STEP_PARAM_DURATION, 60000},
                 {"h", STEP_PARAM_DURATION, 3600000},   {"d", STEP_PARAM_DURATION, 86400000}};
    char *end = NULL;
    int64_t amount = strtoll(text, &end, 10);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (units[i].type == type && strcmp(end, units[i].unit) == 0) {
            return amount * units[i].factor;
        }
    }
    if (*end != '\0') {
        fail_msg("the amount '%s' has an unknown unit", text);
    }
    return amount;
}

static inline void fake_host_fill(char *params, const struct step_param_slot *slot, const struct step_value *value)
{
    char *field = params + slot->offset;
    bool text = value != NULL && value->type == STEP_TYPE_STRING;
    bool whole = value != NULL && value->type == STEP_TYPE_INT;
    double number = value == NULL ? NAN : value->number;
    int64_t integer = whole ? value->integer : 0;
    bool boolean = value != NULL && value->boolean;
    switch (slot->type) {
    case STEP_PARAM_STRING:
    case STEP_PARAM_PATH:
        if (value != NULL && !text) {
            fail_msg("the parameter '%s' has a value of the wrong type", slot->name);
        }
        memcpy(field, &(const char *){text ? value->string : NULL}, slot->size);
        break;
    case STEP_PARAM_BOOL:
        if (value != NULL && value->type != STEP_TYPE_BOOL) {
            fail_msg("the parameter '%s' has a value of the wrong type", slot->name);
        }
        memcpy(field, &boolean, slot->size);
        break;
    case STEP_PARAM_INT:
    case STEP_PARAM_DURATION:
    case STEP_PARAM_SIZE:
        integer = text && slot->type != STEP_PARAM_INT ? fake_host_amount(value->string, slot->type) : integer;
        if (value != NULL && !whole && !(text && slot->type != STEP_PARAM_INT)) {
            fail_msg("the parameter '%s' has a value of the wrong type", slot->name);
        }
        memcpy(field, &integer, slot->size);
        break;
    case STEP_PARAM_NUMBER:
        if (value != NULL && !whole && value->type != STEP_TYPE_NUMBER) {
            fail_msg("the parameter '%s' has a value of the wrong type", slot->name);
        }
        memcpy(field, &number, slot->size);
        break;
    case STEP_PARAM_ANY:
        memcpy(field, &value, slot->size);
        break;
    }
}

static inline const struct step_value *fake_host_default_value(struct fake_host *fake,
                                                               const struct step_param_slot *slot)
{
    const char *rules = fake_host_rules(fake, slot->name);
    const char *text = fake_host_default(fake, rules);
    if (text == NULL) {
        if (strstr(rules, "required") != NULL) {
            fail_msg("the parameter '%s' is required", slot->name);
        }
        return NULL;
    }
    if (slot->type == STEP_PARAM_BOOL || slot->type == STEP_PARAM_INT || slot->type == STEP_PARAM_NUMBER ||
        slot->type == STEP_PARAM_ANY) {
        return fake_host_parse(fake, text);
    }
    struct step_value *value = arena_one(fake->arena, struct step_value);
    *value = (struct step_value){.type = STEP_TYPE_STRING, .string = text, .count = strlen(text)};
    return value;
}

static inline void fake_host_check_names(const struct fake_host *fake, const struct step_value *given)
{
    for (size_t i = 0; i < given->count; i++) {
        bool known = false;
        for (size_t s = 0; s < fake->plugin->slot_count; s++) {
            known = known || strcmp(fake->plugin->slots[s].name, given->keys[i]) == 0;
        }
        if (!known) {
            fail_msg("the plugin has no parameter '%s'", given->keys[i]);
        }
    }
}

#endif
