/* SPDX-License-Identifier: Apache-2.0
 * Which files of a commit are its pipelines. Pure.
 */
#ifndef SLUICE_GIT_PIPELINE_PATH_H
#define SLUICE_GIT_PIPELINE_PATH_H

#include <stdbool.h>

/* `path` is `path` of a source: a glob ("*", "?" or "[" in it), a file (.yaml, .yml), or a folder F, of which
 * F/NAME.yaml, F/NAME.yml, F/NAME/sluice.yaml and F/NAME/sluice.yml count, as of `sluice serve --pipelines`. "" is
 * sluice.yaml or sluice.yml, and the folder `pipelines`. Names that begin with a dot count only where they are spelled
 * out. */
bool is_pipeline_path(const char *path, const char *file);
/* The same in words: "sluice.yaml or pipelines/NAME.yaml". */
const char *pipeline_path_words(const char *path);

#endif
