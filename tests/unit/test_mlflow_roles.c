/* SPDX-License-Identifier: Apache-2.0
 * MLflow's roles: what all that is said comes to, that searches, single questions and what is remembered say the same,
 * and that each change is in the activity log.
 */
#include "auth/auth.h"
#include "auth/mlflow_role_changes.h"
#include "store/activity.h"
#include "store/experiment_search.h"
#include "store/registry_search.h"

#include "store_fixture.h"

#include <stdio.h>

static struct account_change change_in(const struct fixture *f)
{
    return (struct account_change){f->store, "root", 1000, f->arena};
}

static struct auth_who make_user(struct fixture *f, const char *name, enum role role)
{
    struct account_change change = change_in(f);
    struct auth_who who = {.name = name, .role = role, .is_admin = role == ROLE_ADMIN, .most = ROLE_ADMIN};
    assert_int_equal(account_user_create(&change, name, "hash", role, &who.user_id, NULL), 0);
    return who;
}

static int64_t make_role(struct fixture *f, const char *workspace, const char *name)
{
    struct account_change change = change_in(f);
    int64_t id = 0;
    const struct mlflow_role role = {.workspace = workspace, .name = name};
    assert_int_equal(mlflow_role_create(&change, &role, &id, NULL), 0);
    return id;
}

static int64_t say(struct fixture *f, int64_t role_id, enum granted_type type, const char *pattern,
                   enum permission permission)
{
    struct account_change change = change_in(f);
    int64_t id = 0;
    const struct mlflow_role_permission said = {
        .role_id = role_id, .type = type, .pattern = pattern, .permission = permission};
    assert_int_equal(mlflow_role_say(&change, &said, &id, NULL), 0);
    return id;
}

static void assign(struct fixture *f, const struct auth_who *who, int64_t role_id)
{
    struct account_change change = change_in(f);
    const struct user_row user = {.user_id = who->user_id, .name = who->name};
    int64_t id = 0;
    assert_int_equal(mlflow_role_assign(&change, &user, role_id, &id, NULL), 0);
}

static enum permission permission_on(struct auth *auth, const struct auth_who *who, int64_t experiment_id,
                                     const char *model)
{
    enum permission permission = PERMISSION_NONE;
    struct permission_object object = {.experiment_id = experiment_id, .model = model};
    assert_int_equal(auth_permission(auth, who, &object, &permission, NULL), 0);
    return permission;
}

/* ---- what all of it comes to ------------------------------------------------------------------------------------ */

enum { NOT_SAID = 99 };

TEST(what_is_said_comes_to_one_permission)
{
    static const struct {
        int direct, roles[3];     /* NOT_SAID: nothing more */
        int workspace;
        enum permission by_default, expected;
    } rows[] = {
        {NOT_SAID, {NOT_SAID}, NOT_SAID, PERMISSION_READ, PERMISSION_READ},
        {NOT_SAID, {NOT_SAID}, NOT_SAID, PERMISSION_NONE, PERMISSION_NONE},
        {PERMISSION_EDIT, {NOT_SAID}, NOT_SAID, PERMISSION_READ, PERMISSION_EDIT},
        {PERMISSION_NONE, {NOT_SAID}, NOT_SAID, PERMISSION_EDIT, PERMISSION_NONE}, /* less than the default, said */
        {PERMISSION_READ, {NOT_SAID}, NOT_SAID, PERMISSION_EDIT, PERMISSION_READ},
        {NOT_SAID, {PERMISSION_READ, NOT_SAID}, NOT_SAID, PERMISSION_EDIT, PERMISSION_EDIT}, /* a role takes nothing */
        {NOT_SAID, {PERMISSION_READ, PERMISSION_EDIT, PERMISSION_USE}, NOT_SAID, PERMISSION_NONE, PERMISSION_EDIT},
        {PERMISSION_NONE, {PERMISSION_READ, NOT_SAID}, NOT_SAID, PERMISSION_NONE, PERMISSION_READ},
        {PERMISSION_USE, {PERMISSION_READ, NOT_SAID}, NOT_SAID, PERMISSION_READ, PERMISSION_USE},
        {PERMISSION_MANAGE, {PERMISSION_MANAGE, PERMISSION_DENY, NOT_SAID}, NOT_SAID, PERMISSION_MANAGE,
         PERMISSION_DENY},
        {PERMISSION_DENY, {PERMISSION_MANAGE, NOT_SAID}, NOT_SAID, PERMISSION_MANAGE, PERMISSION_DENY},
        {PERMISSION_DENY, {NOT_SAID}, PERMISSION_USE, PERMISSION_READ, PERMISSION_DENY},
        {PERMISSION_DENY, {PERMISSION_DENY, NOT_SAID}, PERMISSION_MANAGE, PERMISSION_NONE, PERMISSION_MANAGE},
        {NOT_SAID, {NOT_SAID}, PERMISSION_USE, PERMISSION_NONE, PERMISSION_NONE},
        {NOT_SAID, {NOT_SAID}, PERMISSION_MANAGE, PERMISSION_NONE, PERMISSION_MANAGE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct permission_said said = {.is_direct = rows[i].direct != NOT_SAID,
                                       .direct = (enum permission)rows[i].direct};
        for (int k = 0; k < 3 && rows[i].roles[k] != NOT_SAID; k++) {
            permission_say(&said, GRANTED_EXPERIMENT, (enum permission)rows[i].roles[k]);
        }
        if (rows[i].workspace != NOT_SAID) {
            permission_say(&said, GRANTED_WORKSPACE, (enum permission)rows[i].workspace);
        }
        assert_int_equal(permission_resolve(&said, rows[i].by_default), rows[i].expected);
    }
}

TEST(only_some_permissions_can_be_said_of_a_type)
{
    for (int type = GRANTED_EXPERIMENT; type <= GRANTED_WORKSPACE; type++) {
        enum granted_type found = GRANTED_EXPERIMENT;
        assert_int_equal(granted_parse(granted_words[type], &found, NULL), 0);
        assert_int_equal(found, type);
        for (int permission = PERMISSION_DENY; permission <= PERMISSION_MANAGE; permission++) {
            bool good = type == GRANTED_WORKSPACE ? permission == PERMISSION_USE || permission == PERMISSION_MANAGE
                                                  : permission != PERMISSION_NONE;
            enum permission parsed = PERMISSION_NONE;
            assert_int_equal(mlflow_role_check((enum granted_type)type, (enum permission)permission, NULL),
                             good ? 0 : -1);
            assert_int_equal(permission_parse(permission_word((enum permission)permission), &parsed, NULL), 0);
            assert_int_equal(parsed, permission);
        }
        assert_int_equal(mlflow_role_check_pattern((enum granted_type)type, "*", NULL), 0);
        assert_int_equal(mlflow_role_check_pattern((enum granted_type)type, "7", NULL),
                         type == GRANTED_WORKSPACE ? -1 : 0);
    }
    enum granted_type none = GRANTED_EXPERIMENT;
    assert_int_equal(granted_parse("scorer", &none, NULL), -1);
    assert_int_equal(granted_parse("", &none, NULL), -1);
}

/* ---- one question in four ways ---------------------------------------------------------------------------------- */

enum { OBJECTS = 9, ROUNDS = 400 };

/* Numbers that are the same each time. */
static unsigned pick(unsigned *state, unsigned below)
{
    *state = *state * 1664525U + 1013904223U;
    return (*state >> 8) % below;
}

struct world {
    struct fixture f;
    struct auth *auth;
    struct auth_who bob;
    int64_t experiments[OBJECTS];
    char models[OBJECTS][16]; /* each third is a prompt */
};

static struct world make_world(void)
{
    static const struct pair prompt = {"mlflow.prompt.is_prompt", "true"};
    struct world w = {.f = open_empty()};
    w.auth = auth_new(w.f.store, PERMISSION_READ);
    (void)make_user(&w.f, "alice", ROLE_ADMIN);
    w.bob = make_user(&w.f, "bob", ROLE_EDITOR);
    for (int i = 0; i < OBJECTS; i++) {
        (void)snprintf(w.models[i], sizeof w.models[i], "m%d", i);
        assert_int_equal(store_experiment_create(w.f.store, w.models[i], NULL, NULL, 0, 1, &w.experiments[i], NULL), 0);
        assert_int_equal(store_registry_create(w.f.store, w.models[i], "", &prompt, i % 3 == 0, 1, NULL), 0);
    }
    return w;
}

static bool finds_experiment(struct world *w, int64_t id)
{
    struct experiment_page page;
    const struct experiment_query query = {.max_results = OBJECTS + 1,
                                           .reader = auth_reader(w->auth, &w->bob, w->f.arena)};
    assert_int_equal(store_experiment_search(w->f.store, &query, w->f.arena, &page, NULL), 0);
    for (size_t i = 0; i < page.count; i++) {
        if (page.experiments[i].id == id) {
            return true;
        }
    }
    return false;
}

static bool finds_model(struct world *w, const char *name, bool is_prompt)
{
    struct registered_page page;
    const struct registry_query query = {.filter = is_prompt ? "tags.`mlflow.prompt.is_prompt` = 'true'" : NULL,
                                         .max_results = OBJECTS,
                                         .reader = auth_reader(w->auth, &w->bob, w->f.arena)};
    assert_int_equal(store_registered_search(w->f.store, &query, w->f.arena, &page, NULL), 0);
    for (size_t i = 0; i < page.count; i++) {
        if (strcmp(page.models[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Another thing is said, or no longer. Some of what is picked cannot be said: then nothing is. */
static void say_something(struct world *w, unsigned *state, int64_t role_ids[3])
{
    static const enum permission levels[] = {PERMISSION_DENY, PERMISSION_NONE, PERMISSION_READ, PERMISSION_READ,
                                             PERMISSION_EDIT, PERMISSION_MANAGE};
    struct account_change change = change_in(&w->f);
    const struct user_row bob = {.user_id = w->bob.user_id, .name = "bob"};
    enum permission permission = levels[pick(state, 6)];
    unsigned at = pick(state, OBJECTS);
    int64_t id = 0;
    enum granted_type type = (enum granted_type)pick(state, 3);
    struct permission_object object = {.model = type == GRANTED_EXPERIMENT ? NULL : w->models[at],
                                       .experiment_id = w->experiments[at]};
    const char *name = arena_printf(w->f.arena, "%lld", (long long)w->experiments[at]);
    struct mlflow_role_permission said = {.role_id = role_ids[pick(state, 3)],
                                          .type = type,
                                          .pattern = pick(state, 3) == 0           ? "*"
                                                     : type == GRANTED_EXPERIMENT ? name
                                                                                   : w->models[at],
                                          .permission = permission};
    switch (pick(state, 6)) {
    case 0:
        assert_int_equal(account_permit(&change, &bob, &object, permission, NULL), 0);
        break;
    case 1:
        assert_true(account_forbid(&change, &bob, &object, NULL) >= 0);
        break;
    case 2:
        if (mlflow_wildcard_forbid(&change, &bob, type, NULL) == 0 && mlflow_role_check(type, permission, NULL) == 0) {
            assert_int_equal(mlflow_wildcard_permit(&change, &bob, type, permission, NULL), 0);
        }
        break;
    case 3:
        if (mlflow_role_unassign(&change, &bob, said.role_id, NULL) < 0) {
            assert_int_equal(mlflow_role_assign(&change, &bob, said.role_id, &id, NULL), 0);
        }
        break;
    case 4:
        (void)mlflow_role_say(&change, &said, &id, NULL);
        break;
    default:
        (void)mlflow_role_unsay(&change, 1 + (int64_t)pick(state, ROUNDS), NULL);
    }
}

/* Written down anew, from the rows themselves. */
static enum permission expected_on(struct world *w, const int64_t role_ids[3], bool of_model, unsigned at)
{
    enum granted_type type = !of_model ? GRANTED_EXPERIMENT : at % 3 == 0 ? GRANTED_PROMPT : GRANTED_REGISTERED_MODEL;
    struct permission_object object = {.model = of_model ? w->models[at] : NULL, .experiment_id = w->experiments[at]};
    const char *id = of_model ? w->models[at] : arena_printf(w->f.arena, "%lld", (long long)w->experiments[at]);
    enum permission direct = PERMISSION_READ;
    enum permission wide = PERMISSION_NONE;
    bool denied = store_permission_find(w->f.store, w->bob.user_id, &object, &direct, NULL) == 1 && direct < 0;
    int best = direct;
    denied = denied || (store_wildcard_find(w->f.store, w->bob.user_id, type, &wide, NULL) == 1 && wide < 0);
    best = wide > best ? wide : best;
    for (int i = 0; i < 3; i++) {
        struct mlflow_role_user *users = NULL;
        struct mlflow_role_permission *said = NULL;
        size_t user_count = 0;
        size_t count = 0;
        assert_int_equal(store_mlflow_role_users(w->f.store, role_ids[i], w->f.arena, &users, &user_count, NULL), 0);
        assert_int_equal(store_mlflow_role_permission_list(w->f.store, role_ids[i], w->f.arena, &said, &count, NULL),
                         0);
        for (size_t k = 0; user_count > 0 && k < count; k++) {
            if (said[k].type == type && (strcmp(said[k].pattern, "*") == 0 || strcmp(said[k].pattern, id) == 0)) {
                denied = denied || said[k].permission == PERMISSION_DENY;
                best = said[k].permission > best ? (int)said[k].permission : best;
            }
        }
    }
    return denied ? PERMISSION_DENY : (enum permission)best;
}

TEST(searches_and_single_questions_agree_whatever_is_said)
{
    unsigned seed = 7;
    size_t denied = 0;
    size_t more = 0;
    struct world w = make_world();
    int64_t role_ids[3] = {make_role(&w.f, "default", "a"), make_role(&w.f, "default", "b"),
                           make_role(&w.f, "default", "c")};
    for (int round = 0; round < ROUNDS; round++) {
        say_something(&w, &seed, role_ids);
        unsigned at = pick(&seed, OBJECTS);
        for (int of_model = 0; of_model < 2; of_model++) {
            struct permission_object object = {.model = of_model ? w.models[at] : NULL,
                                               .experiment_id = w.experiments[at]};
            enum permission expected = expected_on(&w, role_ids, of_model, at);
            const struct reader *reader = auth_reader(w.auth, &w.bob, w.f.arena);
            assert_int_equal(permission_on(w.auth, &w.bob, w.experiments[at], object.model), expected);
            assert_int_equal(permission_on(w.auth, &w.bob, w.experiments[at], object.model), expected); /* remembered */
            assert_int_equal(store_reader_sees(w.f.store, reader, &object, NULL), expected >= PERMISSION_READ);
            assert_int_equal(of_model ? finds_model(&w, w.models[at], at % 3 == 0)
                                      : finds_experiment(&w, w.experiments[at]),
                             expected >= PERMISSION_READ);
            denied += expected == PERMISSION_DENY;
            more += expected > PERMISSION_READ;
        }
        if (round % 2 == 0) {
            assert_int_equal(auth_know_all(w.auth, &w.bob, NULL), 0);
            assert_int_equal(permission_on(w.auth, &w.bob, w.experiments[at], NULL),
                             expected_on(&w, role_ids, false, at));
        }
    }
    assert_true(denied > ROUNDS / 10 && more > ROUNDS / 10);
    auth_free(w.auth);
    close_fixture(&w.f);
}

/* ---- what holds at once ----------------------------------------------------------------------------------------- */

TEST(what_becomes_a_prompt_is_as_prompts_are_from_then_on)
{
    struct world w = make_world();
    int64_t role_id = make_role(&w.f, "default", "of models");
    assign(&w.f, &w.bob, role_id);
    (void)say(&w.f, role_id, GRANTED_REGISTERED_MODEL, "*", PERMISSION_EDIT);
    assert_int_equal(permission_on(w.auth, &w.bob, 0, "m0"), PERMISSION_READ);
    assert_int_equal(permission_on(w.auth, &w.bob, 0, "m1"), PERMISSION_EDIT);
    assert_int_equal(permission_on(w.auth, &w.bob, 0, "new"), PERMISSION_EDIT);
    assert_int_equal(store_registered_tag(w.f.store, "m1", "mlflow.prompt.is_prompt", "True", 2, NULL), 0);
    assert_int_equal(permission_on(w.auth, &w.bob, 0, "m1"), PERMISSION_READ);
    assert_true(store_registered_delete_tag(w.f.store, "m1", "mlflow.prompt.is_prompt", 2, NULL) >= 0);
    assert_int_equal(permission_on(w.auth, &w.bob, 0, "m1"), PERMISSION_EDIT);
    const struct mover by = {.actor = "root", .door = "test"};
    assert_int_equal(store_registry_rename(w.f.store, "m0", "new", &by, 3, NULL), 0);
    assert_int_equal(permission_on(w.auth, &w.bob, 0, "new"), PERMISSION_READ);
    assert_int_equal(permission_on(w.auth, &w.bob, 0, "m0"), PERMISSION_EDIT);
    auth_free(w.auth);
    close_fixture(&w.f);
}

TEST(a_pattern_is_the_id_as_it_is_written)
{
    struct world w = make_world();
    int64_t role_id = make_role(&w.f, "default", "odd");
    static const char *const odd[] = {"01", "+1", " 1", "1 ", "1.0", "1*", "?", "%", "", "-1", "9223372036854775808"};
    assign(&w.f, &w.bob, role_id);
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        (void)say(&w.f, role_id, GRANTED_EXPERIMENT, odd[i], PERMISSION_DENY);
        (void)say(&w.f, role_id, GRANTED_REGISTERED_MODEL, odd[i], PERMISSION_DENY);
    }
    for (int turn = 0; turn < 2; turn++) {
        assert_int_equal(permission_on(w.auth, &w.bob, 1, NULL), PERMISSION_READ);
        assert_true(finds_experiment(&w, 1));
        assert_int_equal(auth_know_all(w.auth, &w.bob, NULL), 0);
    }
    assert_int_equal(permission_on(w.auth, &w.bob, 0, "m1"), PERMISSION_READ);
    auth_free(w.auth);
    close_fixture(&w.f);
}

TEST(roles_of_other_workspaces_say_nothing_of_objects)
{
    struct world w = make_world();
    int64_t role_id = make_role(&w.f, "cellar", "chiefs");
    assign(&w.f, &w.bob, role_id);
    (void)say(&w.f, role_id, GRANTED_WORKSPACE, "*", PERMISSION_MANAGE);
    (void)say(&w.f, role_id, GRANTED_EXPERIMENT, "*", PERMISSION_DENY);
    assert_int_equal(permission_on(w.auth, &w.bob, w.experiments[1], NULL), PERMISSION_READ);
    assert_true(finds_experiment(&w, w.experiments[1]));
    assert_int_equal(auth_know_all(w.auth, &w.bob, NULL), 0);
    assert_int_equal(permission_on(w.auth, &w.bob, w.experiments[1], NULL), PERMISSION_READ);
    assert_int_equal(store_mlflow_role_manages(w.f.store, w.bob.user_id, "cellar", NULL), 1);
    assert_int_equal(store_mlflow_role_manages(w.f.store, w.bob.user_id, "default", NULL), 0);
    auth_free(w.auth);
    close_fixture(&w.f);
}

/* No role of MLflow's makes anybody more than his own role lets him be. */
TEST(who_manages_the_workspace_is_no_admin)
{
    static const int64_t only[] = {1};
    struct world w = make_world();
    int64_t role_id = make_role(&w.f, "default", "chiefs");
    assign(&w.f, &w.bob, role_id);
    (void)say(&w.f, role_id, GRANTED_EXPERIMENT, "*", PERMISSION_DENY);
    auth_set_default(w.auth, PERMISSION_NONE);
    assert_false(finds_experiment(&w, w.experiments[1]));
    (void)say(&w.f, role_id, GRANTED_WORKSPACE, "*", PERMISSION_MANAGE);
    assert_int_equal(permission_on(w.auth, &w.bob, w.experiments[1], NULL), PERMISSION_MANAGE);
    assert_int_equal(auth_know_all(w.auth, &w.bob, NULL), 0);
    assert_int_equal(permission_on(w.auth, &w.bob, w.experiments[1], NULL), PERMISSION_MANAGE);
    assert_true(finds_experiment(&w, w.experiments[1]) && finds_model(&w, "m1", false));
    const struct reader *reader = auth_reader(w.auth, &w.bob, w.f.arena);
    assert_non_null(reader);
    assert_false(reader->sees_all);
    assert_int_equal(auth_default(w.auth, &w.bob), PERMISSION_NONE);
    w.bob.role = ROLE_VIEWER;
    assert_int_equal(permission_on(w.auth, &w.bob, w.experiments[1], NULL), PERMISSION_READ);
    w.bob.role = ROLE_EDITOR;
    w.bob.experiments = only;
    w.bob.experiment_count = 1;
    assert_int_equal(permission_on(w.auth, &w.bob, 2, NULL), PERMISSION_NONE);
    assert_int_equal(permission_on(w.auth, &w.bob, 0, "m1"), PERMISSION_NONE);
    assert_false(finds_experiment(&w, 2) || finds_model(&w, "m1", false));
    assert_true(finds_experiment(&w, 1));
    auth_free(w.auth);
    close_fixture(&w.f);
}

TEST(what_is_removed_takes_along_what_was_of_it)
{
    struct world w = make_world();
    struct account_change change = change_in(&w.f);
    struct mlflow_role_user *users = NULL;
    size_t count = 0;
    const struct user_row bob = {.user_id = w.bob.user_id, .name = "bob"};
    int64_t role_id = make_role(&w.f, "default", "tasters");
    int64_t other = make_role(&w.f, "default", "pickers");
    int64_t said = say(&w.f, role_id, GRANTED_EXPERIMENT, "*", PERMISSION_MANAGE);
    assign(&w.f, &w.bob, role_id);
    assign(&w.f, &w.bob, other);
    assert_int_equal(mlflow_wildcard_permit(&change, &bob, GRANTED_PROMPT, PERMISSION_EDIT, NULL), 0);
    assert_int_equal(permission_on(w.auth, &w.bob, 1, NULL), PERMISSION_MANAGE);
    assert_int_equal(permission_on(w.auth, &w.bob, 0, "m0"), PERMISSION_EDIT);
    assert_int_equal(mlflow_role_delete(&change, role_id, NULL), 0);
    assert_int_equal(permission_on(w.auth, &w.bob, 1, NULL), PERMISSION_READ);
    assert_int_equal(mlflow_role_unsay(&change, said, NULL), -1);
    assert_true(make_role(&w.f, "default", "tasters") > other); /* an id is never another's */
    assert_int_equal(account_user_remove(&change, "bob", NULL), 0);
    assert_int_equal(store_mlflow_role_users(w.f.store, other, w.f.arena, &users, &count, NULL), 0);
    assert_int_equal(count, 0);
    assert_int_equal(permission_on(w.auth, &w.bob, 0, "m0"), PERMISSION_READ);
    auth_free(w.auth);
    close_fixture(&w.f);
}

/* ---- the log ---------------------------------------------------------------------------------------------------- */

TEST(each_change_of_a_role_is_in_the_activity_log)
{
    static const struct {
        const char *action, *object, *from, *to, *reason;
    } wanted[] = {
        {"mlflow_role.created", "MLflow role tasters", "", "created", ""},
        {"mlflow_role.permission_changed", "MLflow role tasters", "", "READ", "on experiment 7"},
        {"mlflow_role.permission_changed", "MLflow role tasters", "READ", "DENY", "on experiment 7"},
        {"mlflow_role.assigned", "MLflow role tasters", "", "assigned", "for bob"},
        {"mlflow_role.changed", "MLflow role sippers", "tasters", "sippers", "of all"},
        {"mlflow_role.unassigned", "MLflow role sippers", "", "unassigned", "for bob"},
        {"mlflow_role.permission_changed", "MLflow role sippers", "DENY", "", "on experiment 7"},
        {"mlflow_role.deleted", "MLflow role sippers", "", "deleted", ""},
        {"mlflow_role.created", "MLflow role tasters in workspace cellar", "", "created", ""},
        {"permission.changed", "each experiment", "", "EDIT", "for bob"},
        {"permission.changed", "each experiment", "EDIT", "", "for bob"},
    };
    enum { MORE = sizeof wanted / sizeof wanted[0] };
    struct fixture f = open_empty();
    struct account_change change = change_in(&f);
    struct activity *rows = NULL;
    size_t before = 0;
    size_t count = 0;
    (void)make_user(&f, "alice", ROLE_ADMIN);
    struct auth_who who = make_user(&f, "bob", ROLE_EDITOR);
    const struct user_row bob = {.user_id = who.user_id, .name = "bob"};
    assert_int_equal(store_activity_list(f.store, NULL, false, 0, 100, f.arena, &rows, &before, NULL), 0);
    int64_t role_id = make_role(&f, "default", "tasters");
    int64_t said = say(&f, role_id, GRANTED_EXPERIMENT, "7", PERMISSION_READ);
    assert_int_equal(mlflow_role_say_anew(&change, said, PERMISSION_DENY, NULL), 0);
    assign(&f, &who, role_id);
    assert_int_equal(mlflow_role_update(&change, role_id, "sippers", "of all", NULL), 0);
    assert_int_equal(mlflow_role_unassign(&change, &bob, role_id, NULL), 0);
    assert_int_equal(mlflow_role_unsay(&change, said, NULL), 0);
    assert_int_equal(mlflow_role_delete(&change, role_id, NULL), 0);
    (void)make_role(&f, "cellar", "tasters");
    assert_int_equal(mlflow_wildcard_permit(&change, &bob, GRANTED_EXPERIMENT, PERMISSION_EDIT, NULL), 0);
    assert_int_equal(mlflow_wildcard_forbid(&change, &bob, GRANTED_EXPERIMENT, NULL), 1);
    assert_int_equal(mlflow_wildcard_forbid(&change, &bob, GRANTED_EXPERIMENT, NULL), 0);
    assert_int_equal(mlflow_role_delete(&change, role_id, NULL), -1); /* what was refused is in it no more */
    assert_int_equal(store_activity_list(f.store, NULL, false, 0, 100, f.arena, &rows, &count, NULL), 0);
    assert_int_equal(count, before + MORE);
    for (size_t i = 0; i < MORE; i++) {
        const struct activity *row = &rows[before + i];
        assert_string_equal(row->action, wanted[i].action);
        assert_string_equal(row->object, wanted[i].object);
        assert_string_equal(row->from_state == NULL ? "" : row->from_state, wanted[i].from);
        assert_string_equal(row->to_state == NULL ? "" : row->to_state, wanted[i].to);
        assert_string_equal(row->reason == NULL ? "" : row->reason, wanted[i].reason);
        assert_string_equal(row->actor, "root");
    }
    close_fixture(&f);
}

TEST(names_of_roles_are_bounded_and_not_mlflows_own)
{
    static const char *const bad[] = {"", " ", "\t\n", "__user_1__", "__user_", "__user_x"};
    struct fixture f = open_empty();
    struct account_change change = change_in(&f);
    char longest[MLFLOW_ROLE_NAME_MAX + 2];
    int64_t id = 0;
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    struct mlflow_role role = {.workspace = "default", .name = longest};
    assert_int_equal(mlflow_role_create(&change, &role, &id, NULL), -1);
    role.name = longest + 1;
    assert_int_equal(mlflow_role_create(&change, &role, &id, NULL), 0);
    role.name = "w";
    role.workspace = longest;
    assert_int_equal(mlflow_role_create(&change, &role, &id, NULL), -1);
    role.workspace = "default";
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        role.name = bad[i];
        assert_int_equal(mlflow_role_create(&change, &role, &id, NULL), -1);
        assert_int_equal(mlflow_role_update(&change, id, bad[i], NULL, NULL), -1);
    }
    close_fixture(&f);
}

TESTS(RUN(what_is_said_comes_to_one_permission), RUN(only_some_permissions_can_be_said_of_a_type),
      RUN(searches_and_single_questions_agree_whatever_is_said),
      RUN(what_becomes_a_prompt_is_as_prompts_are_from_then_on), RUN(a_pattern_is_the_id_as_it_is_written),
      RUN(roles_of_other_workspaces_say_nothing_of_objects), RUN(who_manages_the_workspace_is_no_admin),
      RUN(what_is_removed_takes_along_what_was_of_it), RUN(each_change_of_a_role_is_in_the_activity_log),
      RUN(names_of_roles_are_bounded_and_not_mlflows_own))
