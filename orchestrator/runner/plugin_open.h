/* SPDX-License-Identifier: Apache-2.0
 * From a file to a plugin that may be called.
 *
 * The manifest (ELF section ".sluice") is read first: a file that is no plugin, one of another ABI, or one that is not
 * the plugin that was asked for is refused before any code of it runs.
 */
#ifndef SLUICE_RUNNER_PLUGIN_OPEN_H
#define SLUICE_RUNNER_PLUGIN_OPEN_H

#include "base/json.h"
#include "step.h"

struct plugin_facts {
    const char *name;
    const char *version;
    struct json outputs; /* {NAME: TYPE} in the words of step_output.h: "string", "integer", ..., "json" */
};

/* The words of a manifest: pure. ERR_INPUT says what is wrong with it, or which ABI it is of. */
int plugin_facts_parse(struct str manifest, struct arena *arena, struct plugin_facts *ret, struct err *err);
/* The section ".sluice" of the file: ERR_INPUT when there is none, or the file is no shared object of this machine's
 * kind. Reads only what it needs. */
int plugin_manifest_read(const char *path, struct arena *arena, struct str *ret, struct err *err);
/* The facts of the file at `path`, whose plugin is called `name` ("" for any). */
int plugin_facts_read(const char *path, const char *name, struct arena *arena, struct plugin_facts *ret,
                      struct err *err);
/* Brings what plugin_load will touch into this process, where it would be brought in page by page: the loader, and the
 * tables of names of what is loaded. Nothing of the file is mapped, and no code of it runs. */
void plugin_load_ahead(const char *path);
/* Loads the plugin that `facts` tell of, for as long as the process lives. A symbol that is nowhere, a missing or
 * foreign descriptor are errors that say so. */
int plugin_load(const char *path, const struct plugin_facts *facts, const struct step_descriptor **ret_descriptor,
                struct err *err);

#endif
