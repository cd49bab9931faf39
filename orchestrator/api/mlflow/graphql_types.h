/* SPDX-License-Identifier: Apache-2.0
 * MLflow's GraphQL schema as tables: the types and fields of mlflow's graphql_schema_extensions, by the names that its
 * page asks for.
 */
#ifndef SLUICE_API_MLFLOW_GRAPHQL_TYPES_H
#define SLUICE_API_MLFLOW_GRAPHQL_TYPES_H

#include "api/graphql/schema.h"

extern const struct graphql_schema mlflow_graphql_schema;

/* graphql.c: what answers the fields that are not members; ctx is its own. */
graphql_resolver graphql_get_experiment, graphql_get_run, graphql_search_runs, graphql_search_datasets,
    graphql_list_artifacts, graphql_metric_interval, graphql_search_versions, graphql_run_experiment,
    graphql_run_versions, graphql_test, graphql_test_mutation;

#endif
