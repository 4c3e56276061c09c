/* SPDX-License-Identifier: Apache-2.0 */
#include "share/message.h"

#include "net/json_memory.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

const char *const kp_dsp_rule_words[] = { "permission", "prohibition", "obligation", NULL };

/* ---- names with a prefix ---- */
static const char *bare(const char *name)
{
    static const char *const prefixes[] = { "dspace:", "odrl:", "dcat:", "dct:" };
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        size_t n = strlen(prefixes[i]);
        if (strncmp(name, prefixes[i], n) == 0)
            return name + n;
    }
    return name;
}

static enum kp_code strip(json_t *, struct kp_err *);

/* The words of a list in expanded JSON-LD, [{"@value": "mean"}, ...]; NULL: it is none. */
static json_t *plain_words(const json_t *list)
{
    json_t *words = json_is_array(list) ? json_array() : NULL;
    const json_t *one;
    size_t i;
    json_array_foreach(list, i, one)
    {
        json_t *word = json_object_get(one, "@value");
        if (words && (json_object_size(one) != 1 || !json_is_string(word) ||
                      json_array_append(words, word))) {
            json_decref(words);
            words = NULL;
        }
    }
    return words;
}

/* Eclipse connectors write a list of words as the text of that list. */
static enum kp_code read_operand(json_t *o, struct kp_err *err)
{
    static const char begins[] = "[{\"@value\"";
    const char *text = json_string_value(json_object_get(o, "rightOperand"));
    struct kp_err none = { 0 };
    if (!text || strncmp(text, begins, sizeof begins - 1) != 0)
        return KP_OK;
    json_t *list = kp_json_read(text, "rightOperand", &none), *words = plain_words(list);
    if (words && json_object_set(o, "rightOperand", words))
        kp_fail(err, KP_ENOMEM, "out of memory");
    json_decref(words);
    json_decref(list);
    return err->code;
}

static enum kp_code strip_object(json_t *o, struct kp_err *err)
{
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach_safe(o, next, key, value)
    {
        const char *name = bare(key);
        if (strip(value, err))
            return err->code;
        if (name == key)
            continue;
        if (json_object_get(o, name))
            return kp_fail(err, KP_EPARSE, "'%.60s' is said twice, with and without a prefix",
                           name);
        if (json_object_set(o, name, value))
            return kp_fail(err, KP_ENOMEM, "out of memory");
        json_object_del(o, key);
    }
    return read_operand(o, err);
}

/* Depth is bounded by KP_DSP_DEPTH. */
static enum kp_code strip(json_t *j, struct kp_err *err)
{
    json_t *one;
    size_t i;
    if (json_is_object(j))
        return strip_object(j, err);
    json_array_foreach(j, i, one) if (strip(one, err)) return err->code;
    return KP_OK;
}

static json_t *first_of(const json_t *j)
{
    return json_is_array(j) ? json_array_get(j, 0) : (json_t *)(uintptr_t)j;
}

const char *kp_dsp_text(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    if (json_is_array(v) && json_array_size(v) == 1)
        v = json_array_get(v, 0);
    if (json_is_object(v)) {
        const json_t *id = json_object_get(v, "@id");
        v = id ? id : json_object_get(v, "@value");
    }
    return json_string_value(v);
}

/* ---- the frame of every message ---- */
static bool has_context(const json_t *root)
{
    const json_t *c = json_object_get(root, "@context"), *one;
    size_t i;
    if (json_is_string(c))
        return strcmp(json_string_value(c), KP_DSP_CONTEXT) == 0;
    json_array_foreach(c, i,
                       one) if (json_is_string(one) &&
                                strcmp(json_string_value(one), KP_DSP_CONTEXT) == 0) return true;
    return false;
}

static json_t *read_frame(const char *text, size_t len, struct kp_err *err)
{
    if (len > KP_DSP_BYTES) {
        kp_fail(err, KP_EFULL, "the message is larger than %d KiB", KP_DSP_BYTES >> 10);
        return NULL;
    }
    json_t *root = kp_json_object(text ? text : "", len, "message", KP_DSP_DEPTH, err);
    if (root && !strip(root, err) && !has_context(root))
        kp_fail(err, KP_EPARSE, "@context must name " KP_DSP_CONTEXT);
    if (!err->code)
        return root;
    json_decref(root);
    return NULL;
}

static enum kp_code check_type(const json_t *root, const char *want, struct kp_err *err)
{
    const json_t *t = first_of(json_object_get(root, "@type"));
    const char *type = json_is_string(t) ? bare(json_string_value(t)) : "";
    return strcmp(type, want) == 0
               ? KP_OK
               : kp_fail(err, KP_EINVALID, "@type must be %s here, not '%.60s'", want, type);
}

json_t *kp_dsp_answer(const char *type, const char *text, size_t len, struct kp_err *err)
{
    json_t *root = read_frame(text, len, err);
    if (!root || !check_type(root, type, err))
        return root;
    json_decref(root);
    return NULL;
}

/* ---- its members ---- */
static bool good_id(const char *id)
{
    size_t n = strlen(id);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)id[i] < ' ' || id[i] == 127)
            return false;
    return n && n < KP_DSP_ID;
}

static enum kp_code member(const json_t *o, const char *key, bool required, const char **out,
                           struct kp_err *err)
{
    *out = kp_dsp_text(o, key);
    if (!*out)
        return required || json_object_get(o, key)
                   ? kp_fail(err, KP_EINVALID, "%s is missing, or no text", key)
                   : KP_OK;
    return good_id(*out) ? KP_OK
                         : kp_fail(err, KP_EINVALID,
                                   "%s is empty, has control characters or more than %d bytes", key,
                                   KP_DSP_ID - 1);
}

static enum kp_code check_rules(const json_t *policy, const char *what, struct kp_err *err)
{
    bool any = false;
    for (size_t i = 0; kp_dsp_rule_words[i]; i++) {
        const json_t *rules = json_object_get(policy, kp_dsp_rule_words[i]), *one;
        size_t n;
        if (rules && !json_is_array(rules) && !json_is_object(rules))
            return kp_fail(err, KP_EINVALID, "%s.%s must be a list", what, kp_dsp_rule_words[i]);
        json_array_foreach(rules, n, one) if (!json_is_object(one)) return kp_fail(
            err, KP_EINVALID, "%s.%s[%zu] must be an object", what, kp_dsp_rule_words[i], n);
        any |= i < 2 && (json_is_object(rules) || json_array_size(rules));
    }
    return any ? KP_OK
               : kp_fail(err, KP_EINVALID, "%s has neither a permission nor a prohibition", what);
}

static enum kp_code read_policy(struct kp_dsp *m, const char *key, const char *type,
                                struct kp_err *err)
{
    m->offer = json_object_get(m->json, key);
    if (!json_is_object(m->offer))
        return kp_fail(err, KP_EINVALID, "%s is missing, or no object", key);
    if (check_type(m->offer, type, err))
        return kp_context(err, "%s", key);
    if (member(m->offer, "@id", true, &m->offer_id, err) ||
        member(m->offer, "target", true, &m->target, err))
        return kp_context(err, "%s", key);
    return check_rules(m->offer, key, err);
}

static enum kp_code read_agreement(struct kp_dsp *m, struct kp_err *err)
{
    const char *assigner, *assignee, *at;
    if (read_policy(m, "agreement", "Agreement", err))
        return err->code;
    if (member(m->offer, "assigner", true, &assigner, err) ||
        member(m->offer, "assignee", true, &assignee, err) ||
        member(m->offer, "timestamp", true, &at, err))
        return kp_context(err, "agreement");
    return KP_OK;
}

static enum kp_code read_address(struct kp_dsp *m, struct kp_err *err)
{
    m->address = json_object_get(m->json, "dataAddress");
    if (!m->address || json_is_null(m->address)) {
        m->address = NULL;
        return KP_OK;
    }
    const char *type;
    if (!json_is_object(m->address))
        return kp_fail(err, KP_EINVALID, "dataAddress must be an object");
    return member(m->address, "endpointType", true, &type, err) ? kp_context(err, "dataAddress")
                                                                : KP_OK;
}

/* Exactly one of them. */
static enum kp_code either(const char *a, const char *a_name, const char *b, const char *b_name,
                           struct kp_err *err)
{
    return !a == !b
               ? kp_fail(err, KP_EINVALID, "exactly one of %s and %s must be there", a_name, b_name)
               : KP_OK;
}

static const char *reason_of(const json_t *root)
{
    const char *text = kp_dsp_text(first_of(json_object_get(root, "reason")), "@value");
    const json_t *first = first_of(json_object_get(root, "reason"));
    return text                    ? text
           : json_is_string(first) ? json_string_value(first)
                                   : json_string_value(json_object_get(root, "code"));
}

static enum kp_code read_words(struct kp_dsp *m, struct kp_err *err)
{
    switch (m->word) {
    case KP_SAY_REQUEST:
        if (m->deal == KP_NEGOTIATION)
            return read_policy(m, "offer", "Offer", err) ? err->code
                   : !m->consumer
                       ? kp_fail(err, KP_EINVALID, "consumerPid is missing")
                       : either(m->callback, "callbackAddress", m->provider, "providerPid", err);
        if (member(m->json, "agreementId", true, &m->agreement, err) ||
            member(m->json, "format", true, &m->format, err) || read_address(m, err))
            return err->code;
        return m->callback && m->consumer
                   ? KP_OK
                   : kp_fail(err, KP_EINVALID, "%s is missing",
                             m->consumer ? "callbackAddress" : "consumerPid");
    case KP_SAY_OFFER:
        return read_policy(m, "offer", "Offer", err) ? err->code
               : !m->provider
                   ? kp_fail(err, KP_EINVALID, "providerPid is missing")
                   : either(m->callback, "callbackAddress", m->consumer, "consumerPid", err);
    case KP_SAY_AGREE:
        if (read_agreement(m, err))
            return err->code;
        break;
    case KP_SAY_START:
        if (read_address(m, err))
            return err->code;
        break;
    default:
        m->reason = reason_of(m->json);
        break;
    }
    return m->provider && m->consumer ? KP_OK
                                      : kp_fail(err, KP_EINVALID, "%s is missing",
                                                m->provider ? "consumerPid" : "providerPid");
}

/* Two words have one path: the event tells which it is. */
static enum kp_code find_word(struct kp_dsp *m, const char *path, struct kp_err *err)
{
    const char *event = kp_dsp_text(m->json, "eventType");
    const struct kp_saying *found = NULL, *near = NULL;
    for (const struct kp_saying *s = kp_sayings; s->type; s++) {
        if (s->deal != m->deal || strcmp(s->path, path) != 0)
            continue;
        near = s;
        if (!s->event || (event && strcmp(s->event, bare(event)) == 0))
            found = s;
    }
    if (!near)
        return kp_fail(err, KP_ENOTFOUND, "there is no message to '%.60s'", path);
    if (check_type(m->json, near->type, err))
        return err->code;
    if (!found)
        return kp_fail(err, KP_EINVALID, "eventType must be ACCEPTED or FINALIZED");
    m->word = found->word;
    return KP_OK;
}

enum kp_code kp_dsp_read(struct kp_dsp *m, enum kp_deal deal, const char *path, const char *text,
                         size_t len, struct kp_err *err)
{
    *m = (struct kp_dsp){ .deal = deal };
    m->json = read_frame(text, len, err);
    if (!m->json || member(m->json, "providerPid", false, &m->provider, err) ||
        member(m->json, "consumerPid", false, &m->consumer, err) ||
        member(m->json, "callbackAddress", false, &m->callback, err) || find_word(m, path, err))
        return err->code;
    return read_words(m, err);
}

void kp_dsp_free(struct kp_dsp *m)
{
    json_decref(m->json);
    *m = (struct kp_dsp){ 0 };
}

bool kp_dsp_same_rules(const json_t *a, const json_t *b)
{
    bool same = true;
    for (size_t i = 0; kp_dsp_rule_words[i] && same; i++) {
        const json_t *x = json_object_get(a, kp_dsp_rule_words[i]),
                     *y = json_object_get(b, kp_dsp_rule_words[i]);
        size_t n = json_is_array(x) ? json_array_size(x) : x != NULL,
               m = json_is_array(y) ? json_array_size(y) : y != NULL;
        same = n == m;
        for (size_t k = 0; k < n && same; k++)
            same = json_equal(json_is_array(x) ? json_array_get(x, k) : x,
                              json_is_array(y) ? json_array_get(y, k) : y);
    }
    return same;
}

/* ---- the query of a catalogue ---- */
/* The list of ids of `in`, as JSON; NULL: it is none. */
static const char *list_of_ids(const json_t *list, struct kp_arena *arena)
{
    const json_t *one;
    size_t i;
    json_array_foreach(list, i, one) if (!json_is_string(one) ||
                                         !good_id(json_string_value(one))) return NULL;
    char *text = json_is_array(list) ? kp_json_dump(list, JSON_COMPACT) : NULL;
    const char *copy = text ? kp_arena_strdup(arena, text) : NULL;
    kp_free(text);
    return copy;
}

static enum kp_code read_criterion(struct kp_dsp_query *q, const json_t *c, struct kp_arena *arena,
                                   struct kp_err *err)
{
    static const char *const ids[] = { "id", "@id", "https://w3id.org/edc/v0.0.1/ns/id" };
    static const char *const tests[] = { "=", "like", "in" };
    const char *left = kp_dsp_text(c, "operandLeft"), *operator= kp_dsp_text(c, "operator"),
               *right = kp_dsp_text(c, "operandRight");
    bool known = false;
    size_t test = 0;
    for (size_t i = 0; i < sizeof ids / sizeof ids[0] && left; i++)
        known |= strcmp(left, ids[i]) == 0;
    while (operator&& test < 3 && strcmp(operator, tests[test]) != 0)
        test++;
    if (!known || !operator|| test == 3)
        return kp_fail(err, KP_EINVALID,
                       "filter: only the id of a dataset can be asked for, by '=', 'like' or 'in'");
    if (q->n == KP_DSP_CRITERIA)
        return kp_fail(err, KP_EINVALID, "filter: at most %d criteria", KP_DSP_CRITERIA);
    right = test == KP_DSP_IN          ? list_of_ids(json_object_get(c, "operandRight"), arena)
            : right && good_id(right) ? kp_arena_strdup(arena, right)
                                      : NULL;
    if (!right)
        return kp_fail(err, KP_EINVALID, "filter: operandRight must be an id%s",
                       test == KP_DSP_IN ? " in a list" : "");
    q->criteria[q->n++] = (struct kp_dsp_criterion){ (enum kp_dsp_test)test, right };
    return KP_OK;
}

static enum kp_code read_number(const json_t *o, const char *key, int64_t most, int64_t *out,
                                struct kp_err *err)
{
    const json_t *v = json_object_get(o, key);
    if (!v || json_is_null(v))
        return KP_OK;
    if (!json_is_integer(v) || json_integer_value(v) < 0)
        return kp_fail(err, KP_EINVALID, "filter: %s must be a whole number from 0", key);
    *out = json_integer_value(v) < most ? json_integer_value(v) : most;
    return KP_OK;
}

static enum kp_code read_filter(struct kp_dsp_query *q, const json_t *f, struct kp_arena *arena,
                                struct kp_err *err)
{
    const json_t *list = json_object_get(f, "filterExpression"), *one;
    size_t i;
    if (!json_is_object(f) || check_type(f, "QuerySpec", err))
        return kp_fail(err, KP_EINVALID, "filter: only a QuerySpec is understood");
    if (read_number(f, "offset", INT64_MAX / 2, &q->offset, err) ||
        read_number(f, "limit", KP_DSP_PAGE, &q->limit, err))
        return err->code;
    q->counted = json_integer_value(json_object_get(f, "limit")) > 0;
    if (!q->limit)
        q->limit = KP_DSP_PAGE;
    if (json_is_object(list))
        return read_criterion(q, list, arena, err);
    json_array_foreach(list, i, one) if (read_criterion(q, one, arena, err)) return err->code;
    return KP_OK;
}

enum kp_code kp_dsp_read_query(struct kp_dsp_query *q, const char *text, size_t len,
                               struct kp_arena *arena, struct kp_err *err)
{
    *q = (struct kp_dsp_query){ .limit = KP_DSP_PAGE };
    json_t *root = read_frame(text, len, err), *one;
    const json_t *filter = json_object_get(root, "filter");
    size_t i;
    if (root && !check_type(root, "CatalogRequestMessage", err) && filter &&
        !json_is_null(filter)) {
        if (json_is_array(filter))
            json_array_foreach(filter, i, one)
            {
                if (read_filter(q, one, arena, err))
                    break;
            }
        else
            read_filter(q, filter, arena, err);
    }
    json_decref(root);
    return err->code;
}

/* ---- writing ---- */
void kp_dsp_put(struct kp_json *j, const char *key, const json_t *value)
{
    char *text = kp_json_dump(value, JSON_COMPACT | JSON_ENCODE_ANY);
    kp_json_key(j, key);
    if (text)
        kp_json_raw(j, text);
    else
        j->out->failed = true;
    kp_free(text);
}

void kp_dsp_begin(struct kp_json *j, const char *type, const char *provider, const char *consumer)
{
    kp_json_begin(j, '{');
    kp_json_key(j, "@context");
    kp_json_begin(j, '[');
    kp_json_text(j, KP_DSP_CONTEXT);
    kp_json_end(j, ']');
    kp_json_put_text(j, "@type", type);
    if (provider)
        kp_json_put_text(j, "providerPid", provider);
    if (consumer)
        kp_json_put_text(j, "consumerPid", consumer);
}

void kp_dsp_state(struct kp_json *j, enum kp_deal deal, const char *provider, const char *consumer,
                  enum kp_deal_state state)
{
    kp_dsp_begin(j, deal == KP_NEGOTIATION ? "ContractNegotiation" : "TransferProcess", provider,
                 consumer);
    kp_json_put_text(j, "state", kp_deal_state_words[state]);
    kp_json_end(j, '}');
}

void kp_dsp_error(struct kp_json *j, const char *type, const char *provider, const char *consumer,
                  const char *code, const char *reason)
{
    kp_dsp_begin(j, type, provider, consumer);
    kp_json_put_text(j, "code", code);
    kp_json_key(j, "reason");
    kp_json_begin(j, '[');
    kp_json_text(j, reason);
    kp_json_end(j, ']');
    kp_json_end(j, '}');
}
