/* SPDX-License-Identifier: Apache-2.0 */
/* States and messages of the Dataspace Protocol, and its processes without a network: two stores in
 * one process hear each other's words, and every allocation fails once. */
#include "store_kit.h"

#include "net/jose.h"
#include "net/json_memory.h"
#include "share/private.h"

#include "core/ban.h"

#define CONTEXT "\"@context\":[\"https://w3id.org/dspace/2025/1/context.jsonld\"],"
#define OFFER                                                                                      \
    "\"offer\":{\"@id\":\"o\",\"@type\":\"Offer\",\"target\":\"d\",\"permission\":[{\"action\":"   \
    "\"use\"}]}"
#define AGREEMENT                                                                                  \
    "\"agreement\":{\"@id\":\"a\",\"@type\":\"Agreement\",\"target\":\"d\",\"assigner\":\"x\","    \
    "\"assignee\":\"y\","                                                                          \
    "\"timestamp\":\"2026-01-31T10:00:00Z\",\"permission\":[{\"action\":\"use\"}]}"
#define PIDS "\"providerPid\":\"p\",\"consumerPid\":\"c\""

/* ---- what may follow what: the pictures of the specification, as text ---- */
static const char *const allowed[] = {
    "negotiation REQUESTED provider offer OFFERED",
    "negotiation REQUESTED provider agree AGREED",
    "negotiation REQUESTED consumer terminate TERMINATED",
    "negotiation REQUESTED provider terminate TERMINATED",
    "negotiation OFFERED consumer request REQUESTED",
    "negotiation OFFERED consumer accept ACCEPTED",
    "negotiation OFFERED consumer terminate TERMINATED",
    "negotiation OFFERED provider terminate TERMINATED",
    "negotiation ACCEPTED provider agree AGREED",
    "negotiation ACCEPTED consumer terminate TERMINATED",
    "negotiation ACCEPTED provider terminate TERMINATED",
    "negotiation AGREED consumer verify VERIFIED",
    "negotiation AGREED consumer terminate TERMINATED",
    "negotiation AGREED provider terminate TERMINATED",
    "negotiation VERIFIED provider finalize FINALIZED",
    "negotiation VERIFIED consumer terminate TERMINATED",
    "negotiation VERIFIED provider terminate TERMINATED",
    "transfer REQUESTED provider start STARTED",
    "transfer REQUESTED consumer terminate TERMINATED",
    "transfer REQUESTED provider terminate TERMINATED",
    "transfer STARTED consumer suspend SUSPENDED",
    "transfer STARTED provider suspend SUSPENDED",
    "transfer STARTED consumer complete COMPLETED",
    "transfer STARTED provider complete COMPLETED",
    "transfer STARTED consumer terminate TERMINATED",
    "transfer STARTED provider terminate TERMINATED",
    "transfer SUSPENDED consumer start STARTED",
    "transfer SUSPENDED provider start STARTED",
    "transfer SUSPENDED consumer terminate TERMINATED",
    "transfer SUSPENDED provider terminate TERMINATED",
};

static void only_the_steps_of_the_specification_are_allowed(void **state)
{
    (void)state;
    size_t n = 0;
    for (int deal = 0; deal < KP_DEALS; deal++)
        for (int from = 0; from < KP_DEAL_STATES; from++)
            for (int side = KP_CONSUMER; side <= KP_PROVIDER; side++)
                for (int word = 0; word < KP_WORDS; word++) {
                    char text[100];
                    size_t i = 0;
                    int to = kp_deal_next((enum kp_deal)deal, (enum kp_deal_state)from,
                                          (enum kp_word)word, (enum kp_side)side);
                    if (to < 0)
                        continue;
                    snprintf(text, sizeof text, "%s %s %s %s %s", deal ? "transfer" : "negotiation",
                             kp_deal_state_words[from], kp_side_words[side], kp_say_words[word],
                             kp_deal_state_words[to]);
                    while (i < sizeof allowed / sizeof *allowed && strcmp(allowed[i], text) != 0)
                        i++;
                    if (i == sizeof allowed / sizeof *allowed)
                        fail_msg("%s", text);
                    assert_non_null(kp_saying_of((enum kp_deal)deal, (enum kp_word)word));
                    n++;
                }
    assert_int_equal(n, sizeof allowed / sizeof *allowed);
}

static void what_is_over_has_no_next(void **state)
{
    (void)state;
    for (int from = 0; from < KP_DEAL_STATES; from++)
        for (int i = 0; i < KP_DEALS * KP_WORDS * 2; i++)
            if (kp_deal_over((enum kp_deal_state)from))
                assert_int_equal(kp_deal_next(i & 1, (enum kp_deal_state)from,
                                              (enum kp_word)(i >> 2), i >> 1 & 1),
                                 -1);
}

/* ---- messages ---- */
static const struct example {
    enum kp_deal deal;
    const char *path, *text;
    enum kp_word word;
} examples[] = {
    { KP_NEGOTIATION, "request",
      "{" CONTEXT "\"@type\":\"ContractRequestMessage\",\"consumerPid\":\"c\",\"callbackAddress\":"
                  "\"http://x\"," OFFER "}",
      KP_SAY_REQUEST },
    { KP_NEGOTIATION, "request",
      "{" CONTEXT "\"@type\":\"ContractRequestMessage\"," PIDS "," OFFER "}", KP_SAY_REQUEST },
    { KP_NEGOTIATION, "offers",
      "{" CONTEXT "\"@type\":\"ContractOfferMessage\"," PIDS "," OFFER "}", KP_SAY_OFFER },
    { KP_NEGOTIATION, "offers",
      "{" CONTEXT "\"@type\":\"ContractOfferMessage\",\"providerPid\":\"p\",\"callbackAddress\":"
                  "\"http://x\"," OFFER "}",
      KP_SAY_OFFER },
    { KP_NEGOTIATION, "events",
      "{" CONTEXT "\"@type\":\"ContractNegotiationEventMessage\"," PIDS
      ",\"eventType\":\"ACCEPTED\"}",
      KP_SAY_ACCEPT },
    { KP_NEGOTIATION, "events",
      "{" CONTEXT "\"@type\":\"ContractNegotiationEventMessage\"," PIDS
      ",\"eventType\":\"dspace:FINALIZED\"}",
      KP_SAY_FINALIZE },
    { KP_NEGOTIATION, "agreement",
      "{" CONTEXT "\"@type\":\"ContractAgreementMessage\"," PIDS "," AGREEMENT "}", KP_SAY_AGREE },
    { KP_NEGOTIATION, "agreement/verification",
      "{" CONTEXT "\"@type\":\"ContractAgreementVerificationMessage\"," PIDS "}", KP_SAY_VERIFY },
    { KP_NEGOTIATION, "termination",
      "{" CONTEXT "\"@type\":\"ContractNegotiationTerminationMessage\"," PIDS "}",
      KP_SAY_TERMINATE },
    { KP_TRANSFER, "request",
      "{" CONTEXT "\"@type\":\"TransferRequestMessage\",\"consumerPid\":\"c\",\"agreementId\":"
                  "\"a\",\"format\":\"HttpData-PULL\",\"callbackAddress\":\"http://x\"}",
      KP_SAY_REQUEST },
    { KP_TRANSFER, "start",
      "{" CONTEXT "\"@type\":\"TransferStartMessage\"," PIDS
      ",\"dataAddress\":{\"@type\":\"DataAddress\",\"endpointType\":\"t\"}}",
      KP_SAY_START },
    { KP_TRANSFER, "suspension",
      "{" CONTEXT "\"@type\":\"TransferSuspensionMessage\"," PIDS ",\"reason\":[\"r\"]}",
      KP_SAY_SUSPEND },
    { KP_TRANSFER, "completion", "{" CONTEXT "\"@type\":\"TransferCompletionMessage\"," PIDS "}",
      KP_SAY_COMPLETE },
    { KP_TRANSFER, "termination",
      "{" CONTEXT "\"@type\":\"TransferTerminationMessage\"," PIDS ",\"code\":\"k\"}",
      KP_SAY_TERMINATE },
};
enum { EXAMPLES = sizeof examples / sizeof *examples };

static enum kp_code reads(const struct example *e, const char *text, struct kp_err *err)
{
    struct kp_dsp m;
    *err = (struct kp_err){ 0 };
    enum kp_code code = kp_dsp_read(&m, e->deal, e->path, text, strlen(text), err);
    if (!code)
        assert_int_equal(m.word, e->word);
    kp_dsp_free(&m);
    return code;
}

static void every_message_is_read_and_none_without_a_member_it_needs(void **state)
{
    (void)state;
    struct kp_err err;
    for (size_t i = 0; i < EXAMPLES; i++) {
        if (reads(&examples[i], examples[i].text, &err))
            fail_msg("%s: %s", examples[i].text, err.text);
        json_t *whole = json_loads(examples[i].text, 0, NULL), *value;
        const char *key;
        void *next;
        json_t *keys = json_deep_copy(whole);
        json_object_foreach_safe(keys, next, key, value)
        {
            bool optional = strcmp(key, "dataAddress") == 0 || strcmp(key, "reason") == 0 ||
                            strcmp(key, "code") == 0;
            json_t *less = json_deep_copy(whole);
            json_object_del(less, key);
            char *text = json_dumps(less, 0);
            if (!reads(&examples[i], text, &err) != optional)
                fail_msg("%s", text);
            assert_true(optional || err.text[0]);
            kp_free(text);
            json_decref(less);
        }
        json_decref(keys);
        json_decref(whole);
    }
}

static void what_is_written_can_be_read(void **state)
{
    (void)state;
    struct kp_buf out;
    struct kp_err err = { 0 };
    kp_buf_init(&out, 4096);
    struct kp_json j = kp_json(&out);
    kp_dsp_state(&j, KP_NEGOTIATION, "p", "c", KP_VERIFIED);
    json_t *o = kp_dsp_answer("ContractNegotiation", kp_buf_text(&out), out.len, &err);
    assert_string_equal(kp_dsp_text(o, "state"), "VERIFIED");
    assert_null(kp_dsp_answer("TransferProcess", kp_buf_text(&out), out.len, &err));
    json_decref(o);
    kp_buf_free(&out);
}

static void rules_are_the_same_whatever_their_form(void **state)
{
    static const struct {
        const char *a, *b;
        bool same;
    } cases[] = {
        { "{}", "{\"permission\":[]}", true },
        { "{\"permission\":[{\"action\":\"use\"}]}",
          "{\"permission\":{\"action\":\"use\"},\"@id\":\"x\"}", true },
        { "{\"permission\":[{\"action\":\"use\"}]}", "{\"permission\":[{\"action\":\"read\"}]}",
          false },
        { "{\"permission\":[{\"action\":\"use\"}]}", "{\"prohibition\":[{\"action\":\"use\"}]}",
          false },
        { "{\"permission\":[{\"action\":\"use\"}]}",
          "{\"permission\":[{\"action\":\"use\"},{\"action\":\"use\"}]}", false },
        { "{\"obligation\":[{\"action\":\"pay\"}]}", "{}", false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *a = json_loads(cases[i].a, 0, NULL), *b = json_loads(cases[i].b, 0, NULL);
        assert_int_equal(kp_dsp_same_rules(a, b), cases[i].same);
        assert_int_equal(kp_dsp_same_rules(b, a), cases[i].same);
        json_decref(a);
        json_decref(b);
    }
}

static void every_allocation_of_a_message_may_fail(void **state)
{
    (void)state;
    long points = 0, live = kp_mem_live();
    for (size_t i = 0; i < EXAMPLES; i++)
        for (long n = 1;; n++, points++) {
            struct kp_err err;
            kp_mem_fail_at(n);
            enum kp_code code = reads(&examples[i], examples[i].text, &err);
            kp_mem_fail_at(0);
            assert_int_equal(kp_mem_live(), live);
            if (!code)
                break;
            assert_int_equal(code, KP_ENOMEM);
        }
    print_message("%ld points\n", points);
}

/* ---- tokens ---- */
static void a_token_is_believed_by_its_key_alone(void **state)
{
    static const struct kp_jose_names names = { "the token", "us" };
    (void)state;
    struct kp_arena arena = { 0 };
    struct kp_err err = { 0 };
    const char *pem[2], *jwk[2], *token;
    for (int i = 0; i < 2; i++)
        assert_true(!kp_jose_key(&arena, &pem[i], &err) &&
                    !kp_jose_public(pem[i], &arena, &jwk[i], &err));
    for (int round = 0; round < 200; round++) { /* numbers with leading zeroes among them */
        assert_int_equal(kp_jose_sign(pem[0], "{\"iss\":\"a\"}", &arena, &token, &err), KP_OK);
        for (int i = 0; i < 2; i++) {
            struct kp_err why = { 0 };
            json_t *key = json_loads(jwk[i], 0, NULL), *keys = json_pack("{s:[o]}", "keys", key);
            assert_true(kp_jose_key_good(key));
            json_t *claims = kp_jose_read(token, keys, &names, &why);
            assert_int_equal(claims != NULL, i == 0);
            json_decref(claims);
            json_decref(keys);
        }
    }
    kp_arena_free(&arena);
}

/* ---- processes ---- */
struct end {
    struct kit *kit;
    struct kp_share *share;
};

static struct end end_new(const char *id, const char *partner)
{
    struct end e = { .kit = kit_new() };
    struct kp_err err = { 0 };
    char text[400];
    kit_open(e.kit);
    kp_key_create(e.kit->dir, &err);
    kp_key_load(e.kit->store, e.kit->dir, &err);
    kit_hub(e.kit);
    e.share = kp_share_new(e.kit->store, kp_hub_model(e.kit->hub), &e.kit->clock.clock, &err);
    kp_share_set_id(e.share, id, &err);
    kp_share_reached_at(e.share, "https://here.example");
    snprintf(text, sizeof text,
             "{\"name\":\"other\",\"id\":\"%s\",\"url\":\"https://%s.example/"
             "dsp\",\"token\":\"0123456789012345678901234567890123456789\"}",
             partner, partner);
    json_t *o = json_loads(text, 0, NULL);
    kp_share_partner_add(e.share, o, &err);
    json_decref(o);
    o = json_loads("{\"id\":\"o\",\"dataset\":\"d\",\"signals\":[\"hall/**\"]}", 0, NULL);
    struct kp_arena arena = { 0 };
    struct kp_buf reply;
    struct kp_json j = kp_json(&reply);
    kp_buf_init(&reply, 64 << 10);
    kp_share_offer_add(e.share, KP_TO_NODE, o, false, &arena, &j, &err);
    kp_buf_free(&reply);
    kp_arena_free(&arena);
    json_decref(o);
    kit_ok(&err);
    return e;
}

static void end_free(struct end *e)
{
    kp_share_free(e->share);
    kit_free(e->kit);
}

static int64_t ask(struct end *e, const char *sql)
{
    return kit_number(e->kit, sql);
}

/* Reads a token of these claims, signed by the node itself. */
static enum kp_code read_own(struct end *e, const char *claims, struct kp_arena *arena,
                             struct kp_data_token *t, struct kp_err *err)
{
    struct share_self self;
    const char *token;
    assert_int_equal(share_self(e->share, arena, &self, err), KP_OK);
    assert_int_equal(kp_jose_sign(self.key, claims, arena, &token, err), KP_OK);
    return kp_data_token_read(e->share, "p", token, arena, t, err);
}

static void a_token_of_data_is_for_its_transfer_its_partner_and_an_hour(void **state)
{
    static const struct {
        const char *use, *aud, *transfer, *sub;
        int64_t iat, exp;
        const char *why; /* NULL: it is good */
    } cases[] = {
        { "koppel:data", "maker", "p", "buyer", 0, 3600, NULL },
        { "koppel:data", "maker", "q", "buyer", 0, 3600, "another transfer" },
        { "koppel:data", "buyer", "p", "buyer", 0, 3600, "none for data" },
        { "message", "maker", "p", "buyer", 0, 3600, "none for data" },
        { "koppel:data", "maker", "p", NULL, 0, 3600, "none for data" },
        { "koppel:data", "maker", "p", "buyer", -3700, -100, "has expired" },
        { "koppel:data", "maker", "p", "buyer", -3700, 3600, "not issued just now" },
    };
    (void)state;
    struct end e = end_new("maker", "buyer");
    int64_t now = kp_utc(&e.kit->clock.clock) / KP_SECOND;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct kp_arena arena = { 0 };
        struct kp_err err = { 0 };
        struct kp_data_token t;
        json_t *claims = json_pack("{ss ss ss ss ss* sI sI}", "use", cases[i].use, "aud",
                                   cases[i].aud, "transfer", cases[i].transfer, "agreement", "a",
                                   "sub", cases[i].sub, "iat", (json_int_t)(now + cases[i].iat),
                                   "exp", (json_int_t)(now + cases[i].exp));
        char *text = json_dumps(claims, 0);
        enum kp_code code = read_own(&e, text, &arena, &t, &err);
        assert_int_equal(code, cases[i].why ? KP_EDENIED : KP_OK);
        if (cases[i].why)
            assert_non_null(strstr(err.text, cases[i].why));
        else
            assert_string_equal(t.participant, "buyer");
        kp_free(text);
        json_decref(claims);
        kp_arena_free(&arena);
    }
    end_free(&e);
}

static const char request_text[] =
    "{" CONTEXT "\"@type\":\"ContractRequestMessage\",\"consumerPid\":\"c\","
    "\"callbackAddress\":\"https://buyer.example/dsp\"," OFFER "}";

static void a_request_word_for_word_is_agreed_to_in_the_same_transaction(void **state)
{
    (void)state;
    struct end e = end_new("maker", "buyer");
    struct kp_heard h;
    struct kp_err err = { 0 };
    for (int i = 0; i < 2; i++) { /* the second time it is the same one */
        kp_share_hear(e.share, "other", KP_NEGOTIATION, NULL, "request", request_text,
                      strlen(request_text), &h, &err);
        kit_ok(&err);
        assert_int_equal(h.made, i == 0);
        assert_int_equal(ask(&e, "select count(*) from share_process where state = 3"), 1);
        assert_int_equal(ask(&e, "select count(*) from share_outbox where word = 3"), 1);
        assert_int_equal(ask(&e, "select count(*) from share_agreement where active = 0 and "
                                 "signals = '[\"hall/**\"]'"),
                         1);
    }
    char verified[400];
    snprintf(verified, sizeof verified,
             "{" CONTEXT "\"@type\":\"ContractAgreementVerificationMessage\",\"providerPid\":\"%"
                         "s\",\"consumerPid\":\"c\"}",
             h.provider);
    kp_share_hear(e.share, "other", KP_NEGOTIATION, h.provider, "agreement/verification", verified,
                  strlen(verified), &h, &err);
    kit_ok(&err);
    assert_int_equal(h.state, KP_FINALIZED);
    assert_int_equal(ask(&e, "select count(*) from share_agreement where active = 1"), 1);
    end_free(&e);
}

static void a_request_that_asks_for_more_waits_for_a_person(void **state)
{
    (void)state;
    struct end e = end_new("maker", "buyer");
    struct kp_heard h;
    struct kp_err err = { 0 };
    static const char more[] =
        "{" CONTEXT "\"@type\":\"ContractRequestMessage\",\"consumerPid\":\"c2\","
                    "\"callbackAddress\":\"https://buyer.example/dsp\",\"offer\":"
        "{\"@id\":\"o\",\"@type\":\"Offer\",\"target\":\"d\",\"permission\":[{\"action\":"
        "\"use\"},{\"action\":\"distribute\"}]}}";
    kp_share_hear(e.share, "other", KP_NEGOTIATION, NULL, "request", more, strlen(more), &h, &err);
    kit_ok(&err);
    assert_int_equal(h.state, KP_REQUESTED);
    assert_int_equal(ask(&e, "select count(*) from share_outbox"), 0);
    end_free(&e);
}

static enum kp_code fill(struct kp_db *db, void *arg, struct kp_err *err)
{
    (void)arg;
    return kp_db_exec(db,
                      "with recursive n(i) as (select 1 union all select i + 1 from n where i < "
                      "1000) insert into share_process"
                      " (kind, side, partner, pid, peer_pid, callback, state, automatic, made, "
                      "changed) select 0, 1, 'other', 'x' || i, 'y' || i, '', 0, 0, 0, 0 from n",
                      err);
}

static void a_partner_cannot_open_negotiations_without_end(void **state)
{
    (void)state;
    struct end e = end_new("maker", "buyer");
    struct kp_heard h;
    struct kp_err err = { 0 };
    kp_store_do(e.kit->store, fill, NULL, &err);
    kit_ok(&err);
    assert_int_equal(kp_share_hear(e.share, "other", KP_NEGOTIATION, NULL, "request", request_text,
                                   strlen(request_text), &h, &err),
                     KP_EFULL);
    assert_int_equal(ask(&e, "select count(*) from share_process"), KP_SHARE_OPEN_MAX);
    end_free(&e);
}

static enum kp_code fill_over(struct kp_db *db, void *arg, struct kp_err *err)
{
    (void)arg;
    return kp_db_exec(
        db,
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 6000) insert "
        "into share_process"
        " (kind, side, partner, pid, peer_pid, callback, state, automatic, made, changed)"
        " select 0, 1, 'other', 'x' || i, 'y' || i, '', iif(i <= 500, 5, 9), 0, 0, 0 from n",
        err);
}

static void what_is_over_is_forgotten_some_day_but_for_what_was_agreed(void **state)
{
    (void)state;
    struct end e = end_new("maker", "buyer");
    struct kp_heard h;
    struct kp_err err = { 0 };
    kp_store_do(e.kit->store, fill_over, NULL, &err);
    kp_share_hear(e.share, "other", KP_NEGOTIATION, NULL, "request", request_text,
                  strlen(request_text), &h, &err);
    kit_ok(&err);
    assert_int_equal(ask(&e, "select count(*) from share_process where state = 9"),
                     KP_SHARE_OVER_MAX);
    assert_int_equal(ask(&e, "select min(id) from share_process where state = 9"), 1001);
    assert_int_equal(ask(&e, "select count(*) from share_process where state = 5"), 500);
    end_free(&e);
}

static void terms_without_end_are_refused(void **state)
{
    (void)state;
    struct end e = end_new("maker", "buyer");
    struct kp_heard h;
    struct kp_err err = { 0 };
    struct kp_buf text;
    kp_buf_init(&text, KP_DSP_BYTES);
    kp_buf_str(&text, "{" CONTEXT "\"@type\":\"ContractRequestMessage\",\"consumerPid\":\"c3\","
                                  "\"callbackAddress\":\"https://buyer.example/dsp\",\"offer\":"
                      "{\"@id\":\"o\",\"@type\":\"Offer\",\"target\":\"d\",\"permission\":[{"
                      "\"action\":\"use\"}],\"x\":\"");
    for (int i = 0; i < KP_SHARE_TERMS; i++)
        kp_buf_str(&text, "y");
    kp_buf_str(&text, "\"}}");
    assert_int_equal(kp_share_hear(e.share, "other", KP_NEGOTIATION, NULL, "request",
                                   kp_buf_text(&text), text.len, &h, &err),
                     KP_EINVALID);
    assert_non_null(strstr(err.text, "KiB"));
    kp_buf_free(&text);
    end_free(&e);
}

static void every_allocation_of_a_step_may_fail_and_then_nothing_has_changed(void **state)
{
    (void)state;
    struct end e = end_new("maker", "buyer");
    long n = 1;
    for (;; n++) {
        struct kp_heard h;
        struct kp_err err = { 0 };
        kp_mem_fail_at(n);
        enum kp_code code = kp_share_hear(e.share, "other", KP_NEGOTIATION, NULL, "request",
                                          request_text, strlen(request_text), &h, &err);
        kp_mem_fail_at(0);
        int64_t made = ask(&e, "select count(*) from share_process") +
                       ask(&e, "select count(*) from share_outbox") +
                       ask(&e, "select count(*) from share_agreement");
        if (!code) {
            assert_int_equal(made, 3);
            break;
        }
        assert_int_equal(made, 0);
    }
    print_message("%ld points\n", n);
    end_free(&e);
}

/* ---- what couplings bring ---- */
static void brings(struct kp_share *s, uint16_t coupling, const char *agreement, bool distribution, int64_t upto)
{
    struct kp_share_source source = { .agreement = agreement, .terms = kp_terms_open() };
    struct kp_err err = { 0 };
    int64_t noted;
    source.terms.distribution = distribution;
    kp_share_brings(s, coupling, &source, &noted, &err);
    kit_ok(&err);
    assert_int_equal(noted, upto);
}

static void what_a_partner_gave_goes_no_further_unless_every_agreement_it_came_under_permits(void **state)
{
    (void)state;
    struct end e = end_new("buyer", "maker");
    struct kp_err err = { 0 };
    char agreement[KP_DSP_ID];
    const struct kp_model *m = kp_hub_model(e.kit->hub);
    assert_int_equal(kp_model_brought(m, 7), KP_BROUGHT_NOT); /* of a machine */
    assert_false(kp_share_provenance(e.share, 7, agreement));
    brings(e.share, 7, "first", true, KP_NO_TIME);
    assert_int_equal(kp_model_brought(m, 7), KP_BROUGHT_ONWARD);
    brings(e.share, 7, "second", false, KP_NO_TIME);
    assert_int_equal(kp_model_brought(m, 7), KP_BROUGHT_KEPT);
    brings(e.share, 8, "other", true, KP_NO_TIME);
    kp_share_brought(e.share, 7, 1234, &err);
    brings(e.share, 7, "third", true, 1234);
    assert_int_equal(kp_model_brought(m, 7), KP_BROUGHT_KEPT); /* its history is one */
    kp_share_free(e.share);
    e.share = kp_share_new(e.kit->store, kp_hub_model(e.kit->hub), &e.kit->clock.clock, &err);
    kit_ok(&err);
    assert_int_equal(kp_model_brought(m, 7), KP_BROUGHT_KEPT);
    assert_int_equal(kp_model_brought(m, 8), KP_BROUGHT_ONWARD);
    assert_true(!kp_model_brought(m, 0) && !kp_model_brought(m, UINT16_MAX));
    assert_true(kp_share_provenance(e.share, 7, agreement));
    assert_string_equal(agreement, "third");
    end_free(&e);
}

static int setup(void **state)
{
    (void)state;
    kp_json_memory_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_steps_of_the_specification_are_allowed),
        cmocka_unit_test(what_is_over_has_no_next),
        cmocka_unit_test(every_message_is_read_and_none_without_a_member_it_needs),
        cmocka_unit_test(what_is_written_can_be_read),
        cmocka_unit_test(rules_are_the_same_whatever_their_form),
        cmocka_unit_test(every_allocation_of_a_message_may_fail),
        cmocka_unit_test(a_token_is_believed_by_its_key_alone),
        cmocka_unit_test(a_token_of_data_is_for_its_transfer_its_partner_and_an_hour),
        cmocka_unit_test(a_request_word_for_word_is_agreed_to_in_the_same_transaction),
        cmocka_unit_test(a_request_that_asks_for_more_waits_for_a_person),
        cmocka_unit_test(a_partner_cannot_open_negotiations_without_end),
        cmocka_unit_test(what_is_over_is_forgotten_some_day_but_for_what_was_agreed),
        cmocka_unit_test(terms_without_end_are_refused),
        cmocka_unit_test(every_allocation_of_a_step_may_fail_and_then_nothing_has_changed),
        cmocka_unit_test(what_a_partner_gave_goes_no_further_unless_every_agreement_it_came_under_permits),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
