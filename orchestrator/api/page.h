/* SPDX-License-Identifier: Apache-2.0
 * MLflow's web page: the built files of it, which every mlflow wheel brings, sent from a folder.
 */
#ifndef SLUICE_API_PAGE_H
#define SLUICE_API_PAGE_H

#include "http/folder.h"

/* For api_door.page. ERR_INPUT when there is no page in that folder, with where one is found. */
int api_page_open(const char *folder, struct http_folder *ret, struct err *err);

#endif
