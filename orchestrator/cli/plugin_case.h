/* SPDX-License-Identifier: Apache-2.0
 * The test file of a plugin, NAME_test.yaml: what goes in, what must come out.
 *
 *     plugin: ./greet.so
 *     tests:
 *       greets_as_often_as_asked:
 *         with: {name: world, times: 2}
 *         expect: {outputs: {greeted: 2}, log: "hello, world"}
 */
#ifndef SLUICE_CLI_PLUGIN_CASE_H
#define SLUICE_CLI_PLUGIN_CASE_H

#include "base/json.h"
#include "pipeline/diag.h"

struct plugin_case {
    struct str name;
    struct json with;  /* map: as in a step */
    struct json files; /* {PATH: text}: what the workspace holds at the start */
    /* What must come out; null and empty: not looked at. */
    struct str result;  /* ok, failed, refused, waiting, or invalid (refused before it runs) */
    struct str reason;  /* a part of the reason */
    struct str log;     /* a part of what it printed */
    struct json outputs;
    struct json metrics;
    struct json params;
    struct json tags;
    struct json artifacts; /* list of paths that must be there */
};

struct plugin_cases {
    struct str plugin; /* as in `uses`: a name, or a path relative to the file */
    struct plugin_case *items;
    size_t count;
};

/* Reads diags->file. -1 after adding diagnostics. */
int plugin_cases_load(struct diags *diags, struct plugin_cases *ret_cases);

#endif
