/* SPDX-License-Identifier: Apache-2.0
 * libmicrohttpd, loaded when the first server is opened: with what it needs in turn (TLS, which is not used) it would
 * cost each command some 3 ms to begin.
 */
#ifndef SLUICE_HTTP_LIBRARY_H
#define SLUICE_HTTP_LIBRARY_H

#include "base/err.h"

#include <microhttpd.h>

#define HTTP_LIBRARY_FUNCTIONS(X)                                                                                      \
    X(MHD_start_daemon)                                                                                                \
    X(MHD_get_daemon_info)                                                                                             \
    X(MHD_stop_daemon)                                                                                                 \
    X(MHD_run)                                                                                                         \
    X(MHD_get_timeout)                                                                                                 \
    X(MHD_quiesce_daemon)                                                                                              \
    X(MHD_create_response_from_fd_at_offset64)                                                                         \
    X(MHD_create_response_from_callback)                                                                               \
    X(MHD_create_response_from_buffer)                                                                                 \
    X(MHD_add_response_header)                                                                                         \
    X(MHD_queue_response)                                                                                              \
    X(MHD_destroy_response)                                                                                            \
    X(MHD_suspend_connection)                                                                                          \
    X(MHD_resume_connection)                                                                                           \
    X(MHD_get_connection_info)                                                                                         \
    X(MHD_get_connection_values)                                                                                       \
    X(MHD_lookup_connection_value)

#define HTTP_LIBRARY_MEMBER(name) __typeof__(name) *name;
struct http_library {
    HTTP_LIBRARY_FUNCTIONS(HTTP_LIBRARY_MEMBER)
};

/* Its functions; all NULL until http_library_load. */
extern struct http_library http_library;

int http_library_load(struct err *err);

#endif
