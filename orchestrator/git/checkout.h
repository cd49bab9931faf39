/* SPDX-License-Identifier: Apache-2.0
 * The files of a commit: FOLDER/commits/COMMIT, there whole or not at all.
 *
 * Its files are read-only: runs that begin with one commit share them, and what they read is what the commit says. Its
 * folders can be written to. The bytes are the commit's own: no filter of .gitattributes is applied.
 */
#ifndef SLUICE_GIT_CHECKOUT_H
#define SLUICE_GIT_CHECKOUT_H

#include "git/mirror.h"

/* Nothing when it is there already. */
int checkout_make(struct mirror *mirror, const char *folder, const char *commit, struct arena *arena, struct err *err);

#endif
