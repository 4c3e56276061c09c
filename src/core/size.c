/* SPDX-License-Identifier: Apache-2.0 */
#include "core/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

struct unit {
    const char *name;
    int64_t bytes;
};

/* What is printed comes first, from the largest down. */
static const struct unit units[] = {
    { "TB", INT64_C(1000000000000) },
    { "GB", 1000000000 },
    { "MB", 1000000 },
    { "kB", 1000 },
    { "B", 1 },
    { "", 1 },
    { "KiB", 1 << 10 },
    { "MiB", 1 << 20 },
    { "GiB", 1 << 30 },
    { "TiB", INT64_C(1) << 40 },
};
enum { UNITS = sizeof units / sizeof units[0] };

bool kp_size_parse(const char *text, int64_t *bytes)
{
    char *end = NULL;
    size_t digits = strspn(text, "0123456789.");
    double number = strtod(text, &end);
    if (!digits || end != text + digits) /* "1e3" and "0x10" are nobody's sizes */
        return false;
    end += strspn(end, " ");
    for (size_t i = 0; i < UNITS; i++) {
        double product = number * (double)units[i].bytes;
        if (strcasecmp(end, units[i].name) == 0 && product < 9e18) {
            *bytes = (int64_t)(product + 0.5);
            return true;
        }
    }
    return false;
}

void kp_size_print(int64_t bytes, char *out, size_t size)
{
    const struct unit *u = units;
    while (u->bytes > 1 && bytes < u->bytes)
        u++;
    if (u->bytes == 1)
        snprintf(out, size, "%" PRId64 " B", bytes);
    else
        snprintf(out, size, "%.1f %s", (double)bytes / (double)u->bytes, u->name);
}

void kp_size_exact(int64_t bytes, char *out, size_t size)
{
    const struct unit *u = units;
    while (bytes % u->bytes != 0)
        u++;
    snprintf(out, size, "%" PRId64 "%s", bytes / u->bytes, u->name);
}
