/* SPDX-License-Identifier: Apache-2.0
 * Pipelines in which one key is of interest.
 */
#ifndef SLUICE_TEST_KEY_TEXT_H
#define SLUICE_TEST_KEY_TEXT_H

#include "pipeline_text.h"

#define HEAD "name: p\n"
#define TAIL "\nsteps: {a: {run: x}}\n"
#define TOP(keys) HEAD keys TAIL
#define PARAM(keys) HEAD "params: {a: {" keys "}}" TAIL
#define ON(keys) HEAD "on: {" keys "}" TAIL
#define STEP(keys) HEAD "steps:\n  a: {" keys "}\n"
#define STEPS(steps) HEAD "steps:\n" steps
#define RETRY(keys) STEP("run: x, retry: {" keys "}")

#endif
