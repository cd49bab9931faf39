/* SPDX-License-Identifier: Apache-2.0 */
#include "trigger/hook_secrets.h"

#include "base/mem.h"

#include <stdlib.h>

static int64_t now_ms(const struct hook_secrets *secrets)
{
    return clock_monotonic_ms(secrets->options->clock);
}

static void forget_value(struct hook_question *question)
{
    if (question->value != NULL) {
        explicit_bzero(question->value, question->size);
        free(question->value);
    }
    question->value = NULL;
    question->size = 0;
}

static void end_question(const struct hook_secrets *secrets, struct hook_question *question)
{
    if (question->is_open) {
        secrets->options->secret_forget(secrets->options->ctx, question->asker);
    }
    question->is_open = false;
}

static void drop_question(const struct hook_secrets *secrets, struct hook_question *question)
{
    end_question(secrets, question);
    forget_value(question);
    free(question->pipeline);
    free(question->name);
    free(question);
}

void hook_secrets_clear(struct hook_secrets *secrets)
{
    for (size_t i = 0; i < secrets->questions.count; i++) {
        drop_question(secrets, secrets->questions.items[i]);
    }
    vec_clear(&secrets->questions);
}

/* What is told no more is overwritten, when anything is asked. */
static void drop_old(struct hook_secrets *secrets)
{
    for (size_t i = secrets->questions.count; i > 0; i--) {
        struct hook_question *question = secrets->questions.items[i - 1];
        if (!question->is_open && question->until_ms <= now_ms(secrets)) {
            drop_question(secrets, question);
            secrets->questions.items[i - 1] = secrets->questions.items[--secrets->questions.count];
        }
    }
}

static struct hook_question *find_question(const struct hook_secrets *secrets, const char *pipeline, struct str name)
{
    for (size_t i = 0; i < secrets->questions.count; i++) {
        struct hook_question *question = secrets->questions.items[i];
        if (strcmp(question->pipeline, pipeline) == 0 && str_is(name, question->name)) {
            return question;
        }
    }
    return NULL;
}

static struct hook_question *new_question(struct hook_secrets *secrets, const char *pipeline, struct str name,
                                          int64_t asker)
{
    struct hook_question *question = mem_alloc(sizeof *question);
    *question = (struct hook_question){
        .pipeline = mem_strdup(pipeline), .name = mem_dup(name.p, name.n), .asker = asker, .is_open = true};
    vec_push(&secrets->questions, question);
    return question;
}

/* Asks for it once more; what it comes to is kept. */
static void look(struct hook_secrets *secrets, struct hook_question *question)
{
    struct arena *arena = arena_new();
    struct str value = {0};
    question->wrong = (struct err){0};
    int result = secrets->options->secret(secrets->options->ctx, question->asker, str_from(question->name),
                                          question->pipeline, arena, &value, &question->wrong);
    if (result == 0) {
        question->value = mem_dup(value.p, value.n);
        question->size = value.n;
        explicit_bzero((char *)(uintptr_t)value.p, value.n);
    }
    if (result <= 0) {
        end_question(secrets, question);
        question->until_ms = now_ms(secrets) + HOOK_SECRET_KEPT_MS;
    }
    arena_free(arena);
}

static int answer(const struct hook_question *question, struct arena *arena, struct str *ret, struct err *err)
{
    if (question->is_open) {
        return 1;
    }
    if (question->value == NULL) {
        return err_set(err, question->wrong.code, "%s", question->wrong.message);
    }
    *ret = (struct str){arena_dup(arena, question->value, question->size), question->size};
    return 0;
}

int hook_secret_read(struct hook_secrets *secrets, const char *pipeline, struct str name, struct arena *arena,
                     struct str *ret, struct err *err)
{
    const struct hooks_options *options = secrets->options;
    drop_old(secrets);
    struct hook_question *question = find_question(secrets, pipeline, name);
    if (question == NULL) {
        int64_t asker = -1 - secrets->askers;
        int result = options->secret(options->ctx, asker, name, pipeline, arena, ret, err);
        if (result <= 0) {
            options->secret_forget(options->ctx, asker);
            return result;
        }
        secrets->askers++;
        question = new_question(secrets, pipeline, name, asker);
    } else if (question->is_open) {
        look(secrets, question);
    }
    return answer(question, arena, ret, err);
}

bool hook_secrets_are_told(struct hook_secrets *secrets, const char *pipeline)
{
    bool told = true;
    for (size_t i = 0; i < secrets->questions.count; i++) {
        struct hook_question *question = secrets->questions.items[i];
        if (question->is_open && strcmp(question->pipeline, pipeline) == 0) {
            look(secrets, question);
            told = told && !question->is_open;
        }
    }
    return told;
}
