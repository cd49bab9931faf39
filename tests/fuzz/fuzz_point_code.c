/* SPDX-License-Identifier: Apache-2.0
 * Points of any bytes: decoding ends and reads nothing beyond them; what was decoded is encoded and
 * decoded to the same points.
 */
#include "base/point_code.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static int same(const struct point *a, const struct point *b)
{
    return a->time_ms == b->time_ms && a->step == b->step &&
           ((isnan(a->value) && isnan(b->value)) || memcmp(&a->value, &b->value, sizeof a->value) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct str rest = {(const char *)bytes, size};
    struct point_code reading = {0};
    struct point_code writing = {0};
    struct point_code again = {0};
    struct point point;
    size_t before = size;
    while (point_decode(&reading, &rest, &point) == 1) {
        unsigned char room[POINT_CODE_MAX_BYTES];
        size_t took = point_encode(&writing, &point, room);
        struct str own = {(const char *)room, took};
        struct point back;
        if (took > POINT_CODE_MAX_BYTES || point_decode(&again, &own, &back) != 1 || own.n != 0 ||
            !same(&point, &back) || rest.n >= before) {
            abort();
        }
        before = rest.n;
    }
    return 0;
}
