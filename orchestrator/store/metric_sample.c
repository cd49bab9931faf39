/* SPDX-License-Identifier: Apache-2.0 */
#include "store/metric_sample.h"

size_t metric_sample_count(size_t count, size_t most)
{
    return count < most ? count : most;
}

size_t metric_sample_place(size_t count, size_t most, size_t i)
{
    if (count <= most) {
        return i;
    }
    size_t larger = count % most;
    return i == most - 1 ? count - 1 : i * (count / most) + (i < larger ? i : larger);
}
