/* SPDX-License-Identifier: Apache-2.0 */
#include "net/header.h"

#include "core/mem.h"

#include <string.h>

#include "core/ban.h"

bool kp_header_add(struct curl_slist **list, const char *name, const char *value, size_t most)
{
    struct kp_buf line;
    kp_buf_init(&line, most);
    kp_buf_printf(&line, "%s: %s", name, value);
    struct curl_slist *longer = line.failed ? NULL : curl_slist_append(*list, kp_buf_text(&line));
    if (longer)
        *list = longer;
    if (line.data)
        explicit_bzero(line.data, line.len);
    kp_buf_free(&line);
    return longer;
}
