/* SPDX-License-Identifier: Apache-2.0 */
/* Feeds of advisories from a site in memory: what is brought, what is refused and why, and that a
 * pull cut short goes on where it was. */
#include "store_kit.h"

#include "net/json_memory.h"
#include "shield/feed_csaf.h"
#include "store/sha2.h"

#define HOST   "https://csaf.example"
#define META   HOST "/.well-known/csaf/provider-metadata.json"
#define FEED   HOST "/white/feed.json"
#define FOLDER HOST "/white/"

/* ---- the site ---- */
struct page {
    char url[200], tag[40];
    char *text;
    long status;
    int64_t wait;
    unsigned asked;
};
struct site {
    struct page page[64];
    size_t n;
    long left;      /* requests until the node is stopped; -1: never */
    int64_t waited; /* ns */
    unsigned asked;
};

static struct page *page_of(struct site *s, const char *url)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->page[i].url, url) == 0)
            return &s->page[i];
    return NULL;
}

static void put(struct site *s, const char *url, const char *text)
{
    struct page *p = page_of(s, url);
    if (!p) {
        assert_true(s->n < sizeof s->page / sizeof *s->page);
        p = &s->page[s->n++];
        snprintf(p->url, sizeof p->url, "%s", url);
    }
    free(p->text);
    p->text = strdup(text);
    p->status = 200;
    p->wait = 0;
    snprintf(p->tag, sizeof p->tag, "\"%zu-%u\"", strlen(text), (unsigned)kp_utc(&kp_clock_system));
}

static void answer(struct site *s, const char *url, long status, int64_t wait)
{
    put(s, url, "");
    page_of(s, url)->status = status;
    page_of(s, url)->wait = wait;
}

static enum kp_code get(void *arg, const struct kp_fetch *q, struct kp_fetched *out,
                        struct kp_err *err)
{
    struct site *s = arg;
    struct page *p = page_of(s, q->url);
    *out = (struct kp_fetched){ .status = 404 };
    kp_buf_init(&out->text, q->most);
    s->asked++;
    if (s->left >= 0 && s->left-- == 0)
        return kp_fail(err, KP_ESTOPPED, "stopping");
    if (!p)
        return KP_OK;
    p->asked++;
    out->status = p->status;
    out->wait = p->wait;
    if (p->status == 200 && q->tag && strcmp(q->tag, p->tag) == 0)
        out->status = 304;
    if (out->status != 200)
        return KP_OK;
    snprintf(out->tag, sizeof out->tag, "%s", p->tag);
    kp_buf_str(&out->text, p->text);
    return out->text.failed ? kp_fail(err, KP_EFULL, "the answer is larger") : KP_OK;
}

static enum kp_code wait_a_while(void *arg, int64_t ns, struct kp_err *err)
{
    (void)err;
    ((struct site *)arg)->waited += ns;
    return KP_OK;
}

/* ---- what lies there ---- */
static void put_metadata(struct site *s, const char *role, const char *distributions)
{
    char text[2000];
    snprintf(
        text, sizeof text,
        "{\"canonical_url\": \"" META "\", \"metadata_version\": \"2.0\", \"role\": \"%s\","
        " \"last_updated\": \"2026-01-01T00:00:00Z\", \"publisher\": {\"category\": \"vendor\","
        " \"name\": \"Gears\", \"namespace\": \"https://gears.example\"}, \"distributions\": %s}",
        role, distributions);
    put(s, META, text);
}

static void feeds(struct site *s, const char *role, const char *tlp)
{
    char text[400];
    snprintf(text, sizeof text,
             "[{\"rolie\": {\"feeds\": [{\"url\": \"" FEED "\", \"tlp_label\": \"%s\"}]}},"
             " {\"directory_url\": \"" FOLDER "\"}]",
             tlp);
    put_metadata(s, role, text);
}

static const char *document(const char *id, const char *version, const char *tlp, const char *more)
{
    static char text[1000];
    snprintf(
        text, sizeof text,
        "{\"document\": {\"category\": \"csaf_base\", \"csaf_version\": \"2.0\", \"title\": \"%s\","
        " \"distribution\": {\"tlp\": {\"label\": \"%s\"}}, \"publisher\": {\"category\":"
        " \"vendor\", \"name\": \"Gears\", \"namespace\": \"https://gears.example\"},"
        " \"tracking\": {\"id\": \"%s\", \"version\": \"%s\", \"status\": \"final\","
        " \"current_release_date\": \"2026-01-0%sT00:00:00Z\", \"initial_release_date\":"
        " \"2026-01-01T00:00:00Z\", \"revision_history\": [{\"number\": \"%s\", \"date\":"
        " \"2026-01-0%sT00:00:00Z\", \"summary\": \"%s\"}]}}}",
        id, tlp, id, version, version, version, version, more);
    return text;
}

static void put_document(struct site *s, const char *name, const char *text)
{
    char url[200], digest[KP_SHA2_HEX + 40];
    snprintf(url, sizeof url, FOLDER "%s", name);
    put(s, url, text);
    kp_sha2_hex(512, text, strlen(text), digest);
    snprintf(url, sizeof url, FOLDER "%s.sha512", name);
    put(s, url, digest);
}

static void begin_feed(struct site *s)
{
    put(s, FEED, "{\"feed\": {\"id\": \"white\", \"entry\": []}}");
}

static void add_entry(struct site *s, const char *url, const char *updated)
{
    static char text[8000];
    const char *was = page_of(s, FEED)->text, *end = strrchr(was, ']');
    snprintf(text, sizeof text,
             "%.*s%s{\"id\": \"x\", \"updated\": \"%s\", \"content\": {\"src\": \"%s\"}, \"link\":"
             " [{\"rel\": \"self\", \"href\": \"%s\"}, {\"rel\": \"hash\", \"href\": "
             "\"%s.sha512\"}]}]}}",
             (int)(end - was), was, end[-1] == '[' ? "" : ", ", updated, url, url, url);
    put(s, FEED, text);
}

static void add(struct site *s, const char *name, const char *text, const char *updated)
{
    char url[200];
    snprintf(url, sizeof url, FOLDER "%s", name);
    put_document(s, name, text);
    add_entry(s, url, updated);
}

/* ---- pulling ---- */
struct stage {
    struct kit *kit;
    struct kp_shield *shield;
    struct site site;
    char folder[100];
    json_t *trust;
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
    snprintf(g->folder, sizeof g->folder, "%s/keys", g->kit->dir);
    g->site.left = -1;
    begin_feed(&g->site);
    feeds(&g->site, "csaf_provider", "WHITE");
    *state = g;
    return 0;
}

static int end(void **state)
{
    struct stage *g = *state;
    kp_shield_free(g->shield);
    json_decref(g->trust);
    for (size_t i = 0; i < g->site.n; i++)
        free(g->site.page[i].text);
    kit_end((void **)&g->kit);
    free(g);
    return 0;
}

static struct kp_csaf_pull pull_as(struct stage *g, int64_t feed, bool members, enum kp_code want)
{
    static struct kp_csaf_io io;
    struct kp_err err = { 0 };
    io = (struct kp_csaf_io){ get, wait_a_while, &g->site };
    if (!g->trust)
        g->trust = kp_csaf_find(&io, META, g->folder, &err);
    kit_ok(&err);
    struct kp_csaf_pull p = {
        .desk = { .shield = g->shield, .feed = feed, .tlp_most = members ? 4 : 1 },
        .io = &io,
        .trust = g->trust,
        .folder = g->folder
    };
    g->site.asked = 0;
    assert_int_equal(kp_csaf_pull(&p, &err), want);
    if (want)
        snprintf(p.note, sizeof p.note, "%s", err.text);
    return p;
}

static struct kp_csaf_pull pull(struct stage *g)
{
    return pull_as(g, 1, false, KP_OK);
}

static int64_t stored(struct stage *g)
{
    struct kp_err err = { 0 };
    struct kp_db *db = kp_store_reader(g->kit->store, &err);
    struct kp_stmt *s = kp_db_prepare(db, "select count(*) from advisory", &err);
    assert_true(kp_step(s, &err));
    int64_t n = kp_column_int(s, 0);
    kp_reset(s);
    kp_store_reader_done(g->kit->store, db);
    return n;
}

#define URL(name) FOLDER name

/* ---- what holds ---- */
static void what_is_new_is_brought_once(void **state)
{
    struct stage *g = *state;
    add(&g->site, "g-1.json", document("G-1", "1", "WHITE", "a"), "2026-01-01T00:00:00Z");
    add(&g->site, "g-2.json", document("G-2", "1", "WHITE", "a"), "2026-01-02T00:00:00Z");
    struct kp_csaf_pull p = pull(g);
    assert_int_equal(p.desk.state[CSAF_TAKEN], 2);
    assert_int_equal(p.desk.state[CSAF_REFUSED], 0);
    assert_int_equal(stored(g), 2);
    p = pull(g);
    assert_int_equal(p.unchanged, 1); /* the list, by its tag */
    assert_int_equal(g->site.asked, 2);
    add(&g->site, "g-3.json", document("G-3", "1", "WHITE", "a"), "2026-01-03T00:00:00Z");
    put_document(&g->site, "g-1.json", document("G-1", "2", "WHITE", "b"));
    p = pull(g); /* G-1 is not said to be newer */
    assert_int_equal(p.desk.state[CSAF_TAKEN], 1);
    assert_int_equal(page_of(&g->site, URL("g-1.json"))->asked, 1);
    assert_int_equal(stored(g), 3);
}

static void a_pull_that_is_stopped_goes_on_where_it_was(void **state)
{
    struct stage *g = *state;
    char name[20], id[20];
    pull(g); /* it is known now */
    for (int i = 1; i <= 8; i++) {
        snprintf(name, sizeof name, "g-%d.json", i);
        snprintf(id, sizeof id, "G-%d", i);
        add(&g->site, name, document(id, "1", "WHITE", "a"), "2026-01-01T00:00:00Z");
    }
    for (int i = 1; i <= 7; i++) { /* metadata, list, one document, its digest */
        g->site.left = 4;
        pull_as(g, 1, false, KP_ESTOPPED);
        assert_int_equal(stored(g), i);
    }
    g->site.left = -1;
    struct kp_csaf_pull p = pull(g);
    assert_int_equal(p.desk.state[CSAF_TAKEN], 1);
    for (int i = 1; i <= 8; i++) {
        char url[100];
        snprintf(url, sizeof url, FOLDER "g-%d.json.sha512", i);
        assert_int_equal(page_of(&g->site, url)->asked, 1);
    }
    assert_int_equal(stored(g), 8);
}

static void a_wrong_document_is_refused_and_the_others_go_on(void **state)
{
    struct stage *g = *state;
    struct site *s = &g->site;
    add(s, "g-1.json", document("G-1", "1", "WHITE", "a"), "2026-01-01T00:00:00Z");
    add(s, "g-2.json", document("G-2", "1", "WHITE", "a"), "2026-01-09T00:00:00Z");
    put(s, URL("g-2.json"), document("G-2", "1", "WHITE", "changed"));
    struct kp_csaf_pull p = pull(g);
    assert_int_equal(p.desk.state[CSAF_REFUSED], 1);
    assert_non_null(strstr(p.desk.why, "g-2.json"));
    assert_non_null(strstr(p.desk.why, "SHA-512"));
    assert_int_equal(stored(g), 1);
    put_document(s, "g-2.json",
                 document("G-2", "1", "WHITE", "a")); /* mended, and nobody says so */
    p = pull(g);
    assert_int_equal(p.desk.state[CSAF_REFUSED], 0);
    assert_int_equal(stored(g), 2);
}

/* The entry of that address is refused with that sentence, and another one is taken. */
static void refused_entry(struct stage *g, const char *url, const char *why)
{
    begin_feed(&g->site);
    add_entry(&g->site, url, "2026-01-02T00:00:00Z");
    add(&g->site, "good.json", document("good", "1", "WHITE", url), "2026-01-01T00:00:00Z");
    put(&g->site, url, document("evil", "1", "WHITE", "a"));
    put_document(&g->site, "good.json", document("good", "1", "WHITE", "a"));
    struct kp_csaf_pull p = pull(g);
    assert_int_equal(p.desk.state[CSAF_REFUSED], 1);
    if (!strstr(p.desk.why, why))
        fail_msg("%s: '%s' is not in '%s'", url, why, p.desk.why);
    assert_int_equal(stored(g), 1);
}

static void what_cannot_be_read_is_refused_and_what_is_not_valid_is_taken(void **state)
{
    struct stage *g = *state;
    static char deep[4000];
    memset(deep, '[', sizeof deep - 1);
    add(&g->site, "g-1.json", document("G-1", "1", "WHITE", ""), "2026-01-01T00:00:00Z");
    add(&g->site, "g-2.json", deep, "2026-01-02T00:00:00Z");
    add(&g->site, "g-3.json", "<html>", "2026-01-02T00:00:00Z");
    struct kp_csaf_pull p = pull(g);
    assert_int_equal(p.desk.state[CSAF_FAULTY], 1); /* a summary may not be empty */
    assert_int_equal(p.desk.state[CSAF_REFUSED], 2);
    assert_int_equal(stored(g), 1);
}

static void addresses_that_lead_elsewhere_are_not_asked(void **state)
{
    struct stage *g = *state;
    refused_entry(g, HOST "/white/../../etc/evil.json", "climbs out");
    refused_entry(g, HOST "/white/%2e%2e/evil.json", "climbs out");
    refused_entry(g, "https://evil.example/evil.json", "did not name");
    refused_entry(g, "http://csaf.example/evil.json", "not https");
    refused_entry(g, "https://u:p@csaf.example/evil.json", "login");
    refused_entry(g, "file:///etc/evil.json", "no address of a web server");
    refused_entry(g, HOST "/white/evil.html", "no .json");
    for (size_t i = 0; i < g->site.n; i++)
        if (strstr(g->site.page[i].url, "evil"))
            assert_int_equal(g->site.page[i].asked, 0);
}

static void a_document_has_to_be_what_its_name_and_label_say(void **state)
{
    struct stage *g = *state;
    struct site *s = &g->site;
    add(s, "g-1.json", document("G-7", "1", "WHITE", "a"), "2026-01-01T00:00:00Z");
    struct kp_csaf_pull p = pull(g);
    assert_non_null(strstr(p.desk.why, "does not belong"));
    begin_feed(s);
    add(s, "g-2.json", document("G-2", "1", "RED", "a"), "2026-01-01T00:00:00Z");
    p = pull(g);
    assert_non_null(strstr(p.desk.why, "lies in a list of WHITE"));
    assert_int_equal(stored(g), 0);
    begin_feed(s);
    add(s, "g-3.json", document("G-3", "1", "AMBER", "a"), "2026-01-01T00:00:00Z");
    feeds(s, "csaf_provider", "AMBER");
    p = pull(g);
    assert_non_null(strstr(p.note, "without a login"));
    assert_int_equal(p.lists, 0);
    p = pull_as(g, 1, true, KP_OK);
    assert_int_equal(p.desk.state[CSAF_TAKEN], 1);
    put_metadata(s, "csaf_provider", "[{\"directory_url\": \"" FOLDER "\"}]");
    put_document(s, "2026/g-4.json", document("G-4", "1", "AMBER", "a"));
    put(s, URL("index.txt"), "2026/g-4.json\n");
    p = pull(g);
    assert_non_null(strstr(p.desk.why, "may not come this way"));
}

static void one_version_has_one_text_and_one_feed_the_word(void **state)
{
    struct stage *g = *state;
    struct site *s = &g->site;
    add(s, "g-1.json", document("G-1", "2", "WHITE", "a"), "2026-01-02T00:00:00Z");
    pull(g);
    begin_feed(s);
    add(s, "g-1.json", document("G-1", "2", "WHITE", "b"), "2026-01-03T00:00:00Z");
    struct kp_csaf_pull p = pull(g);
    assert_non_null(strstr(p.desk.why, "version 2 was here with another text"));
    begin_feed(s);
    add(s, "g-1.json", document("G-1", "3", "WHITE", "c"), "2026-01-04T00:00:00Z");
    p = pull_as(g, 2, false, KP_OK);
    assert_non_null(strstr(p.desk.why, "another feed"));
    p = pull(g);
    assert_int_equal(p.desk.state[CSAF_REFUSED], 0);
    p = pull_as(g, 2, false, KP_OK); /* the same as the first feed has it */
    assert_int_equal(p.desk.state[CSAF_REFUSED], 0);
    begin_feed(s);
    add(s, "g-1.json", document("G-1", "1", "WHITE", "a"), "2026-01-05T00:00:00Z");
    p = pull(g);
    assert_int_equal(p.desk.state[CSAF_OLDER], 1);
}

static void what_is_of_the_future_is_refused(void **state)
{
    struct stage *g = *state;
    char text[1000], *year;
    snprintf(text, sizeof text, "%s", document("G-1", "2", "WHITE", "a"));
    while ((year = strstr(text, "2026-01-02")))
        memcpy(year, "2099", 4);
    add(&g->site, "g-1.json", text, "2026-01-02T00:00:00Z");
    struct kp_csaf_pull p = pull(g);
    assert_non_null(strstr(p.desk.why, "in the future, at 2099-01-02"));
    assert_int_equal(stored(g), 0);
}

static void a_trusted_provider_owes_digests(void **state)
{
    struct stage *g = *state;
    struct site *s = &g->site;
    put_metadata(s, "csaf_trusted_provider", "[{\"directory_url\": \"" HOST "/white\"}]");
    put(s, URL("2026/g-1.json"), document("G-1", "1", "WHITE", "a"));
    put_document(s, "2026/g-2.json", document("G-2", "1", "WHITE", "a"));
    put(s, URL("changes.csv"),
        "\"2026/g-1.json\",\"2026-01-01T00:00:00Z\"\r\n2026/g-2.json,2026-01-01T00:00:00Z\n"
        "\"../g-3.json\",\"2026-01-01T00:00:00Z\"\n/etc/g-4.json,2026-01-01T00:00:00Z\n");
    struct kp_csaf_pull p = pull(g);
    assert_int_equal(p.desk.state[CSAF_REFUSED], 3);
    assert_int_equal(stored(g), 1);
    assert_non_null(strstr(p.desk.why, "g-1.json: there is no digest"));
    put_metadata(s, "csaf_provider", "[{\"directory_url\": \"" HOST "/white/\"}]");
    p = pull(g);
    assert_int_equal(stored(g), 2);
    assert_int_equal(p.desk.state[CSAF_REFUSED], 2);
}

static void a_server_that_asks_for_peace_gets_it(void **state)
{
    struct stage *g = *state;
    struct site *s = &g->site;
    add(s, "g-1.json", document("G-1", "1", "WHITE", "a"), "2026-01-01T00:00:00Z");
    pull(g);
    answer(s, FEED, 503, 7 * KP_SECOND);
    struct kp_csaf_pull p = pull_as(g, 1, false, KP_ETIMEOUT);
    assert_int_equal(s->waited, 14 * KP_SECOND);
    answer(s, FEED, 429, 3600 * KP_SECOND);
    p = pull_as(g, 1, false, KP_ETIMEOUT);
    assert_int_equal(p.wait, 3600 * KP_SECOND);
    assert_int_equal(s->waited, 14 * KP_SECOND);
    begin_feed(s);
    for (int i = 2; i < 8; i++) {
        char url[100];
        snprintf(url, sizeof url, FOLDER "g-%d.json", i);
        add_entry(s, url, "2026-01-01T00:00:00Z");
        answer(s, url, 500, 0);
    }
    p = pull_as(g, 1, false, KP_EPEER);
    assert_int_equal(p.failed, 3);
}

static void metadata_of_another_is_not_followed(void **state)
{
    struct stage *g = *state;
    pull(g);
    put(&g->site, META, "{\"role\": \"csaf_provider\"}");
    struct kp_csaf_pull p = pull_as(g, 1, false, KP_EINVALID);
    put(&g->site, META, "[]");
    p = pull_as(g, 1, false, KP_EINVALID);
    feeds(&g->site, "csaf_boss", "WHITE");
    p = pull_as(g, 1, false, KP_EINVALID);
    assert_non_null(strstr(p.note, "csaf_boss"));
    put_metadata(&g->site, "csaf_provider", "[]");
    p = pull_as(g, 1, false, KP_EINVALID);
    assert_non_null(strstr(p.note, "neither feeds nor folders"));
    put_metadata(&g->site, "csaf_provider", "[{\"directory_url\": \"https://other.example/\"}]");
    p = pull_as(g, 1, false, KP_EINVALID);
    assert_non_null(strstr(p.note, "did not name"));
    json_object_set_new(g->trust, "canonical", json_string(HOST "/was/other.json"));
    p = pull_as(g, 1, false, KP_EREFUSED);
    assert_non_null(strstr(p.note, "another one's now"));
}

static void a_provider_is_found_from_its_domain(void **state)
{
    struct stage *g = *state;
    struct site *s = &g->site;
    struct kp_csaf_io io = { get, wait_a_while, s };
    struct kp_err err = { 0 };
    json_t *o = kp_csaf_find(&io, "csaf.example", g->folder, &err);
    kit_ok(&err);
    assert_string_equal(json_string_value(json_object_get(o, "url")), META);
    assert_string_equal(json_string_value(json_object_get(o, "publisher")), "Gears");
    json_decref(o);
    put(s, "https://firm.example/.well-known/security.txt", "Contact: x\r\nCSAF:  " META "\r\n");
    o = kp_csaf_find(&io, "firm.example", g->folder, &err);
    assert_string_equal(json_string_value(json_object_get(o, "url")), META);
    assert_int_equal(json_array_size(json_object_get(o, "servers")), 1);
    json_decref(o);
    put(s, "https://csaf.data.security.gear.example", page_of(s, META)->text);
    o = kp_csaf_find(&io, "gear.example", g->folder, &err);
    assert_int_equal(json_array_size(json_object_get(o, "servers")), 2);
    json_decref(o);
    assert_null(kp_csaf_find(&io, "none.example", g->folder, &err));
    assert_non_null(strstr(err.text, "none.example/.well-known"));
    err = (struct kp_err){ 0 };
    assert_null(kp_csaf_find(&io, "a/b", g->folder, &err));
    assert_int_equal(err.code, KP_EINVALID);
}

static const char *text_in(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

#define LISTED(who, role, url)                                                                     \
    "{\"metadata\":{\"publisher\":{\"name\":\"" who                                                \
    "\",\"namespace\":\"https://x.example\"}," role "\"url\":\"" url "\"}"
#define LIST_OF(who, version, providers, publishers)                                               \
    "{\"aggregator\":{\"name\":\"" who                                                             \
    "\",\"category\":\"lister\"},\"aggregator_version\":\"" version                                \
    "\",\"csaf_providers\":[" providers "],\"csaf_publishers\":[" publishers "]}"

static void a_list_of_providers_says_whom_it_lists(void **state)
{
    struct stage *g = *state;
    struct kp_csaf_io io = { get, wait_a_while, &g->site };
    struct kp_err err = { 0 };
    static const char at[] = "https://list.example/aggregator.json";
    put(&g->site, at,
        LIST_OF("Collector", "2.0",
                LISTED("Gears", "\"role\":\"csaf_trusted_provider\",", META) "}",
                LISTED("Cogs", "",
                       "https://cogs.example/p.json") ",\"mirrors\":[\"http://x/..\",\"https://"
                                                      "list.example/cogs\"]}"));
    json_t *o = kp_csaf_find(&io, at, g->folder, &err), *list = json_object_get(o, "providers");
    kit_ok(&err);
    assert_string_equal(text_in(o, "aggregator"), "Collector");
    assert_string_equal(text_in(o, "url"), at);
    assert_int_equal(json_array_size(list), 2);
    assert_string_equal(text_in(json_array_get(list, 0), "url"), META);
    assert_string_equal(text_in(json_array_get(list, 0), "role"), "csaf_trusted_provider");
    assert_string_equal(text_in(json_array_get(list, 0), "mirror"), "");
    assert_string_equal(text_in(json_array_get(list, 1), "role"), "csaf_publisher");
    assert_string_equal(text_in(json_array_get(list, 1), "mirror"),
                        "https://list.example/cogs/provider-metadata.json");
    json_decref(o);
}

static void a_wrong_list_of_providers_is_refused_with_the_place(void **state)
{
    static const struct {
        const char *text, *why;
    } wrong[] = {
        { LIST_OF("", "2.0", "", ""), "/aggregator/name" },
        { LIST_OF("C", "1.0", "", ""), "'1.0' is not 2.0" },
        { LIST_OF("C", "2.0", LISTED("", "", META) "}", ""),
          "/csaf_providers/0: /metadata/publisher" },
        { LIST_OF("C", "2.0", "", LISTED("G", "", "http://gears.example/") "}"),
          "/csaf_publishers/0: /metadata/url" },
        { LIST_OF("C", "2.0", "7", ""), "/csaf_providers/0" },
        { "[]", "list of providers" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct kp_err err = { 0 };
        assert_null(kp_csaf_aggregator_read(wrong[i].text, strlen(wrong[i].text), &err));
        if (!strstr(err.text, wrong[i].why))
            fail_msg("%zu: %s", i, err.text);
    }
}

static void names_labels_and_digests_are_read(void **state)
{
    char name[60], digest[KP_SHA2_HEX];
    (void)state;
    kp_csaf_file_name("ICSA-24-046 (01)/A_b", name, sizeof name);
    assert_string_equal(name, "icsa-24-046_01_a_b.json");
    assert_int_equal(kp_tlp_rank("TLP:CLEAR"), 0);
    assert_int_equal(kp_tlp_rank("AMBER+STRICT"), 3);
    assert_int_equal(kp_tlp_rank("whatever"), 4);
    kp_sha2_hex(256, "abc", 3, digest);
    assert_string_equal(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    struct kp_err err = { 0 };
    assert_int_equal(kp_csaf_hash_check("abc", 3, digest, 64, 256, &err), KP_OK);
    assert_int_equal(kp_csaf_hash_check("abd", 3, digest, 64, 256, &err), KP_EDENIED);
    assert_int_equal(kp_csaf_hash_check("abc", 3, digest, 63, 256, NULL), KP_EPARSE);
    assert_int_equal(kp_csaf_hash_check("abc", 3, "<html>", 6, 512, NULL), KP_EPARSE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_new_is_brought_once),
        TEST(a_pull_that_is_stopped_goes_on_where_it_was),
        TEST(a_wrong_document_is_refused_and_the_others_go_on),
        TEST(what_cannot_be_read_is_refused_and_what_is_not_valid_is_taken),
        TEST(addresses_that_lead_elsewhere_are_not_asked),
        TEST(a_document_has_to_be_what_its_name_and_label_say),
        TEST(one_version_has_one_text_and_one_feed_the_word),
        TEST(what_is_of_the_future_is_refused),
        TEST(a_trusted_provider_owes_digests),
        TEST(a_server_that_asks_for_peace_gets_it),
        TEST(metadata_of_another_is_not_followed),
        TEST(a_provider_is_found_from_its_domain),
        TEST(a_list_of_providers_says_whom_it_lists),
        cmocka_unit_test(a_wrong_list_of_providers_is_refused_with_the_place),
        cmocka_unit_test(names_labels_and_digests_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
