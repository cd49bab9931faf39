/* SPDX-License-Identifier: Apache-2.0 */
#include "api/graphql/graphql.h"

#include "api/graphql/check.h"
#include "api/graphql/collect.h"
#include "api/graphql/input.h"
#include "api/graphql/limits.h"

#include <math.h>

/* What is asked of an object of one type, once for all objects of that type at this place. */
struct step {
    struct str name;                   /* in the answer */
    const struct graphql_field *field; /* NULL: the name of the type */
    const char *member;
    struct json arguments;
    struct step *below;
    size_t count;
};

struct execution {
    const struct graphql_document *document;
    const struct json *variables;
    void *ctx;
    struct arena *arena;
    struct json errors;
};

/* ---- the plan --------------------------------------------------------------------------------------------------- */

/* "runId" as "run_id". */
static const char *member_name(const char *name, struct arena *arena)
{
    char *text = arena_array(arena, 2 * strlen(name) + 1, 1);
    char *to = text;
    for (; *name != '\0'; name++) {
        bool upper = *name >= 'A' && *name <= 'Z';
        if (upper) {
            *to++ = '_';
        }
        *to++ = upper ? (char)(*name - 'A' + 'a') : *name;
    }
    return text;
}

static struct step *plan_groups(struct execution *e, const struct graphql_type *type,
                                const struct graphql_groups *groups)
{
    struct step *steps = arena_array(e->arena, groups->count + 1, sizeof *steps);
    for (size_t i = 0; i < groups->count; i++) {
        const struct graphql_group *group = &groups->all[i];
        const struct graphql_selection *one = group->fields[0];
        const struct graphql_field *field = graphql_field_of(type->fields, one->name);
        steps[i] = (struct step){.name = group->name, .field = field};
        if (field == NULL) {
            continue;
        }
        steps[i].member = member_name(field->name, e->arena);
        steps[i].arguments = graphql_arguments_json(field->arguments, &one->arguments, e->variables, e->arena);
        if (field->kind == GRAPHQL_TYPE_OBJECT) {
            struct graphql_groups below = graphql_collect(e->document, group, e->variables, e->arena);
            steps[i].below = plan_groups(e, field->type, &below);
            steps[i].count = below.count;
        }
    }
    return steps;
}

/* ---- the answer ------------------------------------------------------------------------------------------------- */

static void tell(struct execution *e, const char *message)
{
    if (e->errors.u.array.count < GRAPHQL_ERRORS_MAX) {
        json_push(e->arena, &e->errors, json_cstring(e->arena, message));
    }
}

static struct json answer_object(struct execution *e, const struct graphql_type *type, const struct step *steps,
                                 size_t count, const struct json *object);

static struct json number_json(struct execution *e, const struct graphql_field *field, const struct json *value)
{
    double number = 0;
    (void)json_as_number(value, &number);
    if (isfinite(number)) {
        return json_number(number);
    }
    if (!(isnan(number) && field->nan_is_null)) {
        tell(e, arena_printf(e->arena, "Float cannot represent non numeric value: %s",
                             isnan(number) ? "nan" : number > 0 ? "inf" : "-inf"));
    }
    return json_null();
}

/* The value of one item; `value` is NULL when it is not there. */
static struct json answer_one(struct execution *e, const struct step *step, const struct json *value)
{
    const struct graphql_field *field = step->field;
    switch (field->kind) {
    case GRAPHQL_TYPE_STRING:
        return value != NULL && value->type == JSON_STRING ? *value : json_cstring(e->arena, "");
    case GRAPHQL_TYPE_ENUM:
        return value != NULL ? *value : json_cstring(e->arena, field->type->words[0]);
    case GRAPHQL_TYPE_BOOL:
        return json_bool(value != NULL && value->type == JSON_BOOL && value->u.boolean);
    case GRAPHQL_TYPE_INT:
        return json_int(value != NULL && value->type == JSON_INT ? value->u.integer : 0);
    case GRAPHQL_TYPE_LONG: {
        long long number = value != NULL && value->type == JSON_INT ? (long long)value->u.integer : 0;
        return json_cstring(e->arena, arena_printf(e->arena, "%lld", number));
    }
    case GRAPHQL_TYPE_FLOAT: {
        struct json none = json_number(0);
        return number_json(e, field, value == NULL ? &none : value);
    }
    case GRAPHQL_TYPE_OBJECT: {
        struct json none = json_object();
        return answer_object(e, field->type, step->below, step->count, value == NULL ? &none : value);
    }
    case GRAPHQL_TYPE_INPUT:
        break;
    }
    return json_null();
}

static struct json answer_value(struct execution *e, const struct step *step, const struct json *value)
{
    if (value == NULL ? step->field->nullable : value->type == JSON_NULL) {
        return json_null();
    }
    if (!step->field->list) {
        return answer_one(e, step, value);
    }
    struct json list = json_array();
    for (size_t i = 0; value != NULL && value->type == JSON_ARRAY && i < value->u.array.count; i++) {
        json_push(e->arena, &list, answer_one(e, step, &value->u.array.items[i]));
    }
    return list;
}

static struct json answer_step(struct execution *e, const struct step *step, const struct json *object)
{
    struct err wrong = {0};
    struct json value;
    if (step->field->resolve == NULL) {
        return answer_value(e, step, json_get(object, step->member));
    }
    if (step->field->resolve(e->ctx, object, &step->arguments, &value, &wrong) < 0) {
        tell(e, err_for_mlflow(&wrong));
        return json_null();
    }
    return answer_value(e, step, &value);
}

static struct json answer_object(struct execution *e, const struct graphql_type *type, const struct step *steps,
                                 size_t count, const struct json *object)
{
    struct json answer = json_object();
    for (size_t i = 0; i < count; i++) {
        struct json value =
            steps[i].field == NULL ? json_cstring(e->arena, type->name) : answer_step(e, &steps[i], object);
        json_add(e->arena, &answer, arena_str(e->arena, steps[i].name).p, value);
    }
    return answer;
}

/* ---- the request ------------------------------------------------------------------------------------------------ */

static int pick_operation(const struct graphql_document *document, const char *name,
                          const struct graphql_definition **ret, struct err *err)
{
    *ret = NULL;
    for (size_t i = 0; i < document->count; i++) {
        const struct graphql_definition *one = &document->definitions[i];
        if (one->kind == GRAPHQL_FRAGMENT || (name != NULL && !str_is(one->name, name))) {
            continue;
        }
        if (*ret != NULL) {
            return err_set(err, ERR_INPUT, "Must provide operation name if query contains multiple operations.");
        }
        *ret = one;
    }
    if (*ret == NULL && name != NULL) {
        return err_set(err, ERR_INPUT, "Unknown operation named '%s'.", name);
    }
    return *ret != NULL ? 0 : err_set(err, ERR_INPUT, "Must provide an operation.");
}

static int execute(struct execution *e, const struct graphql_schema *schema, const struct graphql_request *request,
                   struct json *ret_data, struct err *err)
{
    const struct graphql_definition *operation = NULL;
    struct json variables;
    struct json nothing = json_object();
    if (pick_operation(e->document, request->operation, &operation, err) < 0 ||
        graphql_variables(schema, operation, request->variables, e->arena, &variables, err) < 0) {
        return -1;
    }
    const struct graphql_type *root = graphql_root_of(schema, operation);
    if (root == NULL) {
        return err_set(err, ERR_INPUT, "Schema is not configured to execute subscription operation.");
    }
    e->variables = &variables;
    struct graphql_groups groups = graphql_collect_root(e->document, operation, &variables, e->arena);
    const struct step *steps = plan_groups(e, root, &groups);
    *ret_data = answer_object(e, root, steps, groups.count, &nothing);
    return 0;
}

int graphql_answer(const struct graphql_schema *schema, const struct graphql_request *request, void *ctx,
                   struct arena *arena, struct json *ret_data, struct json *ret_errors, struct err *err)
{
    struct graphql_document document;
    struct err wrong = {0};
    struct execution e = {.document = &document, .ctx = ctx, .arena = arena, .errors = json_array()};
    *ret_data = json_null();
    if (graphql_document_read(request->query, arena, &document, err) < 0) {
        return -1;
    }
    if (graphql_check_limits(&document, arena, &wrong) < 0) {
        tell(&e, err_for_mlflow(&wrong));
        *ret_errors = e.errors;
        return 0;
    }
    graphql_check(&document, schema, arena, &e.errors);
    if (e.errors.u.array.count == 0 && execute(&e, schema, request, ret_data, &wrong) < 0) {
        tell(&e, err_for_mlflow(&wrong));
    }
    *ret_errors = e.errors;
    return 0;
}
