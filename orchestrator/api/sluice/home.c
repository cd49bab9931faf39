/* SPDX-License-Identifier: Apache-2.0
 * The home, its plugins, what steps share of it, and the documentation of this interface.
 */
#include "api/sluice/routes.h"
#include "plugin/catalogue.h"
#include "store/leases.h"
#include "store/pages.h"

/* ---- home ------------------------------------------------------------------------------------------------------- */

struct home_answer {
    const char *path, *version, *sqlite, *actor, *role;
    int64_t schema, open_runs, now_ms;
    bool asks_who, is_admin;
    struct json groups;
};
static const struct schema_field home_fields[] = {
    {"path", FIELD_TEXT(struct home_answer, path), .doc = "the home's folder on the server"},
    {"version", FIELD_TEXT(struct home_answer, version)},
    {"schema", FIELD_INT(struct home_answer, schema), .doc = "of the store"},
    {"sqlite", FIELD_TEXT(struct home_answer, sqlite)},
    {"open_runs", FIELD_INT(struct home_answer, open_runs), .doc = "that have not ended"},
    {"asks_who", FIELD_BOOL(struct home_answer, asks_who), .doc = "there are users: clients say who they are"},
    {"actor", FIELD_TEXT(struct home_answer, actor), .doc = "who asked: a user, or 'anonymous'"},
    {"is_admin", FIELD_BOOL(struct home_answer, is_admin)},
    {"role", FIELD_TEXT(struct home_answer, role), SCHEMA_NULLABLE, .words = role_words,
     .doc = "what the actor may do at most, as he has logged in; null: nobody is asked who he is"},
    {"groups", FIELD_JSON(TEXTS, struct home_answer, groups), .doc = "of the actor, as config.yaml says"},
    {"time", FIELD_TIME(struct home_answer, now_ms)},
    {0},
};
static const struct schema home_schema = {"Home", home_fields, NULL};

static int get_home(struct api_call *call, struct err *err)
{
    struct home_answer home = {
        .path = call->home,
        .version = SLUICE_VERSION,
        .sqlite = store_sqlite_version(),
        .schema = store_schema_version(),
        .now_ms = call->now_ms,
        .asks_who = api_asks_who(call->api),
        .actor = rest_actor(call),
        .is_admin = call->who != NULL && call->who->role == ROLE_ADMIN,
        .role = call->who == NULL ? NULL : role_table[call->who->role].name,
        .groups = rest_groups(call),
    };
    if (store_open_run_count(call->store, &home.open_runs, err) < 0) {
        return -1;
    }
    call->answer = schema_write(&home_schema, &home, call->arena);
    return 0;
}

static const struct schema openapi_schema = {"OpenAPI", NULL, NULL}; /* any object: openapi.c */

static int get_openapi(struct api_call *call, struct err *err)
{
    (void)err;
    call->answer = rest_openapi(call->arena);
    return 0;
}

/* ---- plugins ---------------------------------------------------------------------------------------------------- */

struct plugin_row {
    const char *name, *version, *summary;
    bool gate, repeatable, cacheable;
    struct json inputs, outputs;
};
struct plugin_value_row {
    const char *name, *type, *doc;
    bool required;
    const char *otherwise;
};
static const struct schema_field value_fields[] = {
    {"name", FIELD_TEXT(struct plugin_value_row, name)},
    {"type", FIELD_TEXT(struct plugin_value_row, type)},
    {"required", FIELD_BOOL(struct plugin_value_row, required)},
    {"default", FIELD_TEXT(struct plugin_value_row, otherwise), SCHEMA_NULLABLE, .doc = "as it would be written"},
    {"doc", FIELD_TEXT(struct plugin_value_row, doc)},
    {0},
};
static const struct schema value_schema = {"PluginValue", value_fields, "An input or output of a plugin."};
#define PLUGIN_FIELDS                                                                                                  \
    {"name", FIELD_TEXT(struct plugin_row, name)}, {"version", FIELD_TEXT(struct plugin_row, version)},                \
        {"summary", FIELD_TEXT(struct plugin_row, summary)},                                                           \
        {"gate", FIELD_BOOL(struct plugin_row, gate), .doc = "it may refuse"},                                         \
        {"repeatable", FIELD_BOOL(struct plugin_row, repeatable), .doc = "it may run twice without harm"},             \
    {                                                                                                                  \
        "cacheable", FIELD_BOOL(struct plugin_row, cacheable)                                                          \
    }
static const struct schema_field plugin_fields[] = {PLUGIN_FIELDS, {0}};
static const struct schema plugin_schema = {"Plugin", plugin_fields, NULL};
static const struct schema_field plugin_whole_fields[] = {
    PLUGIN_FIELDS,
    {"inputs", FIELD_JSON(LIST, struct plugin_row, inputs), .of = &value_schema},
    {"outputs", FIELD_JSON(LIST, struct plugin_row, outputs), .of = &value_schema},
    {0},
};
static const struct schema plugin_whole_schema = {"PluginDetails", plugin_whole_fields, NULL};
static const struct schema_field plugins_fields[] = {
    {"plugins", FIELD_JSON(LIST, struct rest_page, items), .of = &plugin_schema}, {0}};
static const struct schema plugins_schema = {"Plugins", plugins_fields, NULL};
static const struct schema_field plugin_name_fields[] = {{.name = "plugin",
                                                          .type = SCHEMA_TEXT,
                                                          .flags = SCHEMA_REQUIRED | SCHEMA_IN_PATH,
                                                          .pattern = "^[A-Za-z0-9_-]{1,100}$",
                                                          .doc = "its name"},
                                                         {0}};

static const char *const type_words[] = {"string", "path",     "bool", "int",
                                         "number", "duration", "size", "any"}; /* by enum plugin_type */

static struct plugin_row row_of(const struct plugin *plugin, struct arena *arena)
{
    return (struct plugin_row){
        .name = arena_str(arena, plugin->name).p,
        .version = arena_str(arena, plugin->version).p,
        .summary = arena_str(arena, plugin->summary).p,
        .gate = plugin->gate,
        .repeatable = plugin->repeatable,
        .cacheable = plugin->cacheable,
        .inputs = json_array(),
        .outputs = json_array(),
    };
}

void rest_catalogue(const struct api_call *call, struct catalogue *ret)
{
    const char *const *folders = api_options_of(call->api)->plugin_folders;
    catalogue_init(ret, call->arena);
    for (size_t i = 0; folders != NULL && folders[i] != NULL; i++) {
        catalogue_add_folder(ret, folders[i]);
    }
}

static int list_plugins(struct api_call *call, struct err *err)
{
    (void)err;
    struct catalogue catalogue;
    struct rest_page page = {.items = json_array()};
    rest_catalogue(call, &catalogue);
    for (size_t i = 0; i < catalogue.count; i++) {
        struct plugin_row row = row_of(&catalogue.plugins[i], call->arena);
        json_push(call->arena, &page.items, schema_write(&plugin_schema, &row, call->arena));
    }
    call->answer = schema_write(&plugins_schema, &page, call->arena);
    return 0;
}

static int get_plugin(struct api_call *call, struct err *err)
{
    struct catalogue catalogue;
    struct arena *arena = call->arena;
    rest_catalogue(call, &catalogue);
    const struct plugin *plugin =
        catalogue_find(&catalogue, str_from(json_get_text(&call->params, "plugin", "")), NULL, call->arena, err);
    if (plugin == NULL) {
        err->code = ERR_NOT_FOUND;
        return -1;
    }
    struct plugin_row row = row_of(plugin, arena);
    for (size_t i = 0; i < plugin->param_count; i++) {
        const struct plugin_param *param = &plugin->params[i];
        struct plugin_value_row input = {
            .name = arena_str(arena, param->name).p,
            .type = type_words[param->type],
            .doc = arena_str(arena, param->doc).p,
            .required = param->required,
            .otherwise = param->has_default ? arena_str(arena, param->def_text).p : NULL,
        };
        json_push(arena, &row.inputs, schema_write(&value_schema, &input, arena));
    }
    for (size_t i = 0; i < plugin->output_count; i++) {
        struct plugin_value_row output = {
            .name = arena_str(arena, plugin->outputs[i].name).p,
            .type = type_words[plugin->outputs[i].type],
            .doc = arena_str(arena, plugin->outputs[i].doc).p,
        };
        json_push(arena, &row.outputs, schema_write(&value_schema, &output, arena));
    }
    call->answer = schema_write(&plugin_whole_schema, &row, arena);
    return 0;
}

/* ---- slots and pools -------------------------------------------------------------------------------------------- */

struct slot_row {
    const char *resource;
    int64_t amount, held;
    struct json holders;
};
struct holder_row {
    const char *run, *step;
    int64_t amount;
};
static const struct schema_field holder_fields[] = {
    {"run", FIELD_TEXT(struct holder_row, run), .doc = "PIPELINE/NUMBER"},
    {"step", FIELD_TEXT(struct holder_row, step)},
    {"amount", FIELD_INT(struct holder_row, amount)},
    {0},
};
static const struct schema holder_schema = {"Holder", holder_fields, NULL};
static const struct schema_field slot_fields[] = {
    {"resource", FIELD_TEXT(struct slot_row, resource), .doc = "slot, cpu, memory, gpu, or a pool of config.yaml"},
    {"amount", FIELD_INT(struct slot_row, amount), .doc = "that there is; of cpu thousandths, of memory bytes"},
    {"held", FIELD_INT(struct slot_row, held), .doc = "by steps that run"},
    {"holders", FIELD_JSON(LIST, struct slot_row, holders), .of = &holder_schema,
     .doc = "empty for those who may not read everything"},
    {0},
};
static const struct schema slot_schema = {"Slot", slot_fields, NULL};
static const struct schema_field slots_fields[] = {
    {"slots", FIELD_JSON(LIST, struct rest_page, items), .of = &slot_schema}, {0}};
static const struct schema slots_schema = {"Slots", slots_fields, NULL};

static int holders_of(struct api_call *call, const char *resource, struct json *ret, struct err *err)
{
    struct lease_holder *holders = NULL;
    size_t count = 0;
    *ret = json_array();
    if (call->reader != NULL && !call->reader->sees_all) {
        return 0;
    }
    if (store_lease_holders(call->store, resource, call->arena, &holders, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        char label[32];
        struct pipeline_run run = {.number = holders[i].number, .revision = holders[i].revision};
        pipeline_run_label(&run, label);
        struct holder_row row = {arena_printf(call->arena, "%s/%s", holders[i].pipeline, label), holders[i].step,
                                 holders[i].amount};
        json_push(call->arena, ret, schema_write(&holder_schema, &row, call->arena));
    }
    return 0;
}

static int list_slots(struct api_call *call, struct err *err)
{
    struct supply_use *supply = NULL;
    size_t count = 0;
    struct rest_page page = {.items = json_array()};
    if (store_supply_list(call->store, call->arena, &supply, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct slot_row row = {.resource = supply[i].resource, .amount = supply[i].amount, .held = supply[i].held};
        if (holders_of(call, row.resource, &row.holders, err) < 0) {
            return -1;
        }
        json_push(call->arena, &page.items, schema_write(&slot_schema, &row, call->arena));
    }
    call->answer = schema_write(&slots_schema, &page, call->arena);
    return 0;
}

const struct api_route rest_home_routes[] = {
    {HTTP_GET, "/home", API_SLUICE, API_READS, API_NEEDS(VIEWER, READ, ANYBODY),
     REST_DOC(.name = "getHome",
                                      .group = "Home",
                                      .summary = "The home that is served, and who asks",
                                      .gives = &home_schema),
     .answer = get_home},
    {HTTP_GET, "/openapi.json", API_SLUICE, API_READS, API_NEEDS(VIEWER, READ, ANYBODY),
     REST_DOC(.name = "getOpenAPI",
                                      .group = "Home",
                                      .summary = "This interface as OpenAPI 3.1",
                                      .gives = &openapi_schema,
                                      .flags = REST_APART),
     .answer = get_openapi},
    {HTTP_GET, "/plugins", API_SLUICE, API_READS, API_NEEDS(VIEWER, READ, ANYBODY),
     REST_DOC(.name = "listPlugins",
                                      .group = "Home",
                                      .summary = "The plugins that steps may use",
                                      .gives = &plugins_schema,
                                      .flags = REST_APART),
     .answer = list_plugins},
    {HTTP_GET, "/plugins/{plugin}", API_SLUICE, API_READS, API_NEEDS(VIEWER, READ, ANYBODY),
     REST_DOC(.name = "getPlugin",
                                      .group = "Home",
                                      .summary = "A plugin with its inputs and outputs",
                                      .takes = plugin_name_fields,
                                      .gives = &plugin_whole_schema,
                                      .flags = REST_APART),
     .answer = get_plugin},
    {HTTP_GET, "/slots", API_SLUICE, API_READS, API_NEEDS(VIEWER, READ, ANYBODY),
     REST_DOC(.name = "listSlots",
                                      .group = "Home",
                                      .summary = "Slots, processors, memory and pools, and which steps hold them",
                                      .gives = &slots_schema,
                                      .flags = REST_APART),
     .answer = list_slots},
    {0},
};
