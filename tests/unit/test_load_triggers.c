/* SPDX-License-Identifier: Apache-2.0
 * Triggers of a pipeline file: schedules, webhooks, events, and what they give to the params.
 */
#include "key_text.h"

TEST(schedules_are_checked_in_full)
{
    static const struct text_row rows[] = {
        {ON("schedule: {cron: '0 2 * * 1-5'}"), "", NULL},
        {ON("schedule: [{id: x, cron: '@daily', timezone: Europe/Copenhagen, catchup: one, "
               "catchup_window: 2d, catchup_limit: 3, jitter: 5m}]"),
         "", NULL},
        {ON("schedule: {cron: '61 * * * *'}"), "2:23 E016", "minute 61 is not 0-59"},
        {ON("schedule: {cron: '0 2 30 2 *'}"), "2:23 E016", "never fires"},
        {ON("schedule: {cron: '0 0 * *'}"),
         "2:23 E016", "expected 5: minute, hour, day of month, month, day of week"},
        {ON("schedule: {cron: '${{ vars.x }}'}"), "2:23 E010", "this key of 'on' takes no expressions"},
        {ON("schedule: {cron: '@daily', timezone: Europe/Kopenhagen}"),
         "2:43 E016", "did you mean 'Europe/Copenhagen'"},
        {ON("schedule: {cron: '@daily', catchup: yes}"), "2:42 E006", "expected one of none, one, all"},
        {ON("schedule: {cron: '@daily', catchup_limit: 0}"), "2:48 E006", "expected an integer from 1 to 1000"},
        {ON("schedule: {cron: '@daily', jitter: 5}"), "2:41 E006", "did you mean '5s'?"},
        {ON("schedule: {cron: '@daily', overlap: queue_one}"), "", NULL},
        {ON("schedule: {cron: '@daily', overlap: forbid}"),
         "2:42 E006", "expected one of allow, skip, queue, queue_one, cancel_running"},
        {ON("schedule: {timezone: UTC}"), "2:16 E007", "a schedule has no 'cron'"},
        {ON("schedule: daily"), "2:16 E005",
         "'schedule' of 'on': expected a list or a map, found a string (such as 'schedule: {cron: \"0 2 * * *\"}')"},
        {ON("schedule: [{cron: '@daily'}, {cron: '@daily'}]"),
         "2:35 E006", "two schedules have the id '@daily' (give each an 'id')"},
        {ON("schedule: [{cron: '@daily', id: a}, {cron: '@daily', id: b}]"), "", NULL},
    };
    CHECK_ROWS(rows);
}

TEST(webhooks_and_events_are_checked_in_full)
{
    static const struct text_row rows[] = {
        {ON("push: "), "", NULL},
        {ON("push: {branches: [main], paths: ['a/**'], if: event.forced}"), "", NULL},
        {ON("webhook: {verify: github, secret: '${{ secrets.X }}', if: \"event.body.ref == 'x'\"}"), "", NULL},
        {ON("webhook: {verify: mlflow, secret: '${{ secrets.X }}'}"), "", NULL},
        {ON("webhook: {verify: none}"), "2:24 W021", "whoever reaches the server starts this pipeline"},
        {ON("webhook: {verify: github, secret: 'a${{ secrets.X }}'}"),
         "2:40 E013", "a webhook's secret is one secret, and nothing beside it"},
        {ON("webhook: {verify: github, secret: '${{ secrets.X ?? secrets.Y }}'}"), "2:40 E013", "is one secret"},
        {ON("model_version: {model: 'w*', prompts: true}, model_alias: {model: w, alias: "
               "champion}, pipeline: {name: q, status: [succeeded, failed]}"),
         "", NULL},
        {ON("webhook: {secret: '${{ secrets.X }}'}"), "2:15 E007", "'on: webhook' has no 'verify'"},
        {ON("webhook: {verify: github}"),
         "2:24 E007",
         "'on: webhook' has no 'secret': 'github' checks deliveries by one (write secret: ${{ secrets.NAME }})"},
        {ON("webhook: {verify: none, secret: '${{ secrets.X }}'}"),
         "2:30 E006", "'secret' has no meaning with 'verify: none'"},
        {ON("webhook: {verify: svn, secret: '${{ secrets.X }}'}"),
         "2:24 E006", "expected one of github, gitlab, gitea, bitbucket, standard, mlflow, bearer, none"},
        {ON("webhook: "), "2:15 E005", "'webhook' of 'on': expected a map, found nothing"},
        {ON("push: {branches: main}"), "2:23 E005", "'branches' of 'on: push': expected a list, found a string"},
        {ON("push: {paths: [1]}"), "2:21 E005", "this list: expected text, found an integer"},
        {ON("push: {branches: ['${{ vars.x }}']}"), "2:24 E010", "this key of 'on' takes no expressions"},
        {ON("model_version: {prompts: yes}"), "2:21 E007, 2:31 E005", "'on: model_version' has no 'model'"},
        {ON("model_version: {model: '${{ secrets.x }}'}"),
         "2:29 E013", "a secret in this key of 'on' would be stored or shown"},
        {ON("model_alias: {alias: x}"), "2:19 E007", "'on: model_alias' has no 'model'"},
        {ON("model_version: {model: ''}"), "2:29 E006", "a glob that is empty matches nothing"},
        {ON("model_version: {model: a, actions: [set]}"), "2:32 E003", "'on: model_version' has no key 'actions'"},
        {ON("model_alias: {model: a, actions: []}"), "2:39 E006", "'actions' is empty: nothing would start a run"},
        {ON("model_alias: {model: a, actions: [moved]}"), "2:40 E006", "expected one of set, deleted"},
        {ON("model_tag: {model: a, debounce: soon}"), "2:38 E006", "soon"},
        {ON("model_stage: {stage: 5}"), "2:19 E007, 2:27 E005", "expected text, found an integer"},
        {ON("pipeline: {name: q, status: [done]}"), "2:35 E006", "expected one of succeeded, failed, cancelled"},
        {ON("call: only"), "2:6 E019", "'call' is not in this version: pipelines that can only be called"},
        {ON("pull_request: "),
         "2:6 E003",
         "expected one of schedule, webhook, push, model_version, model_alias, model_tag, model_stage, pipeline"},
    };
    CHECK_ROWS(rows);
}

TEST(what_a_trigger_gives_must_fit_the_params)
{
    static const struct text_row rows[] = {
        {"name: p\non: {push: {params: {n: 3, s: '1.10'}}}\nparams: {n: {type: integer}, "
               "s: {default: x}}\nsteps: {a: {run: x}}\n",
         "", NULL},
        {"name: p\non: {push: {params: {n: '${{ event.n }}'}}}\nparams: {n: {type: "
               "integer}}\nsteps: {a: {run: x}}\n",
         "", NULL},
        {"name: p\non: {push: {params: {n: x}}}\nparams: {n: {type: integer}}\nsteps: {a: "
               "{run: x}}\n",
         "2:25 E005", "param 'n': expected an integer, found a string"},
        {"name: p\non: {push: {params: {n: 3}}}\nparams: {n: {type: integer, default: 1, "
               "maximum: 2}}\nsteps: {a: {run: x}}\n",
         "2:25 E005", "param 'n': 3 is above the maximum 2"},
        {"name: p\non: {push: {params: {s: 1.10}}}\nparams: {s: {enum: ['1.10']}}\nsteps: {a: {run: x}}\n", "", NULL},
        {"name: p\non: {push: {params: {s: true}}}\nparams: {s: {default: x}}\nsteps: {a: {run: x}}\n",
         "2:25 E005", "param 's': expected a string, found a boolean"},
        {"name: p\non: {push: {params: {nn: 3}}}\nparams: {n1: {default: x}}\nsteps: {a: "
               "{run: x}}\n",
         "2:22 W021", "the pipeline has no param 'nn': what the trigger gives is left out (did you mean 'n1'?)"},
        {"name: p\non: {push: {}}\nparams: {n: {type: integer}}\nsteps: {a: {run: x}}\n",
         "2:12 W021",
         "the param 'n' has no default: no run that this starts can begin (give it in 'params' of the trigger)"},
        {"name: p\non: push\nsteps: {a: {run: x}}\n",
         "2:5 E005", "'on' of the pipeline: expected a map, found a string"},
    };
    CHECK_ROWS(rows);
}

TEST(triggers_are_kept_with_their_settings)
{
    struct loaded loaded = load_text_of(
        ON("schedule: [{cron: '@daily'}, {id: x, cron: '0 1 * * *', timezone: Europe/Paris}], push: , webhook: "
           "{verify: none, if: 'true'}"));
    assert_non_null(loaded.pipeline);
    const struct trigger *triggers = loaded.pipeline->triggers;
    assert_int_equal(loaded.pipeline->trigger_count, 4);
    assert_true(str_is(triggers[0].id, "@daily") && str_is(triggers[0].timezone, "UTC"));
    assert_true(str_is(triggers[1].id, "x") && str_is(triggers[1].timezone, "Europe/Paris"));
    assert_true(triggers[2].kind == TRIGGER_PUSH && triggers[2].settings.type == JSON_OBJECT);
    assert_true(triggers[3].condition != NULL);
    loaded_free(&loaded);
}

TESTS(RUN(schedules_are_checked_in_full), RUN(webhooks_and_events_are_checked_in_full),
      RUN(what_a_trigger_gives_must_fit_the_params), RUN(triggers_are_kept_with_their_settings))
