/* SPDX-License-Identifier: Apache-2.0
 * The tables of MLflow's database, and the rows that an empty one has, but for the experiment 0.
 */
#ifndef SLUICE_MOVE_MLFLOW_SCHEMA_H
#define SLUICE_MOVE_MLFLOW_SCHEMA_H

extern const char mlflow_schema[];

#endif
