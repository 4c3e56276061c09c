/* SPDX-License-Identifier: Apache-2.0 */
#include "couplings/json_memory.h"

#include "core/mem.h"

#include <jansson.h>

#include "core/ban.h"

static _Thread_local bool starved;

static void *alloc(size_t size)
{
    void *p = kp_alloc(size);
    starved |= !p;
    return p;
}

void kp_json_memory_init(void)
{
    json_set_alloc_funcs(alloc, kp_free);
}

bool kp_json_starved(void)
{
    bool was = starved;
    starved = false;
    return was;
}
