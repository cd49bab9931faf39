/* SPDX-License-Identifier: Apache-2.0
 * How long a file that comes in parts (<home>/uploads) may lie there with nobody touching it: who serves removes it
 * then, and so does gc.
 */
#ifndef SLUICE_STORE_UPLOAD_AGE_H
#define SLUICE_STORE_UPLOAD_AGE_H

#include <stdint.h>

static const int64_t upload_kept_ms = (int64_t)7 * 24 * 3600 * 1000;

#endif
