/* SPDX-License-Identifier: Apache-2.0 */
#include "http/library.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

struct http_library http_library;

/* POSIX lets a function be kept in a pointer to an object; C does not say so. */
static bool find(void *handle, const char *name, void *ret)
{
    void *function = dlsym(handle, name);
    memcpy(ret, &function, sizeof function);
    return function != NULL;
}

/* Never unloaded: what it needs is not made for that. */
int http_library_load(struct err *err)
{
    static const char name[] = "libmicrohttpd.so.12";
    if (http_library.MHD_start_daemon != NULL) {
        return 0;
    }
    struct http_library found = {0};
    void *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        return err_set(err, ERR_IO, "the HTTP server needs the library %s: %s", name, dlerror());
    }
#define FIND(function)                                                                                                 \
    if (!find(handle, #function, &found.function)) {                                                                   \
        return err_set(err, ERR_IO, "the library %s has no %s", name, #function);                                      \
    }
    HTTP_LIBRARY_FUNCTIONS(FIND)
    http_library = found;
    return 0;
}
