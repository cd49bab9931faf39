/* SPDX-License-Identifier: Apache-2.0
 * A run in a test's hands: events by the names of steps ("work", "work[1]"), states read back as one line of text.
 */
#ifndef SLUICE_TEST_RUN_DRIVER_H
#define SLUICE_TEST_RUN_DRIVER_H

#include "pipeline_maker.h"
#include "run/run.h"

struct driver {
    struct made made;
    struct run *run;
    struct run_changes changes; /* of the last call */
    int64_t now_ms;
};

static struct driver driver_of(struct made made, const struct run_options *options)
{
    static const struct run_options none = {.seed = 7};
    struct driver driver = {.made = made, .now_ms = 1000};
    driver.run = run_new(made.pipeline, "r1", options == NULL ? &none : options);
    return driver;
}

static void driver_free(struct driver *driver)
{
    run_changes_clear(&driver->changes);
    run_free(driver->run);
    arena_free(driver->made.arena);
}

static void driver_apply(struct driver *driver, struct run_event event)
{
    run_changes_clear(&driver->changes);
    driver->now_ms += 10;
    event.now_ms = driver->now_ms;
    run_apply(driver->run, &event, &driver->changes);
}

static void driver_begin(struct driver *driver)
{
    driver_apply(driver, (struct run_event){.kind = RUN_EVENT_BEGIN});
}

/* "train" or "train[2]". */
static struct run_place place_at(const struct driver *driver, const char *name)
{
    struct str id = str_from(name);
    ptrdiff_t bracket = str_find_byte(id, '[', 0);
    struct run_place place = {0};
    if (bracket >= 0) {
        place.item = (size_t)strtoul(name + bracket + 1, NULL, 10);
        id.n = (size_t)bracket;
    }
    ptrdiff_t step = pipeline_find_step(driver->made.pipeline, id);
    assert_true(step >= 0);
    place.step = (size_t)step;
    return place;
}

static __attribute__((unused)) struct run_item *item_at(const struct driver *driver, const char *name)
{
    return run_item_at(driver->run, place_at(driver, name));
}

static __attribute__((unused)) struct run_step *step_at(const struct driver *driver, const char *name)
{
    return &driver->run->steps[place_at(driver, name).step];
}

/* Starts everything that may start: the names in order, "" for none. */
static __attribute__((unused)) const char *driver_start(struct driver *driver)
{
    const char *names = "";
    struct run_place place;
    run_changes_clear(&driver->changes);
    while (run_take_ready(driver->run, driver->now_ms, &driver->changes, &place)) {
        const struct step *step = run_step_at(driver->run, place);
        const char *item = step->matrix != NULL ? arena_printf(driver->made.arena, "[%zu]", place.item) : "";
        names = arena_printf(driver->made.arena, "%s%s%.*s%s", names, *names == '\0' ? "" : " ", STR_ARG(step->id),
                             item);
    }
    return names;
}

static __attribute__((unused)) void driver_end(struct driver *driver, const char *name, enum attempt_state ended,
                                               const char *reason)
{
    driver_apply(driver, (struct run_event){.kind = RUN_EVENT_ENDED,
                                            .place = place_at(driver, name),
                                            .ended = ended,
                                            .exit_code = ended == ATTEMPT_STATE_FAILED ? 1 : -1,
                                            .reason = reason});
}

static __attribute__((unused)) void driver_succeed(struct driver *driver, const char *name)
{
    driver_end(driver, name, ATTEMPT_STATE_SUCCEEDED, NULL);
}

static __attribute__((unused)) void driver_fail(struct driver *driver, const char *name)
{
    driver_end(driver, name, ATTEMPT_STATE_FAILED, "exit code 1");
}

static __attribute__((unused)) void driver_cancel(struct driver *driver, const char *reason)
{
    driver_apply(driver, (struct run_event){.kind = RUN_EVENT_CANCEL, .reason = reason});
}

/* "running: a=succeeded b=active", items of a matrix in brackets: "w=active[succeeded ready]". */
static __attribute__((unused)) const char *driver_states(const struct driver *driver)
{
    struct arena *arena = driver->made.arena;
    const char *text = arena_printf(arena, "%s:", run_state_name(driver->run->state));
    for (size_t i = 0; i < driver->made.pipeline->step_count; i++) {
        const struct run_step *step = &driver->run->steps[i];
        text = arena_printf(arena, "%s %.*s=%s", text, STR_ARG(driver->made.pipeline->steps[i].id),
                            step_state_name(step->state));
        if (driver->made.pipeline->steps[i].matrix == NULL) {
            continue;
        }
        for (size_t k = 0; k < step->item_count; k++) {
            text = arena_printf(arena, "%s%s%s%s", text, k == 0 ? "[" : " ", step_state_name(step->items[k].state),
                                k + 1 == step->item_count ? "]" : "");
        }
    }
    return text;
}

/* What is to be done, as text: "stop a: cancel; wake b: 1234". */
static __attribute__((unused)) const char *driver_actions(const struct driver *driver)
{
    static const char *const verbs[] = {"stop", "withdraw", "cancel child", "wake"};
    struct arena *arena = driver->made.arena;
    const char *text = "";
    for (size_t i = 0; i < driver->changes.actions.count; i++) {
        const struct run_action *action = &driver->changes.actions.items[i];
        struct str id = run_step_at(driver->run, action->place)->id;
        text =
            arena_printf(arena, "%s%s%s %.*s[%zu]: %s", text, i == 0 ? "" : "; ", verbs[action->kind], STR_ARG(id),
                         action->place.item,
                         action->text != NULL ? action->text : arena_printf(arena, "%lld", (long long)action->at_ms));
    }
    return text;
}

#endif
