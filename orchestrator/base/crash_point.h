/* SPDX-License-Identifier: Apache-2.0
 * Named places between two acts, where a test ends the process as kill -9 would (tests/fault).
 *
 * SLUICE_CRASH in the environment says where:
 *
 *   NAME[:N]       the process that passes NAME for the Nth time (1) dies there
 *   /FILE:N[,N...] each pass, of any program of sluice, adds a line of CRASH_POINT_LINE_BYTES to FILE, which must
 *                  be there; who writes line N dies. With 0 nobody does, and FILE lists all that there is to die at
 *
 * Without it a pass costs a comparison. What it can do to those who set it is what kill -9 could.
 */
#ifndef SLUICE_BASE_CRASH_POINT_H
#define SLUICE_BASE_CRASH_POINT_H

enum { CRASH_POINT_LINE_BYTES = 40 };

/* The environment is read at the first pass: a child that has put its environment aside obeys what its parent read. */
void crash_point_pass(const char *name);

#endif
