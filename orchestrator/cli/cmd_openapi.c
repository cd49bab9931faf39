/* SPDX-License-Identifier: Apache-2.0
 * openapi: the REST interface of `sluice serve`, for tools that make clients from it.
 */
#include "api/sluice/rest.h"
#include "cli/commands.h"

#include <stdio.h>

static int run_openapi(struct cli *cli)
{
    struct json document = rest_openapi(cli->arena);
    printf("%s\n", json_text(cli->arena, &document).p);
    return EXIT_OK;
}

const struct command command_openapi = {
    .name = "openapi",
    .group = "Write",
    .summary = "print the REST interface of `sluice serve` as OpenAPI 3.1",
    .details = "The same that a server tells at /api/sluice/v1/openapi.json, made from the table of its routes.",
    .examples = "sluice openapi > sluice.openapi.json",
    .run = run_openapi,
};
