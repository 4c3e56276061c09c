/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of other programs: any bytes are an event of EVE, a message of syslog or refused; what is
 * made of them is text that ends, and an observation that patterns can look at. */
#include "net/json_memory.h"
#include "shield/events.h"
#include "shield/seen.h"
#include "shield/stix_pattern.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const int64_t now = INT64_C(1795514400) * 1000000000;

static void observe(const struct kp_observed *o)
{
    static struct kp_seen_queue *queue;
    static struct kp_stix_pattern *pattern;
    static const char text[] = "[ipv4-addr:value ISSUBSET '10.0.0.0/8' OR url:value MATCHES 'a.*b' OR file:hashes.MD5 LIKE '%0']";
    struct kp_seen *out[KP_SEEN_BATCH];
    struct kp_arena arena = { 0 };
    struct kp_stix_observation stix;
    struct kp_stix_hit hit;
    struct kp_err err = { 0 };
    char what[400];
    if (!queue) {
        queue = kp_seen_new(&kp_clock_system);
        pattern = kp_stix_pattern_new(text, sizeof text - 1, &err);
        assert(queue && pattern);
    }
    assert(kp_seen_put(queue, o));
    assert(kp_seen_take(queue, out, 0) == 1);
    kp_seen_tell(out[0], what, sizeof what);
    assert(kp_utf8_valid(what, strlen(what)));
    assert(!kp_seen_observation(out[0], &arena, true, &stix, &err) && stix.n);
    assert(!kp_stix_pattern_take(pattern, &stix, &hit, &err) || *err.text);
    kp_arena_free(&arena);
}

static void check(enum kp_code code, struct kp_event *e, bool says, const struct kp_err *err)
{
    assert(code == err->code && (!code || *err->text));
    assert(!says || !code);
    if (says) {
        assert(e->o.kind < KP_SEEN_KINDS);
        observe(&e->o);
    }
    kp_event_free(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kp_event e;
    struct kp_err err = { 0 }, other = { 0 };
    bool says;
    kp_json_memory_init();
    enum kp_code code = kp_eve_read((const char *)data, size, &e, &says, &err);
    check(code, &e, says, &err);
    code = kp_syslog_read((const char *)data, size, now, &e, &says, &other);
    check(code, &e, says, &other);
    return 0;
}
