/* SPDX-License-Identifier: Apache-2.0 */
/* What is seen: queued, made into STIX, held against many patterns, and what becomes of a hit. With
 * programs and servers of others it is in tests/peers/test_observations.py. */
#include "store_kit.h"

#include "net/json_memory.h"
#include "shield/events.h"
#include "shield/observe_keep.h"
#include "shield/sighting.h"
#include "shield/stix_store.h"

#include "core/ban.h"

static struct kp_observed login(const char *from, const char *user)
{
    return (struct kp_observed){ .kind = KP_SEEN_LOGIN_FAILED,
                                 .to_port = 8443,
                                 .text = { [KP_SEEN_FROM] = from, [KP_SEEN_USER] = user, [KP_SEEN_PROTOCOL] = "https" } };
}

/* ---- the queue ---- */
static void the_same_again_is_counted_and_what_has_no_room_is_lost_and_said(void **state)
{
    (void)state;
    struct kp_clock_virtual clock = kp_clock_virtual(KIT_NOW);
    struct kp_seen_queue *q = kp_seen_new(&clock.clock);
    struct kp_seen *out[KP_SEEN_BATCH];
    struct kp_observed a = login("203.0.113.7", "admin"), b = login("203.0.113.8", "admin");
    for (int i = 0; i < 100000; i++)
        assert_true(kp_seen_put(q, i % 3 ? &a : &b));
    struct kp_seen_counts c = kp_seen_counts(q);
    assert_int_equal(c.seen, 2);
    assert_int_equal(c.joined, 99998);
    assert_int_equal(c.waiting, 2);
    assert_int_equal(kp_seen_take(q, out, 0), 2);
    assert_int_equal(out[0]->count + out[1]->count, 100000);
    assert_string_equal(kp_seen_text(out[0], KP_SEEN_FROM), "203.0.113.8");
    assert_true(kp_seen_put(q, &a)); /* it does not wait any more: another one */
    assert_int_equal(kp_seen_counts(q).seen, 3);
    char user[16];
    int taken = 0, n;
    for (n = 0; n < 2 * KP_SEEN_WAITING; n++) {
        snprintf(user, sizeof user, "u%d", n);
        a.text[KP_SEEN_USER] = user;
        taken += n % 2 ? kp_seen_put(q, &a) : kp_seen_offer(q, &a);
    }
    c = kp_seen_counts(q);
    assert_true(taken <= KP_SEEN_WAITING && taken > 1000);
    assert_int_equal(c.lost / 2, (uint64_t)(n - taken) / 4); /* who comes again with it loses nothing */
    assert_int_equal(c.waiting, (size_t)taken + 1);
    while (kp_seen_take(q, out, 0))
        ;
    assert_true(kp_seen_put(q, &a));
    kp_seen_free(q);
}

static void the_newest_are_kept_in_order_whatever_their_texts(void **state)
{
    (void)state;
    struct kp_seen_queue *q = kp_seen_new(&kp_clock_system);
    struct kp_arena arena = { 0 };
    struct kp_seen *out[KP_SEEN_BATCH];
    const struct kp_seen *list[700];
    char user[KP_SEEN_TEXT_MAX + 100];
    memset(user, '\xff', sizeof user);
    user[sizeof user - 1] = 0;
    for (int i = 0; i < 3 * KP_SEEN_RECENT; i++) {
        char from[32];
        snprintf(from, sizeof from, "10.0.%d.%d", i / 256, i % 256);
        struct kp_observed o = login(from, i % 700 ? "x" : user);
        assert_true(kp_seen_put(q, &o));
        if (i % 50 == 49)
            assert_int_equal(kp_seen_take(q, out, 0), 50);
    }
    size_t n, all = 0;
    uint64_t before = 0;
    while ((n = kp_seen_copy(q, before, &arena, list, 700))) {
        for (size_t i = 0; i < n; i++) {
            assert_true(!before || list[i]->id == before - 1);
            assert_true(kp_utf8_valid(kp_seen_text(list[i], KP_SEEN_USER), strlen(kp_seen_text(list[i], KP_SEEN_USER))));
            before = list[i]->id;
        }
        all += n;
        kp_arena_reset(&arena);
    }
    assert_int_equal(all, KP_SEEN_RECENT);
    assert_int_equal(kp_seen_copy(q, 1, &arena, list, 700), 0);
    kp_arena_free(&arena);
    kp_seen_free(q);
}

struct crowd {
    struct kp_seen_queue *queue;
    atomic_ulong taken;
};

static void *say(void *arg)
{
    struct crowd *c = arg;
    for (int i = 0; i < 20000; i++) {
        char from[32];
        snprintf(from, sizeof from, "192.0.2.%d", i % 200);
        struct kp_observed o = login(from, "x");
        c->taken += kp_seen_put(c->queue, &o);
    }
    return NULL;
}

static void nothing_is_lost_between_threads_while_somebody_takes(void **state)
{
    (void)state;
    struct crowd c = { .queue = kp_seen_new(&kp_clock_system) };
    struct kp_seen *out[KP_SEEN_BATCH];
    pthread_t thread[4];
    uint64_t got = 0;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, say, &c), 0);
    while (got < 80000) {
        size_t n = kp_seen_take(c.queue, out, 1000);
        assert_true(n > 0);
        for (size_t i = 0; i < n; i++)
            got += out[i]->count;
    }
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(got, c.taken);
    assert_int_equal(kp_seen_counts(c.queue).lost, 0);
    kp_seen_free(c.queue);
}

/* ---- as STIX ---- */
static struct kp_seen *one(struct kp_seen_queue *q, const struct kp_observed *o)
{
    static struct kp_seen *out[KP_SEEN_BATCH];
    assert_true(kp_seen_put(q, o));
    assert_int_equal(kp_seen_take(q, out, 0), 1);
    return out[0];
}

static bool matches(struct kp_seen *s, const char *pattern)
{
    struct kp_arena arena = { 0 };
    struct kp_err err = { 0 };
    struct kp_stix_observation o;
    struct kp_stix_hit hit;
    struct kp_stix_pattern *p = kp_stix_pattern_new(pattern, strlen(pattern), &err);
    kit_ok(&err);
    assert_int_equal(kp_seen_observation(s, &arena, false, &o, &err), KP_OK);
    assert_int_equal(kp_stix_pattern_take(p, &o, &hit, &err), KP_OK);
    bool met = hit.n > 0;
    kp_stix_pattern_free(p);
    kp_arena_free(&arena);
    return met;
}

static void what_is_seen_is_found_by_patterns_of_the_standard(void **state)
{
    (void)state;
    static const struct kp_observed events[] = {
        { .kind = KP_SEEN_COUPLING, .to_port = 502, .text = { [KP_SEEN_TO] = "203.0.113.9", [KP_SEEN_PROTOCOL] = "modbus", [KP_SEEN_COUPLED] = "press", [KP_SEEN_DOMAIN] = "plc.example" } },
        { .kind = KP_SEEN_LOGIN_FAILED, .at = KIT_NOW, .text = { [KP_SEEN_FROM] = "2001:db8::7", [KP_SEEN_USER] = "admin" } },
        { .kind = KP_SEEN_CERTIFICATE, .text = { [KP_SEEN_COUPLED] = "mill", [KP_SEEN_PRINT] = "AB:AB:ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB" } },
        { .kind = KP_SEEN_FILE, .text = { [KP_SEEN_HASH] = "0123456789abcdef0123456789ABCDEF", [KP_SEEN_FILE_NAME] = "x.exe", [KP_SEEN_SOURCE] = "eve" } },
        { .kind = KP_SEEN_DEVICE, .text = { [KP_SEEN_SOFTWARE] = "S7-1500", [KP_SEEN_VENDOR] = "Siemens", [KP_SEEN_VERSION] = "V2.8" } },
        { .kind = KP_SEEN_OUTGOING, .to_port = 443, .text = { [KP_SEEN_TO] = "203.0.113.9", [KP_SEEN_PROTOCOL] = "https", [KP_SEEN_DOMAIN] = "drop.example", [KP_SEEN_BY] = "maker", [KP_SEEN_PRINT] = "ab", [KP_SEEN_SUBJECT] = "CN=drop", [KP_SEEN_ISSUER] = "O=Cogs", [KP_SEEN_CLIENT] = "line-3" } },
    };
    static const struct {
        int event;
        bool met;
        const char *pattern;
    } cases[] = {
        { 0, true, "[ipv4-addr:value = '203.0.113.9']" },
        { 0, true, "[network-traffic:dst_ref.value ISSUBSET '203.0.113.0/24' AND network-traffic:dst_port = 502 AND network-traffic:protocols[*] = 'modbus']" },
        { 0, false, "[network-traffic:src_ref.value = '203.0.113.9']" },
        { 0, true, "[domain-name:value = 'plc.example']" },
        { 0, true, "[x-koppel-event:kind = 'coupling' AND x-koppel-event:coupling = 'press']" },
        { 0, false, "[ipv6-addr:value = '203.0.113.9']" },
        { 1, true, "[ipv6-addr:value = '2001:db8::7'] AND [user-account:user_id = 'admin']" },
        { 1, true, "[network-traffic:src_ref.value = '2001:db8::7' AND network-traffic:protocols[0] = 'ipv6']" },
        { 1, true, "[user-account:user_id = 'admin'] START t'2026-11-24T10:00:00Z' STOP t'2026-11-24T10:00:01Z'" },
        { 1, false, "[user-account:user_id = 'admin'] START t'2026-11-24T10:00:01Z' STOP t'2026-11-24T11:00:00Z'" },
        { 2, true, "[x509-certificate:hashes.'SHA-256' = 'abababababababababababababababababababababababababababababababab']" },
        { 3, true, "[file:hashes.MD5 = '0123456789abcdef0123456789abcdef' AND file:name = 'x.exe']" },
        { 4, true, "[software:name = 'S7-1500' AND software:vendor = 'Siemens' AND software:version = 'V2.8']" },
        { 4, false, "[software:name = 'S7-1500' AND software:version = 'V2.9']" },
        { 5, true, "[network-traffic:dst_ref.value = '203.0.113.9' AND network-traffic:protocols[*] = 'https' AND network-traffic:dst_port = 443]" },
        { 5, true, "[x509-certificate:subject = 'CN=drop' AND x509-certificate:issuer = 'O=Cogs']" },
        { 5, true, "[x-koppel-event:kind = 'outgoing' AND x-koppel-event:partner = 'maker' AND x-koppel-event:client = 'line-3']" },
        { 5, false, "[x-koppel-event:kind = 'connection']" },
    };
    struct kp_seen_queue *q = kp_seen_new(&kp_clock_system);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct kp_seen *s = one(q, &events[cases[i].event]);
        bool two = strstr(cases[i].pattern, "] AND [");
        if (matches(s, cases[i].pattern) != (cases[i].met && !two))
            fail_msg("%s", cases[i].pattern);
    }
    kp_seen_free(q);
}

/* What is shown can be stored by others: each object is judged as one that came. */
static void what_is_shown_is_what_the_standard_wants(void **state)
{
    (void)state;
    struct kp_err err = { 0 };
    struct kp_arena arena = { 0 };
    struct kp_stix_parts parts;
    struct kp_buf text;
    struct kp_seen_queue *q = kp_seen_new(&kp_clock_system);
    struct kp_observed o = { .kind = KP_SEEN_HTTP, .from_port = 1, .to_port = 80 };
    for (int i = 0; i < KP_SEEN_TEXTS; i++)
        o.text[i] = i == KP_SEEN_PRINT || i == KP_SEEN_HASH ? "0123456789abcdef0123456789abcdef01234567" : i == KP_SEEN_FROM ? "192.0.2.1" : i == KP_SEEN_TO ? "2001:db8::1" : "some text";
    kp_json_memory_init();
    kp_buf_init(&text, 1 << 20);
    struct kp_json j = kp_json(&text);
    kp_buf_str(&text, "{\"objects\":");
    assert_int_equal(kp_seen_write(one(q, &o), &j, &err), KP_OK);
    kp_buf_str(&text, "}");
    kp_stix_cut(kp_buf_text(&text), text.len, &arena, &parts, &err);
    kit_ok(&err);
    assert_int_equal(parts.n, 11);
    for (size_t i = 0; i < parts.n; i++) {
        struct kp_stix_judged judged;
        kp_stix_judge(&parts.part[i], kp_utc(&kp_clock_system), &judged, &err);
        kit_ok(&err);
        kp_stix_judged_free(&judged);
    }
    json_decref(parts.frame);
    kp_buf_free(&text);
    kp_arena_free(&arena);
    kp_seen_free(q);
}

/* ---- many patterns ---- */
struct book {
    char (*pattern)[200];
    size_t n, hits;
    uint64_t sum;
};

static const char *text_of(void *arg, int64_t id, struct kp_arena *arena)
{
    return kp_arena_strdup(arena, ((struct book *)arg)->pattern[id]);
}

static void count(void *arg, int64_t id, const struct kp_stix_hit *hit)
{
    struct book *b = arg;
    b->hits++;
    b->sum += (uint64_t)id * 31 + hit->n;
}

/* Of a few words, so that they meet. */
static void random_test(char *out, size_t size)
{
    static const char *const paths[] = { "ipv4-addr:value", "network-traffic:dst_ref.value", "network-traffic:protocols[*]", "user-account:user_id",
                                         "x-koppel-event:kind", "network-traffic:dst_port", "domain-name:value" };
    static const char *const op[] = { " = '", " != '", " IN ('", " LIKE '", " NOT = '", " MATCHES '^" },
                            *const after[] = { "'", "'", "', 'zz')", "%'", "'", "'" };
    static uint64_t x = 7;
    x = x * UINT64_C(6364136223846793005) + 1442695040888963407u;
    unsigned r = (unsigned)(x >> 33);
    const char *path = paths[r % 7];
    char value[32];
    if (r % 7 == 5) {
        snprintf(out, size, "%s = %u", path, 80 + r / 7 % 3);
        return;
    }
    if (r % 7 < 2)
        snprintf(value, sizeof value, "10.0.0.%u", r / 7 % 4);
    else
        snprintf(value, sizeof value, "%s%u", r % 7 == 3 ? "user" : r % 7 == 4 ? "login" : "tcp", r / 7 % 4);
    unsigned form = r / 31 % 6;
    snprintf(out, size, "%s%s%s%s", path, op[form], value, after[form]);
}

static void random_pattern(char out[200])
{
    static unsigned n;
    char a[60], b[60], c[60];
    random_test(a, sizeof a);
    random_test(b, sizeof b);
    random_test(c, sizeof c);
    switch (n++ % 6) {
    case 0:
        snprintf(out, 200, "[%s]", a);
        break;
    case 1:
        snprintf(out, 200, "[%s AND %s]", a, b);
        break;
    case 2:
        snprintf(out, 200, "[%s OR %s AND %s]", a, b, c);
        break;
    case 3:
        snprintf(out, 200, "[%s] AND [%s]", a, b);
        break;
    case 4:
        snprintf(out, 200, "[%s] FOLLOWEDBY [%s OR %s] WITHIN 100 SECONDS", a, b, c);
        break;
    default:
        snprintf(out, 200, "([%s] OR [%s]) REPEATS 3 TIMES", a, b);
    }
}

static struct kp_observed random_event(char from[32], char user[32])
{
    uint64_t r = 0;
    static uint64_t x = 99;
    r = (x = x * UINT64_C(6364136223846793005) + 1442695040888963407u) >> 33;
    snprintf(from, 32, "10.0.0.%u", (unsigned)(r % 4));
    snprintf(user, 32, "user%u", (unsigned)(r / 4 % 4));
    struct kp_observed o = { .kind = r / 16 % 2 ? KP_SEEN_LOGIN : KP_SEEN_COUPLING,
                             .to_port = (uint16_t)(80 + r / 32 % 3),
                             .text = { [KP_SEEN_USER] = r / 192 % 3 ? user : NULL } };
    o.text[r / 96 % 2 ? KP_SEEN_FROM : KP_SEEN_TO] = from;
    return o;
}

/* The index finds what trying each pattern finds, hit for hit. */
static void the_list_finds_what_each_pattern_alone_finds(void **state)
{
    (void)state;
    enum { N = 600, EVENTS = 400 };
    static char pattern[N][200];
    static struct kp_stix_pattern *alone[N];
    struct book listed = { pattern, N, 0, 0 }, tried = listed;
    const struct kp_watchlist_user user = { &listed, text_of, count };
    struct kp_err err = { 0 };
    struct kp_arena arena = { 0 };
    struct kp_seen_queue *q = kp_seen_new(&kp_clock_system);
    struct kp_watchlist *l = kp_watchlist_new();
    kp_watchlist_begin(l);
    for (int i = 0; i < N; i++) {
        random_pattern(pattern[i]);
        alone[i] = kp_stix_pattern_new(pattern[i], strlen(pattern[i]), &err);
        kit_ok(&err);
        assert_int_equal(kp_watchlist_add(l, i, pattern[i], strlen(pattern[i]), INT64_MIN, INT64_MAX, &err), KP_OK);
    }
    assert_int_equal(kp_watchlist_end(l, &err), KP_OK);
    for (int i = 0; i < EVENTS; i++) {
        char from[32], name[32];
        struct kp_observed o = random_event(from, name);
        struct kp_stix_observation seen;
        struct kp_stix_hit hit;
        kp_seen_observation(one(q, &o), &arena, false, &seen, &err);
        assert_int_equal(kp_watchlist_take(l, &seen, &user, &err), KP_OK);
        for (int k = 0; k < N; k++) {
            assert_int_equal(kp_stix_pattern_take(alone[k], &seen, &hit, &err), KP_OK);
            if (hit.n)
                count(&tried, k, &hit);
        }
        if (listed.hits != tried.hits || listed.sum != tried.sum)
            fail_msg("event %d: %zu hits, and %zu each alone", i, listed.hits, tried.hits);
        if (i % 100 == 99) { /* made anew meanwhile: what patterns keep stays */
            kp_watchlist_begin(l);
            for (int k = 0; k < N; k++)
                assert_true(kp_watchlist_offer(l, k));
            assert_int_equal(kp_watchlist_end(l, &err), KP_OK);
        }
        kp_arena_reset(&arena);
    }
    struct kp_watchlist_counts c = kp_watchlist_counts(l);
    print_message("%zu hits; %llu of %d patterns run\n", tried.hits, (unsigned long long)c.tried, N * EVENTS);
    assert_true(tried.hits > 1000 && c.tried < (uint64_t)N * EVENTS * 3 / 4);
    for (int i = 0; i < N; i++)
        kp_stix_pattern_free(alone[i]);
    kp_watchlist_free(l);
    kp_arena_free(&arena);
    kp_seen_free(q);
}

static struct kp_watchlist *list_of(const char *const *pattern, size_t n, int64_t until)
{
    struct kp_err err = { 0 };
    struct kp_watchlist *l = kp_watchlist_new();
    kp_watchlist_begin(l);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(kp_watchlist_add(l, (int64_t)i, pattern[i], strlen(pattern[i]), INT64_MIN, until, &err), KP_OK);
    assert_int_equal(kp_watchlist_end(l, &err), KP_OK);
    return l;
}

static size_t hits_of(struct kp_watchlist *l, struct book *b, struct kp_seen *s)
{
    const struct kp_watchlist_user user = { b, text_of, count };
    struct kp_err err = { 0 };
    struct kp_arena arena = { 0 };
    struct kp_stix_observation o;
    b->hits = 0;
    kp_seen_observation(s, &arena, false, &o, &err);
    kp_watchlist_take(l, &o, &user, &err);
    kit_ok(&err);
    kp_arena_free(&arena);
    return b->hits;
}

static void one_that_takes_too_long_is_set_aside_and_one_that_is_over_is_not_met(void **state)
{
    (void)state;
    static char pattern[3][200] = { "[x-koppel-event:detail MATCHES '^(a|aa)+[xy]$']", "[ipv4-addr:value = '203.0.113.7']", "" };
    struct book b = { pattern, 2, 0, 0 };
    const char *const texts[] = { pattern[0], pattern[1] };
    struct kp_seen_queue *q = kp_seen_new(&kp_clock_system);
    char detail[KP_SEEN_TEXT_MAX];
    memset(detail, 'a', sizeof detail);
    detail[sizeof detail - 1] = 0;
    struct kp_observed o = login("203.0.113.7", "x");
    struct kp_watchlist *l = list_of(texts, 2, INT64_MAX), *old = list_of(texts, 2, KIT_NOW);
    for (int i = 0; i < KP_WATCHED_STRIKES + 5; i++) {
        o.text[KP_SEEN_DETAIL] = detail;
        assert_int_equal(hits_of(l, &b, one(q, &o)), 1); /* the other one goes on */
    }
    assert_int_equal(kp_watchlist_counts(l).set_aside, 1);
    o.at = KIT_NOW - KP_SECOND;
    assert_int_equal(hits_of(old, &b, one(q, &o)), 1);
    o.at = KIT_NOW;
    assert_int_equal(hits_of(old, &b, one(q, &o)), 0);
    kp_watchlist_free(l);
    kp_watchlist_free(old);
    kp_seen_free(q);
}

static void there_are_only_so_many_and_what_keeps_the_stream_is_bounded(void **state)
{
    (void)state;
    struct kp_err err = { 0 };
    struct kp_watchlist *l = kp_watchlist_new();
    static const char two[] = "[a:b = 1] FOLLOWEDBY [a:b = 2]", wrong[] = "[a:b = ";
    kp_watchlist_begin(l);
    for (int i = 0; i < KP_WATCHED_KEEPING; i++)
        assert_int_equal(kp_watchlist_add(l, i, two, sizeof two - 1, 0, 1, &err), KP_OK);
    assert_int_equal(kp_watchlist_add(l, 2000, two, sizeof two - 1, 0, 1, &err), KP_EFULL);
    err = (struct kp_err){ 0 };
    assert_int_equal(kp_watchlist_add(l, 2000, wrong, sizeof wrong - 1, 0, 1, &err), KP_EPARSE);
    err = (struct kp_err){ 0 };
    assert_int_equal(kp_watchlist_end(l, &err), KP_OK);
    assert_int_equal(kp_watchlist_counts(l).keeping, KP_WATCHED_KEEPING);
    kp_watchlist_begin(l); /* all but the first go */
    assert_true(kp_watchlist_offer(l, 0));
    assert_false(kp_watchlist_offer(l, -5));
    assert_int_equal(kp_watchlist_end(l, &err), KP_OK);
    assert_int_equal(kp_watchlist_counts(l).watched, 1);
    kp_watchlist_free(l);
}

/* ---- a node ---- */
struct stage {
    struct kit *kit;
    struct kp_shield *shield;
    struct observing *o;
};

static int begin(void **state)
{
    struct stage *g = calloc(1, sizeof *g);
    struct kp_err err = { 0 };
    kp_json_memory_init();
    kit_begin((void **)&g->kit);
    kit_hub(g->kit);
    g->shield = kp_shield_new(g->kit->hub, g->kit->store, &g->kit->clock.clock, &err);
    kit_ok(&err);
    g->o = g->shield->observing;
    *state = g;
    return 0;
}

static int end(void **state)
{
    struct stage *g = *state;
    kp_hub_free(g->kit->hub);
    g->kit->hub = NULL;
    kp_shield_free(g->shield);
    kit_end((void **)&g->kit);
    free(g);
    return 0;
}

#define INDICATOR(n, more)                                                                         \
    "{\"type\":\"indicator\",\"spec_version\":\"2.1\",\"id\":\"indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd" n "\"," more   \
    ",\"pattern_type\":\"stix\",\"valid_from\":\"2026-03-01T10:00:00Z\"}"
#define AT(time) "\"created\":\"2026-03-01T10:00:00.000Z\",\"modified\":\"" time "\""
#define FIRST AT("2026-03-01T10:00:00.000Z")

static void knows(struct stage *g, const char *text)
{
    struct kp_err err = { 0 };
    struct kp_buf out;
    kp_buf_init(&out, 1 << 16);
    struct kp_json j = kp_json(&out);
    assert_int_equal(kp_stix_import(g->kit->store, &g->kit->clock.clock, text, strlen(text), 0, &j, &err), KP_OK);
    if (strstr(kp_buf_text(&out), "\"why\""))
        fail_msg("%s", kp_buf_text(&out));
    kp_buf_free(&out);
    kp_observe_renew(g->shield);
    observing_turn(g->o);
}

static void sees(struct stage *g, const char *from)
{
    struct kp_observed o = login(from, "admin");
    assert_true(kp_hub_observe(g->kit->hub, &o));
    observing_turn(g->o);
}

static int64_t number(struct stage *g, const char *sql)
{
    struct kp_err err = { 0 };
    int64_t out = -1;
    struct kp_db *db = kp_store_reader(g->kit->store, &err);
    struct kp_stmt *s = db ? kp_db_prepare(db, sql, &err) : NULL;
    if (s && kp_step(s, &err))
        out = kp_column_int(s, 0);
    if (s)
        kp_reset(s);
    kp_store_reader_done(g->kit->store, db);
    kit_ok(&err);
    return out;
}

static bool see_alarm(void *arg, const struct kp_interval *v)
{
    *(size_t *)arg += v->kind == KP_INTERVAL_ALARM;
    return true;
}

static size_t alarms(struct stage *g)
{
    size_t n = 0;
    kp_model_open_intervals(kp_hub_model(g->kit->hub), 0, see_alarm, &n);
    return n;
}

static void pass(struct stage *g, int64_t seconds)
{
    kp_clock_advance(&g->kit->clock, seconds * KP_SECOND);
}

static void indicators_come_change_and_go_and_are_watched_as_they_are(void **state)
{
    struct stage *g = *state;
    knows(g, INDICATOR("3f", FIRST ",\"pattern\":\"[ipv4-addr:value = '203.0.113.7']\""));
    sees(g, "203.0.113.7");
    assert_int_equal(number(g, "select count from stix_hit"), 1);
    knows(g, INDICATOR("3f", AT("2026-04-01T10:00:00.000Z") ",\"pattern\":\"[ipv4-addr:value = '203.0.113.8']\""));
    sees(g, "203.0.113.7");
    assert_int_equal(number(g, "select sum(count) from stix_hit"), 1);
    sees(g, "203.0.113.8");
    assert_int_equal(number(g, "select count(*) from stix_hit"), 2);
    knows(g, INDICATOR("3f", AT("2026-05-01T10:00:00.000Z") ",\"revoked\":true,\"pattern\":\"[ipv4-addr:value = '203.0.113.8']\""));
    sees(g, "203.0.113.8");
    assert_int_equal(number(g, "select sum(count) from stix_hit"), 2);
    knows(g, INDICATOR("4f", FIRST ",\"valid_until\":\"2026-06-01T00:00:00Z\",\"pattern\":\"[ipv4-addr:value = '203.0.113.9']\""));
    sees(g, "203.0.113.9"); /* it is over */
    knows(g, "{\"type\":\"indicator\",\"spec_version\":\"2.1\",\"id\":\"indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd5f\"," FIRST
             ",\"pattern\":\"alert tcp\",\"pattern_type\":\"snort\",\"valid_from\":\"2026-03-01T10:00:00Z\"}");
    assert_int_equal(g->o->watch.not_stix, 1);
    assert_int_equal(number(g, "select sum(count) from stix_hit"), 2);
    struct kp_err err = { 0 };
    knows(g, INDICATOR("6f", FIRST ",\"pattern\":\"[ipv4-addr:value = '203.0.113.10']\""));
    assert_int_equal(g->o->counts.watched, 2); /* that which is over, and this */
    kp_stix_remove(g->kit->store, "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd6f", &err);
    kit_ok(&err);
    pass(g, 60); /* nobody says that it was taken away; that is found */
    sees(g, "203.0.113.10");
    assert_int_equal(number(g, "select sum(count) from stix_hit"), 2);
}

static void a_hit_is_one_alarm_that_is_over_when_it_is_quiet(void **state)
{
    struct stage *g = *state;
    knows(g, INDICATOR("3f", FIRST ",\"name\":\"Scanner\",\"pattern\":\"[ipv4-addr:value = '203.0.113.7']\""));
    for (int i = 0; i < 50; i++) {
        sees(g, "203.0.113.7");
        pass(g, 10);
    }
    assert_int_equal(alarms(g), 1);
    assert_int_equal(number(g, "select count from stix_hit where alarm is not null"), 50);
    pass(g, KP_HIT_QUIET_S + 60);
    observing_turn(g->o);
    assert_int_equal(alarms(g), 0);
    assert_int_equal(number(g, "select count(alarm) from stix_hit"), 0);
    sees(g, "203.0.113.7");
    assert_int_equal(alarms(g), 1);
}

static void an_indicator_that_meets_everything_makes_no_storm(void **state)
{
    struct stage *g = *state;
    knows(g, INDICATOR("3f", FIRST ",\"name\":\"All\",\"pattern\":\"[ipv4-addr:value LIKE '%']\""));
    for (int i = 0; i < 300; i++) {
        char from[32];
        snprintf(from, sizeof from, "198.51.100.%d", i % 250);
        sees(g, from);
    }
    assert_int_equal(alarms(g), KP_HIT_ALARMS_MAX + 1);
    assert_int_equal(number(g, "select count(*) from stix_hit where thing <> '*'"), 250);
    assert_int_equal(number(g, "select count(alarm) from stix_hit where thing = '*'"), 1);
    assert_int_equal(number(g, "select sum(count) from stix_hit where thing <> '*'"), 300);
}

static void what_is_prepared_is_counted_on_and_what_has_gone_is_not_told_again(void **state)
{
    struct stage *g = *state;
    struct kp_err err = { 0 };
    knows(g, INDICATOR("3f", FIRST ",\"pattern\":\"[ipv4-addr:value = '203.0.113.7']\""));
    sees(g, "203.0.113.7");
    pass(g, 6);
    observing_turn(g->o);
    assert_int_equal(number(g, "select count from sighting"), 1);
    for (int i = 0; i < 5; i++)
        sees(g, "203.0.113.7");
    assert_int_equal(number(g, "select count from sighting"), 1); /* not written each time */
    pass(g, KP_HIT_PREPARED_AGAIN_S + 1);
    observing_turn(g->o);
    assert_int_equal(number(g, "select count(*) from sighting"), 1);
    assert_int_equal(number(g, "select count from sighting"), 6);
    assert_int_equal(number(g, "select feed is null and sent is null and not named from sighting"), 1);
    int64_t id = number(g, "select id from sighting");
    assert_int_equal(kp_sighting_remove(g->shield, id, &err), KP_OK);
    pass(g, KP_HIT_TELL_AGAIN_S + 1);
    observing_turn(g->o);
    assert_int_equal(number(g, "select count(*) from sighting"), 0); /* a person did not want it told */
    sees(g, "203.0.113.7");
    pass(g, 6);
    observing_turn(g->o);
    assert_int_equal(number(g, "select count from sighting"), 1);
}

/* ---- what other programs say ---- */
static void lines_of_syslog_are_read_in_each_form(void **state)
{
    (void)state;
    static const struct {
        const char *line, *from, *to, *user, *at; /* at NULL: it cannot be read */
    } cases[] = {
        { "<34>1 2026-11-24T09:59:59.003Z mymachine.example.com su - ID47 - \xef\xbb\xbf'su root' failed from 203.0.113.7 on /dev/pts/8", "203.0.113.7", NULL, NULL, "2026-11-24T09:59:59.003Z" },
        { "<165>1 2026-11-24T10:59:59+01:00 h evntslog - ID47 [a@1 iut=\"3\\\"]\" x=\"[\"][b@2] 10.0.0.1:22 -> 2001:db8::1 user=bob", "10.0.0.1", "2001:db8::1", "bob", "2026-11-24T09:59:59Z" },
        { "<13>1 - - - - - - nothing", NULL, NULL, NULL, "" },
        { "2026-11-24T09:00:00.5+00:00 gate kernel: [1.0] DROP SRC=192.0.2.1 DST=198.51.100.9.", "192.0.2.1", "198.51.100.9", NULL, "2026-11-24T09:00:00.500Z" },
        { "<13>Nov 24 08:00:00 gate sshd[12]: Failed password for invalid user root from 203.0.113.77 port 22 ssh2", "203.0.113.77", NULL, "root", "?" },
        { "<13>hello", NULL, NULL, NULL, NULL },
        { "<999>1 - - - - - -", NULL, NULL, NULL, NULL },
        { "", NULL, NULL, NULL, NULL },
        { "<13>1 2026-11-24T09:59:59Z h a p m [x", NULL, NULL, NULL, NULL },
        { "<13>Nov 99 08:00:00 h x: y", NULL, NULL, NULL, NULL },
        { "<13>Nov 24 :0:00:00 h x: y", NULL, NULL, NULL, NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct kp_err err = { 0 };
        struct kp_event e;
        bool says;
        char at[KP_TIME_TEXT] = "";
        enum kp_code code = kp_syslog_read(cases[i].line, strlen(cases[i].line), KIT_NOW, &e, &says, &err);
        if ((code == KP_OK) != (cases[i].at != NULL))
            fail_msg("%s: %s", cases[i].line, err.text);
        if (code)
            continue;
        if (e.o.at)
            kp_time_print(e.o.at, at);
        if (*cases[i].at != '?') /* local time */
            assert_string_equal(at, cases[i].at);
        const char *const want[] = { cases[i].from, cases[i].to, cases[i].user }, *const is[] = { e.o.text[KP_SEEN_FROM], e.o.text[KP_SEEN_TO], e.o.text[KP_SEEN_USER] };
        for (int k = 0; k < 3; k++)
            if (want[k] ? !is[k] || strcmp(want[k], is[k]) != 0 : is[k] != NULL)
                fail_msg("%s: %s and not %s", cases[i].line, is[k] ? is[k] : "nothing", want[k] ? want[k] : "nothing");
        kp_event_free(&e);
    }
}

static void lines_of_ids_are_read_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        int kind; /* -1: refused; -2: it says nothing */
        const char *domain, *url;
    } cases[] = {
        { "{\"event_type\":\"dns\",\"src_ip\":\"10.0.0.1\",\"dns\":{\"queries\":[{\"rrname\":\"a.example\"}]}}", KP_SEEN_DNS, "a.example", NULL },
        { "{\"event_type\":\"http\",\"src_ip\":\"x\",\"http\":{\"hostname\":\"h\",\"url\":\"/p\"}}", KP_SEEN_HTTP, "h", "http://h/p" },
        { "{\"event_type\":\"http\",\"http\":{\"hostname\":\"h\",\"url\":\"http://g/p\"}}", KP_SEEN_HTTP, "h", "http://g/p" },
        { "{\"event_type\":\"stats\",\"src_ip\":\"10.0.0.1\"}", -2, NULL, NULL },
        { "{\"event_type\":\"flow\"}", -2, NULL, NULL },
        { "{\"event_type\":7,\"ts\":1}", -2, NULL, NULL },
        { "{\"ts\":1e300,\"query\":\"q.example\"}", KP_SEEN_DNS, "q.example", NULL },
        { "{\"ts\":\"2026-11-24T09:59:59.5Z\",\"server_name\":\"s.example\",\"id.orig_p\":99999}", KP_SEEN_TLS, "s.example", NULL },
        { "{\"ts\":1,\"md5\":\"0123456789abcdef0123456789abcdef\"}", KP_SEEN_FILE, NULL, NULL },
        { "{\"ts\":1,\"host\":\"h\",\"uri\":\"/u\"}", KP_SEEN_HTTP, "h", "http://h/u" },
        { "{\"a\":1}", -1, NULL, NULL },
        { "[1]", -1, NULL, NULL },
        { "{\"ts\":1", -1, NULL, NULL },
        { "{\"ts\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}", -1, NULL, NULL },
    };
    kp_json_memory_init();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct kp_err err = { 0 };
        struct kp_event e;
        bool says;
        enum kp_code code = kp_eve_read(cases[i].line, strlen(cases[i].line), &e, &says, &err);
        int is = code ? -1 : says ? e.o.kind : -2;
        if (is != cases[i].kind)
            fail_msg("%s: %d, %s", cases[i].line, is, err.text);
        const char *domain = e.o.text[KP_SEEN_DOMAIN], *url = e.o.text[KP_SEEN_URL];
        if (is >= 0) {
            assert_string_equal(domain ? domain : "", cases[i].domain ? cases[i].domain : "");
            assert_string_equal(url ? url : "", cases[i].url ? cases[i].url : "");
        }
        kp_event_free(&e);
    }
}

/* ---- files ---- */
struct lines {
    char all[4000];
    int room; /* so many more are taken */
};

static bool take_line(void *arg, const char *text, size_t n)
{
    struct lines *l = arg;
    if (!l->room)
        return false;
    l->room--;
    snprintf(l->all + strlen(l->all), sizeof l->all - strlen(l->all), "%.*s|", (int)(n < 40 ? n : 40), text);
    return true;
}

static void append(const char *file, const char *text, size_t n)
{
    FILE *f = fopen(file, "ab");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    fclose(f);
}

static const char *read_along(struct kp_follow *f, struct lines *l, int room)
{
    struct kp_err err = { 0 };
    l->all[0] = 0;
    l->room = room;
    for (int i = 0; i < 4; i++)
        kp_follow_read(f, take_line, l, &err);
    return l->all;
}

static void files_are_read_along_whole_lines_once_each(void **state)
{
    (void)state;
    char dir[64], file[100], moved[100], marks[4000];
    struct kp_err err = { 0 };
    struct lines l;
    struct kp_buf text;
    kp_json_memory_init();
    kit_scratch(dir);
    snprintf(file, sizeof file, "%s/a.log", dir);
    snprintf(moved, sizeof moved, "%s/a.log.1", dir);
    struct kp_follow *f = kp_follow_new(file, 50, NULL);
    assert_false(kp_follow_read(f, take_line, &l, &err));
    assert_int_equal(err.code, KP_EIO);
    append(file, "one\r\n\ntw", 8);
    assert_string_equal(read_along(f, &l, 9), "one|");
    append(file, "o\nthree\nfour\n", 13);
    assert_string_equal(read_along(f, &l, 1), "two|"); /* no room: the others come again */
    assert_string_equal(read_along(f, &l, 9), "three|four|");
    char lon[200];
    memset(lon, 'x', sizeof lon);
    append(file, lon, sizeof lon);
    read_along(f, &l, 9);
    append(file, lon, sizeof lon);
    append(file, "\nfive\nhal", 9);
    assert_string_equal(read_along(f, &l, 9), "five|");
    assert_int_equal(kp_follow_too_long(f), 1);
    kp_buf_init(&text, sizeof marks);
    struct kp_json j = kp_json(&text);
    kp_follow_marks(f, &j);
    snprintf(marks, sizeof marks, "%s", kp_buf_text(&text));
    kp_buf_free(&text);
    kp_follow_free(f);
    append(file, "f\n", 2);
    f = kp_follow_new(file, 50, marks); /* after a restart */
    assert_string_equal(read_along(f, &l, 9), "half|");
    append(file, "last\n", 5);
    assert_int_equal(rename(file, moved), 0);
    append(file, "new\n", 4);
    assert_string_equal(read_along(f, &l, 9), "last|new|");
    assert_int_equal(truncate(file, 0), 0);
    read_along(f, &l, 9);
    append(file, "anew\n", 5);
    assert_string_equal(read_along(f, &l, 9), "anew|");
    kp_follow_free(f);
    kit_remove(dir);
}

static enum kp_code starve_take(void *arg)
{
    (void)arg;
    struct kp_err err = { 0 };
    struct kp_watchlist *l = kp_watchlist_new();
    static const char pattern[] = "[a:b = 1 OR a:c = 'x'] FOLLOWEDBY [a:b = 2]";
    if (!l)
        return KP_ENOMEM;
    kp_watchlist_begin(l);
    if (!kp_watchlist_add(l, 1, pattern, sizeof pattern - 1, 0, 1, &err))
        kp_watchlist_end(l, &err);
    kp_watchlist_free(l);
    return err.code;
}

static enum kp_code starve_seen(void *arg)
{
    (void)arg;
    struct kp_err err = { 0 };
    struct kp_arena arena = { 0 };
    struct kp_stix_observation o;
    struct kp_seen *out[KP_SEEN_BATCH];
    struct kp_seen_queue *q = kp_seen_new(&kp_clock_system);
    struct kp_observed e = login("203.0.113.7", "admin");
    if (!q)
        return KP_ENOMEM;
    if (!kp_seen_put(q, &e))
        kp_fail(&err, KP_ENOMEM, "no room");
    else if (kp_seen_take(q, out, 0))
        kp_seen_observation(out[0], &arena, true, &o, &err);
    kp_arena_free(&arena);
    kp_seen_free(q);
    return err.code;
}

static void memory_that_ends_is_told_and_leaves_nothing_behind(void **state)
{
    (void)state;
    enum kp_code (*const work[])(void *) = { starve_take, starve_seen };
    for (size_t i = 0; i < 2; i++)
        for (long n = 1, live = kp_mem_live();; n++) {
            kp_mem_fail_at(n);
            enum kp_code code = work[i](NULL);
            kp_mem_fail_at(0);
            assert_int_equal(kp_mem_live(), live);
            if (code == KP_OK)
                break;
            assert_int_equal(code, KP_ENOMEM);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_again_is_counted_and_what_has_no_room_is_lost_and_said),
        cmocka_unit_test(the_newest_are_kept_in_order_whatever_their_texts),
        cmocka_unit_test(nothing_is_lost_between_threads_while_somebody_takes),
        cmocka_unit_test(what_is_seen_is_found_by_patterns_of_the_standard),
        cmocka_unit_test(what_is_shown_is_what_the_standard_wants),
        cmocka_unit_test(the_list_finds_what_each_pattern_alone_finds),
        cmocka_unit_test(one_that_takes_too_long_is_set_aside_and_one_that_is_over_is_not_met),
        cmocka_unit_test(there_are_only_so_many_and_what_keeps_the_stream_is_bounded),
        cmocka_unit_test_setup_teardown(indicators_come_change_and_go_and_are_watched_as_they_are, begin, end),
        cmocka_unit_test_setup_teardown(a_hit_is_one_alarm_that_is_over_when_it_is_quiet, begin, end),
        cmocka_unit_test_setup_teardown(an_indicator_that_meets_everything_makes_no_storm, begin, end),
        cmocka_unit_test_setup_teardown(what_is_prepared_is_counted_on_and_what_has_gone_is_not_told_again, begin, end),
        cmocka_unit_test(lines_of_syslog_are_read_in_each_form),
        cmocka_unit_test(lines_of_ids_are_read_or_refused),
        cmocka_unit_test(files_are_read_along_whole_lines_once_each),
        cmocka_unit_test(memory_that_ends_is_told_and_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
