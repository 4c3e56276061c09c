/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/watch.h"

#include "core/ban.h"

const char *kp_watch_state_word(enum kp_watch_state state)
{
    static const char *const words[] = { "learning", "active", "frozen", "stale" };
    return words[state];
}

const char *kp_watch_trouble_word(enum kp_watch_trouble trouble)
{
    static const char *const words[] = { "", "bad", "range", "stuck", "clock", "silent" };
    return words[trouble];
}
