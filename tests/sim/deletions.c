/* SPDX-License-Identifier: Apache-2.0 */
#include "deletions.h"

int deletion_chosen;
bool deletion_reached[DELETIONS_MAX];
