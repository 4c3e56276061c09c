/* SPDX-License-Identifier: Apache-2.0 */
/* The class: what the agent offers becomes signals; conditions become intervals of kind alarm. */
#include "couplings/mtconnect/mtconnect.h"

#include "core/log.h"
#include "core/url.h"
#include "couplings/mtconnect/document.h"
#include "couplings/mtconnect/multipart.h"
#include "couplings/offer.h"
#include "couplings/unit.h"
#include "core/json.h"
#include "net/http.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/ban.h"

enum { COUNT = 10000, WAIT_MS = 200, DOCUMENT_MAX = 64 << 20, VALUES_MAX = 100000, URL_MAX = 1024 };

struct settings {
    char *user, *password, *ca, *profile;
    int64_t interval, heartbeat, timeout;
};
struct item { /* by id */
    struct kp_mtc_item said;
    char *path; /* of the signal, or for a condition of its asset, below `at` */
    kp_signal id;
    uint8_t type;
};
struct active { /* an alarm that is open */
    char *key, *path;
    size_t item;
};
struct mtconnect {
    struct kp_coupling *c;
    const struct settings *set;
    struct kp_mtc_devices devices;
    struct item *items;
    size_t n;
    struct active *active;
    size_t n_active, active_room;
    struct kp_http *stream;
    struct kp_multipart parts;
    struct kp_buf whole;  /* an answer that is no stream */
    bool is_stream, known; /* the head of the answer was looked at */
    int64_t heard, ask_at; /* monotonic: the last part; when to ask a poor agent again */
    struct kp_arena scratch; /* of one observation */
    uint64_t unknown, bad;
    /* over a broken link */
    char instance[32];
    uint64_t next;
};

#define SETTING(member) offsetof(struct settings, member)
static const struct kp_option options[] = {
    { .name = "user", .type = KP_OPT_TEXT, .offset = SETTING(user), .help = "user name, for agents behind a login" },
    { .name = "password", .type = KP_OPT_SECRET, .offset = SETTING(password), .help = "password of the user" },
    { .name = "ca", .type = KP_OPT_TEXT, .offset = SETTING(ca),
      .help = "file with the authorities that vouch for the agent, PEM; empty takes the system's" },
    { .name = "profile", .type = KP_OPT_TEXT, .offset = SETTING(profile), .help = "a profile that says what data items mean" },
    { .name = "interval", .type = KP_OPT_DURATION, .offset = SETTING(interval), .standard = "500ms", .min = 10 * KP_MILLISECOND,
      .max = 60 * KP_SECOND, .help = "how often the agent sends what is new" },
    { .name = "heartbeat", .type = KP_OPT_DURATION, .offset = SETTING(heartbeat), .standard = "10s", .min = KP_SECOND,
      .max = 300 * KP_SECOND, .help = "the agent speaks at least this often; silent for twice as long it is taken for gone" },
    { .name = "timeout", .type = KP_OPT_DURATION, .offset = SETTING(timeout), .standard = "10s", .min = KP_SECOND,
      .max = 120 * KP_SECOND, .help = "how long an answer may take" },
    { 0 },
};

/* "mtconnect+http://host:5000/VMC-3" and a request, as the agent knows it. */
static enum kp_code url_of(const char *text, const char *request, char out[URL_MAX], struct kp_err *err)
{
    struct kp_url u;
    if (kp_url_parse(text, &u, err))
        return err->code;
    if (!*u.host)
        return kp_fail(err, KP_EINVALID, "'%.100s' names no host", text);
    if (strpbrk(u.path, " /"))
        return kp_fail(err, KP_EINVALID, "'%.60s' behind the host is not the name of a device", u.path);
    bool six = strchr(u.host, ':'), tls = strcmp(u.scheme, "mtconnect+https") == 0;
    int n = snprintf(out, URL_MAX, "%s://%s%s%s:%u/%s%s%s", tls ? "https" : "http", six ? "[" : "", u.host, six ? "]" : "",
                     u.port ? u.port : tls ? 443 : 5000, u.path, *u.path ? "/" : "", request);
    return n < URL_MAX ? KP_OK : kp_fail(err, KP_EINVALID, "the address is too long");
}

static enum kp_code check(const char *url, const void *settings, struct kp_err *err)
{
    const struct settings *set = settings;
    char out[URL_MAX];
    if (url_of(url, "probe", out, err))
        return err->code;
    return set->profile && *set->profile ? kp_profile_check("mtconnect", set->profile, err) : KP_OK;
}

/* ---- asking ---- */
static bool is_stopping(void *arg)
{
    return kp_coupling_stopping(arg);
}

static struct kp_http_options http_of(const struct mtconnect *m, const char *url, bool stream)
{
    return (struct kp_http_options){ .url = url, .user = m->set->user, .password = m->set->password, .ca = m->set->ca,
                                     .connect_timeout = m->set->timeout, .timeout = stream ? 0 : m->set->timeout,
                                     .most = stream ? 0 : DOCUMENT_MAX };
}

static enum kp_code ask(struct mtconnect *m, const char *request, struct kp_buf *out, struct kp_err *err)
{
    char url[URL_MAX];
    kp_buf_init(out, DOCUMENT_MAX);
    if (url_of(kp_coupling_url(m->c), request, url, err))
        return err->code;
    const struct kp_http_options o = http_of(m, url, false);
    return kp_http_get(&o, is_stopping, m->c, out, err);
}

/* ---- what there is ---- */
/* ACTUAL_STATE as people write it: "ActualState". */
static void camel(const char *word, char *out, size_t size)
{
    size_t n = 0;
    bool start = true;
    const char *colon = strrchr(word, ':');
    for (const char *p = colon ? colon + 1 : word; *p && n < size - 1; p++) {
        char c = *p;
        if (c == '_') {
            start = true;
            continue;
        }
        if (c >= 'A' && c <= 'Z' && !start)
            c = (char)(c - 'A' + 'a');
        out[n++] = c;
        start = false;
    }
    out[n] = 0;
}

/* Below the device, or below its name when the agent has several. */
static void place_of(const struct mtconnect *m, const struct kp_mtc_item *i, char out[KP_PATH_MAX])
{
    const char *device = m->devices.devices[i->device].name;
    char name[KP_NAME_MAX] = "";
    if (m->devices.n_devices > 1 && device)
        kp_name_clean(name, sizeof name, device, strlen(device));
    snprintf(out, KP_PATH_MAX, "%s%s%s", name, *name && *i->place ? "/" : "", i->place);
}

static void path_of(const struct mtconnect *m, const struct kp_mtc_item *i, char out[KP_PATH_MAX])
{
    char name[KP_NAME_MAX], type[100], sub[60] = "";
    place_of(m, i, out);
    if (i->category == KP_MTC_CONDITION)
        return;
    camel(i->type, type, sizeof type);
    if (i->sub_type)
        camel(i->sub_type, sub, sizeof sub);
    if (i->name)
        kp_name_clean(name, sizeof name, i->name, strlen(i->name));
    else
        snprintf(name, sizeof name, "%s%s%s", type, *sub ? "_" : "", sub);
    size_t n = strlen(out);
    snprintf(out + n, KP_PATH_MAX - n, "%s%s", n ? "/" : "", name);
}

static bool is_numeric_event(const char *type)
{
    static const char *const all[] = { "PART_COUNT", "LINE_NUMBER", "PATH_FEEDRATE_OVERRIDE", "ROTARY_VELOCITY_OVERRIDE",
                                       "AXIS_FEEDRATE_OVERRIDE", "TOOL_OFFSET", "BLOCK_COUNT" };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i], type) == 0)
            return true;
    return false;
}

static uint8_t type_of(const struct kp_mtc_item *i)
{
    const char *r = i->representation ? i->representation : "VALUE";
    if (strcmp(r, "DATA_SET") == 0 || strcmp(r, "TABLE") == 0)
        return KP_STRING;
    if (strcmp(r, "TIME_SERIES") == 0 || (i->units && strstr(i->units, "_3D")))
        return KP_DOUBLE | KP_ARRAY;
    return i->category == KP_MTC_SAMPLE || i->units || is_numeric_event(i->type) ? KP_DOUBLE : KP_STRING;
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct item *)a)->said.id, ((const struct item *)b)->said.id);
}

static enum kp_code list_items(struct mtconnect *m, struct kp_err *err)
{
    char path[KP_PATH_MAX];
    m->items = kp_alloc((m->devices.n_items + 1) * sizeof *m->items);
    for (size_t i = 0; m->items && i < m->devices.n_items; i++) {
        struct item *one = &m->items[m->n];
        path_of(m, &m->devices.items[i], path);
        *one = (struct item){ .said = m->devices.items[i], .type = type_of(&m->devices.items[i]),
                              .path = kp_arena_strdup(&m->devices.arena, path) };
        if (!one->path)
            return kp_fail(err, KP_ENOMEM, "out of memory");
        m->n++;
    }
    if (!m->items)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    if (m->n)
        qsort(m->items, m->n, sizeof *m->items, by_id);
    return KP_OK;
}

static enum kp_code publish(struct mtconnect *m, struct kp_offer_result *result, struct kp_err *err)
{
    struct kp_offer *offers = kp_alloc((m->n + 1) * sizeof *offers);
    size_t n = 0;
    if (!offers)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < m->n; i++) {
        const struct kp_mtc_item *said = &m->items[i].said;
        struct kp_unit unit;
        if (said->category == KP_MTC_CONDITION || !kp_path_valid(m->items[i].path))
            continue;
        offers[n] = (struct kp_offer){ .path = m->items[i].path, .kind = said->type, .access = KP_CAN_READ };
        offers[n].info = (struct kp_signal_info){ .type = m->items[i].type, .source = said->id };
        char plain[64]; /* three numbers of MILLIMETER_3D are millimetres */
        snprintf(plain, sizeof plain, "%.*s", said->units ? (int)(strlen(said->units) - (strstr(said->units, "_3D") ? 3 : 0)) : 0,
                 said->units ? said->units : "");
        if (said->units && kp_unit_find(plain, &unit)) {
            offers[n].info.unit = unit.code;
            offers[n].info.unit_text = unit.text;
        } else if (said->units) {
            offers[n].info.unit_text = said->units;
        }
        n++;
    }
    const struct kp_profile_peer peer = { .protocol = "mtconnect", .by_hand = m->set->profile };
    kp_offer_publish(m->c, &peer, offers, n, false, result, err);
    for (size_t i = 0, k = 0; i < m->n && k < n; i++)
        if (m->items[i].path == offers[k].path)
            m->items[i].id = offers[k++].id;
    kp_free(offers);
    return err->code;
}

static enum kp_code nameplates(struct mtconnect *m, struct kp_err *err)
{
    for (size_t i = 0; i < m->devices.n_devices && !err->code; i++) {
        const struct kp_mtc_device *d = &m->devices.devices[i];
        const struct kp_mtc_item own = { .device = (unsigned)i, .place = "" };
        const char *const plate[KP_NAMEPLATE_FIELDS] = { [KP_MANUFACTURER_NAME] = d->manufacturer, [KP_PRODUCT_DESIGNATION] = d->model,
                                                         [KP_SERIAL_NUMBER] = d->serial, [KP_ASSET_ID] = d->uuid };
        char path[KP_PATH_MAX];
        place_of(m, &own, path);
        kp_coupling_identify(m->c, path, KP_MACHINE, plate, err);
    }
    return err->code;
}

/* ---- alarms ---- */
static void forget_active(struct mtconnect *m, size_t i)
{
    kp_free(m->active[i].key);
    kp_free(m->active[i].path);
    m->active[i] = m->active[--m->n_active];
}

/* Ends those of an item: the one with the key, or (NULL) all. */
static enum kp_code end_alarms(struct mtconnect *m, size_t item, const char *key, int64_t at, struct kp_err *err)
{
    for (size_t i = m->n_active; i-- > 0 && !err->code;) {
        struct active *a = &m->active[i];
        if (a->item != item || (key && strcmp(a->key, key) != 0))
            continue;
        struct kp_lasting l = { .path = a->path, .key = a->key, .kind = KP_INTERVAL_ALARM, .start = at, .end = at };
        kp_coupling_interval(m->c, &l, err);
        forget_active(m, i);
    }
    return err->code;
}

static enum kp_code begin_alarm(struct mtconnect *m, size_t item, const struct kp_mtc_observation *o, const char *key, int64_t at,
                                struct kp_err *err)
{
    struct kp_buf text;
    kp_buf_init(&text, 16 << 10);
    struct kp_json j = kp_json(&text);
    size_t i = 0;
    kp_json_begin(&j, '{'); /* the members without braces are wanted: what stands behind the first one */
    kp_json_put_text(&j, "level", strcmp(o->level, "Warning") == 0 ? "warning" : "fault");
    kp_json_put_text(&j, "type", m->items[item].said.type);
    kp_json_put_text(&j, "nativeCode", o->native_code);
    kp_json_put_text(&j, "nativeSeverity", o->severity);
    kp_json_put_text(&j, "qualifier", o->qualifier);
    kp_json_put_text(&j, "text", o->text);
    while (i < m->n_active && strcmp(m->active[i].key, key) != 0)
        i++;
    struct kp_lasting l = { .path = m->items[item].path, .key = key, .kind = KP_INTERVAL_ALARM, .start = at, .end = KP_FOREVER,
                            .attributes = text.failed ? NULL : kp_buf_text(&text) + 1 };
    if (i == m->n_active) {
        struct active a = { kp_strdup(key), kp_strdup(m->items[item].path), item };
        if (!a.key || !a.path || !kp_grow(&m->active, &m->active_room, m->n_active + 1, sizeof *m->active)) {
            kp_free(a.key);
            kp_free(a.path);
            kp_fail(err, KP_ENOMEM, "out of memory");
        } else {
            m->active[m->n_active++] = a;
        }
    }
    if (!err->code)
        kp_coupling_interval(m->c, &l, err);
    kp_buf_free(&text);
    return err->code;
}

/* Normal without a code, and Unavailable, end all of an item; several may be active at once, told apart by their
 * condition id or native code. */
static enum kp_code take_condition(struct mtconnect *m, size_t item, const struct kp_mtc_observation *o, int64_t at, struct kp_err *err)
{
    char key[KP_NAME_MAX];
    const char *code = o->condition_id ? o->condition_id : o->native_code ? o->native_code : "";
    bool over = strcmp(o->level, "Normal") == 0, gone = strcmp(o->level, "Unavailable") == 0;
    snprintf(key, sizeof key, "%.60s:%.60s", m->items[item].said.id, code);
    kp_utf8_trim(key);
    if (over || gone)
        return end_alarms(m, item, *code && over ? key : NULL, at, err);
    return begin_alarm(m, item, o, key, at, err);
}

/* ---- values ---- */
static bool numbers(struct mtconnect *m, const char *text, struct kp_value *v)
{
    struct kp_buf out;
    size_t n = 0;
    kp_buf_init(&out, VALUES_MAX * sizeof(double));
    for (char *end; *(text += strspn(text, " \t\r\n")); text = end, n++) {
        struct kp_value one = kp_double(strtod(text, &end));
        if (end == text || out.failed)
            break;
        kp_array_add(&out, &one);
    }
    bool whole = !*text && n && !out.failed;
    void *copy = whole ? kp_arena_copy(&m->scratch, out.data, out.len) : NULL;
    if (copy)
        *v = (struct kp_value){ .data = copy, .len = (uint32_t)out.len, .type = KP_DOUBLE | KP_ARRAY };
    kp_buf_free(&out);
    return copy;
}

static bool value_of(struct mtconnect *m, uint8_t type, const char *text, struct kp_value *v)
{
    char *end;
    if (type == (KP_DOUBLE | KP_ARRAY))
        return numbers(m, text, v);
    if (type == KP_STRING) {
        *v = kp_string(text, strlen(text));
        return true;
    }
    *v = kp_double(strtod(text, &end));
    return end != text && !end[strspn(end, " \t\r\n")];
}

static enum kp_code take_value(struct mtconnect *m, const struct item *i, const struct kp_mtc_observation *o, int64_t at,
                               struct kp_err *err)
{
    struct kp_sample s = { i->id, KP_GOOD, at, { .type = KP_NULL } };
    kp_arena_reset(&m->scratch);
    if (!i->id)
        return KP_OK;
    if (strcmp(o->text, "UNAVAILABLE") == 0) {
        s.status = KP_BAD_NO_COMMUNICATION;
    } else if (!value_of(m, i->type, o->text, &s.value)) {
        if (!m->bad++ || m->bad % 1000 == 0)
            kp_warn("mtconnect", "a value is no number", "coupling=%s item=%s value=%s so-far=%" PRIu64,
                    kp_log_quote(kp_coupling_name(m->c)), kp_log_quote(o->id), kp_log_quote(o->text), m->bad);
        s.status = KP_BAD_TYPE_MISMATCH;
        s.value.type = KP_NULL;
    }
    return kp_coupling_report(m->c, &s, err);
}

static enum kp_code take(void *arg, const struct kp_mtc_observation *o, struct kp_err *err)
{
    struct mtconnect *m = arg;
    struct item key = { .said = { .id = o->id } }, *i = m->n ? bsearch(&key, m->items, m->n, sizeof *m->items, by_id) : NULL;
    int64_t at;
    if (!i) {
        m->unknown++;
        return KP_OK;
    }
    if (!o->timestamp || !kp_time_parse(o->timestamp, &at)) {
        at = kp_coupling_utc(m->c);
        at -= at % KP_MILLISECOND;
    }
    if (i->said.category == KP_MTC_CONDITION)
        return o->level ? take_condition(m, (size_t)(i - m->items), o, at, err) : KP_OK;
    return take_value(m, i, o, at, err);
}

/* ---- documents ---- */
static enum kp_code take_streams(struct mtconnect *m, const char *xml, size_t n, struct kp_err *err)
{
    struct kp_mtc_header header;
    if (kp_mtc_read_streams(xml, n, &header, take, m, err))
        return err->code;
    m->heard = kp_coupling_mono(m->c);
    if (*m->instance && *header.instance && strcmp(header.instance, m->instance) != 0)
        return kp_fail(err, KP_EPEER, "the agent was started again; it is asked anew what it has");
    snprintf(m->instance, sizeof m->instance, "%s", header.instance);
    m->next = header.next;
    return KP_OK;
}

/* Everything as it is now; alarms that it does not tell of are over. */
static enum kp_code take_current(struct mtconnect *m, struct kp_err *err)
{
    struct kp_buf xml;
    if (!ask(m, "current", &xml, err) && !take_streams(m, kp_buf_text(&xml), xml.len, err)) {
        const char **keys = kp_alloc((m->n_active + 1) * sizeof *keys);
        for (size_t i = 0; keys && i < m->n_active; i++)
            keys[i] = m->active[i].key;
        if (keys)
            kp_coupling_intervals_end(m->c, KP_INTERVAL_ALARM, keys, m->n_active, kp_coupling_utc(m->c), err);
        else
            kp_fail(err, KP_ENOMEM, "out of memory");
        kp_free(keys);
    }
    kp_buf_free(&xml);
    return err->code ? err->code : kp_coupling_flush(m->c, err);
}

static enum kp_code take_part(void *arg, const char *part, size_t n, struct kp_err *err)
{
    return take_streams(arg, part, n, err);
}

/* The answer to the wish for a stream: parts, or from a poor agent one document. */
static enum kp_code take_piece(void *arg, const char *data, size_t n, struct kp_err *err)
{
    struct mtconnect *m = arg;
    if (!m->known) {
        m->known = true;
        m->is_stream = strncmp(kp_http_type(m->stream), "multipart/", 10) == 0;
    }
    m->heard = kp_coupling_mono(m->c);
    if (m->is_stream)
        return kp_multipart_feed(&m->parts, data, n, err);
    kp_buf_add(&m->whole, data, n);
    return m->whole.failed ? kp_fail(err, KP_EFULL, "the answer is too large") : KP_OK;
}

static void end_stream(struct mtconnect *m)
{
    kp_http_close(m->stream);
    m->stream = NULL;
    kp_multipart_end(&m->parts);
    kp_buf_free(&m->whole);
}

static enum kp_code begin_stream(struct mtconnect *m, struct kp_err *err)
{
    char url[URL_MAX], request[200];
    snprintf(request, sizeof request, "sample?from=%" PRIu64 "&count=%d&interval=%" PRId64 "&heartbeat=%" PRId64, m->next, COUNT,
             m->set->interval / KP_MILLISECOND, m->set->heartbeat / KP_MILLISECOND);
    if (url_of(kp_coupling_url(m->c), request, url, err))
        return err->code;
    const struct kp_http_options o = http_of(m, url, true);
    kp_multipart_begin(&m->parts, take_part, m);
    kp_buf_init(&m->whole, DOCUMENT_MAX);
    m->known = m->is_stream = false;
    m->heard = kp_coupling_mono(m->c);
    m->stream = kp_http_open(&o, take_piece, m, err);
    return err->code;
}

/* ---- life ---- */
static void describe(struct mtconnect *m, const struct kp_offer_result *r)
{
    char left[80] = "";
    if (r->unasked_left)
        snprintf(left, sizeof left, "; %zu more, koppel couplings %.60s --nodes shows all", r->unasked_left, kp_coupling_name(m->c));
    kp_coupling_count(m->c, (uint32_t)r->subscribed, KP_MTC_ITEMS_MAX, 0);
    kp_coupling_note(m->c, "%zu data items of %zu devices, %zu subscribed%s", m->n, m->devices.n_devices, r->subscribed, left);
}

static enum kp_code probe(struct mtconnect *m, struct kp_err *err)
{
    struct kp_buf xml;
    struct kp_offer_result result = { 0 };
    if (!ask(m, "probe", &xml, err) && !kp_mtc_read_devices(kp_buf_text(&xml), xml.len, &m->devices, err) && !list_items(m, err) &&
        !nameplates(m, err) && !publish(m, &result, err))
        describe(m, &result);
    kp_buf_free(&xml);
    return err->code;
}

static enum kp_code open_link(struct kp_coupling *c, struct kp_err *err)
{
    struct mtconnect *m = kp_coupling_state(c);
    m->c = c;
    m->set = kp_coupling_settings(c);
    if (probe(m, err))
        return err->code;
    bool goes_on = m->next && strcmp(m->devices.header.instance, m->instance) == 0;
    if (!goes_on) {
        *m->instance = 0;
        if (take_current(m, err))
            return err->code;
    }
    if (begin_stream(m, err))
        return err->code;
    kp_coupling_online(c);
    struct kp_offer_result now = { 0 };
    for (size_t i = 0; i < m->n; i++)
        now.subscribed += m->items[i].id != 0;
    describe(m, &now);
    return KP_OK;
}

/* What was asked for has left the agent's buffer: a hole in the history, and on from now. */
static enum kp_code fallen_behind(struct mtconnect *m, int64_t since, struct kp_err *err)
{
    *err = (struct kp_err){ 0 };
    end_stream(m);
    if (take_current(m, err))
        return err->code;
    kp_coupling_gap(m->c, since, kp_coupling_utc(m->c), "out of the agent's buffer");
    return begin_stream(m, err);
}

static enum kp_code answer_over(struct mtconnect *m, struct kp_err *err)
{
    long status = kp_http_status(m->stream);
    bool stream = m->is_stream;
    int64_t now = kp_coupling_utc(m->c);
    if (!stream && m->whole.len && take_streams(m, kp_buf_text(&m->whole), m->whole.len, err)) {
        if (err->code == KP_ENOTFOUND)
            return fallen_behind(m, now - m->set->interval, err);
        return err->code;
    }
    end_stream(m);
    if (status != 200)
        return kp_fail(err, KP_EPEER, "the agent answers with status %ld", status);
    m->ask_at = kp_coupling_mono(m->c) + (stream ? 0 : m->set->interval);
    return KP_OK;
}

static enum kp_code step(struct kp_coupling *c, struct kp_err *err)
{
    struct mtconnect *m = kp_coupling_state(c);
    struct kp_err local = { 0 };
    bool done = false;
    int64_t now = kp_coupling_mono(c), heard = m->heard;
    if (!m->stream && now >= m->ask_at)
        begin_stream(m, &local);
    else if (!m->stream)
        nanosleep(&(struct timespec){ .tv_nsec = 50 * KP_MILLISECOND }, NULL);
    if (m->stream && !local.code) {
        int64_t since = kp_coupling_utc(c) - (now - heard);
        kp_http_turn(m->stream, WAIT_MS, &done, &local);
        if (local.code == KP_ENOTFOUND)
            fallen_behind(m, since, &local);
        else if (!local.code && done)
            answer_over(m, &local);
        else if (!local.code && kp_coupling_mono(c) - m->heard > 2 * m->set->heartbeat)
            kp_fail(&local, KP_EPEER, "the agent has been silent for twice the heartbeat");
    }
    if (local.code || kp_coupling_flush(c, &local))
        return kp_fail(err, local.code, "%s", local.text);
    return KP_OK;
}

static void close_link(struct kp_coupling *c)
{
    struct mtconnect *m = kp_coupling_state(c);
    end_stream(m);
    kp_free(m->items);
    kp_mtc_devices_free(&m->devices);
    kp_arena_free(&m->scratch);
    while (m->n_active)
        forget_active(m, m->n_active - 1);
    kp_free(m->active);
    struct mtconnect kept = { .next = m->next };
    memcpy(kept.instance, m->instance, sizeof kept.instance);
    *m = kept;
}

const struct kp_coupling_class kp_mtconnect = {
    .name = "mtconnect",
    .schemes = "mtconnect+http mtconnect+https",
    .url_settings = true,
    .settings_size = sizeof(struct settings),
    .state_size = sizeof(struct mtconnect),
    .options = options,
    .check = check,
    .open = open_link,
    .step = step,
    .close = close_link,
};
