/* SPDX-License-Identifier: Apache-2.0
 * The imports that stand in the text of a Python file.
 *
 * Statements are found where one may begin: on a line, behind ';' and behind ':'. So what stands in a string or behind
 * a colon that begins nothing may be taken for an import; who asks looks whether there is such a module.
 */
#ifndef SLUICE_ENGINE_PYTHON_IMPORTS_H
#define SLUICE_ENGINE_PYTHON_IMPORTS_H

#include "base/str.h"

#include <stddef.h>

struct python_import {
    size_t dots;       /* before the module: 0 is looked for on the path, 1 beside the file, 2 in the folder above */
    struct str module; /* "a.b"; "" in "from . import c" */
    struct str name;   /* what is taken from it, which may be a module in it: "c"; "" in "import a.b" */
};

void python_imports(struct str text, void (*take)(void *ctx, const struct python_import *import), void *ctx);

#endif
