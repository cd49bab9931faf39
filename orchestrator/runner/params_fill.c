/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/params_fill.h"

#include "base/path.h"
#include "runner/plugin_value.h"

#include <math.h>

enum { PARAMS_MAX_BYTES = 1 << 20 };

struct filling {
    const struct step_param_slot *slot;
    const struct json *value; /* NULL when there is none */
    const char *workspace;
    struct arena *arena;
    struct err *err;
};

static int wrong(const struct filling *f, const char *expected)
{
    return err_set(f->err, ERR_INPUT, "'%s': expected %s, found %s", f->slot->name, expected,
                   json_type_name(f->value->type));
}

static int text_of(const struct filling *f, const char **ret)
{
    *ret = NULL;
    if (f->value == NULL) {
        return 0;
    }
    if (f->value->type == JSON_STRING) {
        *ret = arena_str(f->arena, f->value->u.string).p;
    } else if (f->value->type == JSON_INT || f->value->type == JSON_NUMBER || f->value->type == JSON_BOOL) {
        *ret = json_text(f->arena, f->value).p;
    } else {
        return wrong(f, "text");
    }
    if (f->value->type == JSON_STRING && strlen(*ret) != f->value->u.string.n) {
        return err_set(f->err, ERR_INPUT, "'%s': its text holds a NUL", f->slot->name);
    }
    if (f->slot->type == STEP_PARAM_PATH && **ret != '\0') {
        *ret = path_join(f->arena, f->workspace, *ret);
    }
    return 0;
}

static int integer_of(const struct filling *f, int64_t *ret)
{
    *ret = 0;
    if (f->value == NULL) {
        return 0;
    }
    bool whole = f->value->type == JSON_NUMBER && floor(f->value->u.number) == f->value->u.number &&
                 fabs(f->value->u.number) < 9e15;
    if (f->value->type != JSON_INT && !whole) {
        return wrong(f, "an integer");
    }
    *ret = whole ? (int64_t)f->value->u.number : f->value->u.integer;
    return 0;
}

static int number_of(const struct filling *f, double *ret)
{
    *ret = NAN;
    return f->value == NULL || json_as_number(f->value, ret) ? 0 : wrong(f, "a number");
}

static int bool_of(const struct filling *f, bool *ret)
{
    *ret = f->value != NULL && f->value->type == JSON_BOOL && f->value->u.boolean;
    return f->value == NULL || f->value->type == JSON_BOOL ? 0 : wrong(f, "true or false");
}

/* What a field of the struct holds. */
union field {
    const char *text;
    bool boolean;
    int64_t integer;
    double number;
    const struct step_value *value;
};

static int field_of(const struct filling *f, union field *ret, size_t *ret_size)
{
    switch (f->slot->type) {
    case STEP_PARAM_STRING:
    case STEP_PARAM_PATH:
        *ret_size = sizeof ret->text;
        return text_of(f, &ret->text);
    case STEP_PARAM_BOOL:
        *ret_size = sizeof ret->boolean;
        return bool_of(f, &ret->boolean);
    case STEP_PARAM_INT:
    case STEP_PARAM_DURATION:
    case STEP_PARAM_SIZE:
        *ret_size = sizeof ret->integer;
        return integer_of(f, &ret->integer);
    case STEP_PARAM_NUMBER:
        *ret_size = sizeof ret->number;
        return number_of(f, &ret->number);
    case STEP_PARAM_ANY:
        *ret_size = sizeof ret->value;
        ret->value = f->value == NULL ? NULL : plugin_value(f->value, f->arena);
        return 0;
    }
    return err_set(f->err, ERR_INPUT, "'%s': its slot has the unknown type %d", f->slot->name, (int)f->slot->type);
}

static int check_names(const struct step_descriptor *descriptor, const struct json *params, struct err *err)
{
    for (size_t i = 0; params != NULL && params->type == JSON_OBJECT && i < params->u.object.count; i++) {
        bool known = false;
        for (size_t s = 0; s < descriptor->slot_count; s++) {
            known = known || str_is(params->u.object.members[i].key, descriptor->slots[s].name);
        }
        if (!known) {
            return err_set(err, ERR_INPUT, "'%.*s': the plugin has no such input",
                           STR_ARG(params->u.object.members[i].key));
        }
    }
    return 0;
}

int params_fill(const struct step_descriptor *descriptor, const struct json *params, const char *workspace,
                struct arena *arena, void **ret_struct, struct err *err)
{
    if (params != NULL && params->type != JSON_OBJECT && params->type != JSON_NULL) {
        return err_set(err, ERR_INPUT, "'with': expected a map, found %s", json_type_name(params->type));
    }
    if (check_names(descriptor, params, err) < 0) {
        return -1;
    }
    if (descriptor->params_size > PARAMS_MAX_BYTES) {
        return err_set(err, ERR_INPUT, "the plugin says its parameters have %zu bytes, expected at most %d",
                       descriptor->params_size, PARAMS_MAX_BYTES);
    }
    char *filled = arena_alloc(arena, descriptor->params_size + 1);
    for (size_t i = 0; i < descriptor->slot_count; i++) {
        const struct step_param_slot *slot = &descriptor->slots[i];
        struct filling f = {
            .slot = slot, .value = json_get(params, slot->name), .workspace = workspace, .arena = arena, .err = err};
        if (f.value != NULL && f.value->type == JSON_NULL && slot->type != STEP_PARAM_ANY) {
            f.value = NULL;
        }
        union field field = {0};
        size_t size = 0;
        if (field_of(&f, &field, &size) < 0) {
            return -1;
        }
        if (slot->size != size || slot->offset > descriptor->params_size ||
            size > descriptor->params_size - slot->offset) {
            return err_set(err, ERR_INPUT, "'%s': its slot does not fit the plugin's parameters", slot->name);
        }
        memcpy(filled + slot->offset, &field, size);
    }
    *ret_struct = filled;
    return 0;
}
