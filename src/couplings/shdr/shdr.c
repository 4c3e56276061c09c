/* SPDX-License-Identifier: Apache-2.0 */
/* An adapter without an agent: SHDR over TCP. What the keys are is known from a map, or learned
 * from what comes: each key seen is offered. */
#include "couplings/shdr/shdr.h"

#include "core/url.h"
#include "couplings/mtconnect/observe.h"
#include "couplings/shdr/line.h"
#include "couplings/map.h"
#include "couplings/offer.h"
#include "couplings/shdr/link.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/ban.h"

enum {
    KEYS_MAX = 5000,
    WAITING_MAX = 4 << 20, /* bytes of lines kept until their keys are signals */
    READ_MAX = 64 << 10,
    TURN_MS = 500,
    SHDR_PORT = 7878,
};
#define LEARNING (500 * KP_MILLISECOND) /* new keys are gathered this long */
#define SETTLING KP_SECOND              /* within which an adapter has told all that is active */

struct settings {
    char *map, *profile;
    int64_t timeout, heartbeat; /* ns */
};

struct key {
    const char *key, *path, *asset; /* asset: path of what holds it */
    const struct kp_map_row *row;   /* or NULL */
    double scale, offset;
    bool scaled;
    uint8_t type, form;
    kp_signal signal;
};

struct shdr {
    struct kp_mtc_active active; /* outlives a lost link */

    struct kp_coupling *c;
    const struct settings *set;
    int fd,
        wake; /* wake is used by other threads under a lock; both are one more than the number */
    struct kp_map map;
    struct kp_arena text;
    struct key *keys; /* sorted */
    size_t n, room;
    struct kp_shdr_lines lines;
    struct kp_shdr_clock clock;
    struct kp_buf waiting, scratch, value;
    bool learned, settled, left_out;
    const char *nameplate[KP_NAMEPLATE_FIELDS];
    bool named;
    int64_t publish_at, settle_at, ping_at, beat,
        every; /* monotonic; `every`: the heartbeat agreed, 0 = none */
    size_t subscribed;
    struct kp_err failure; /* met while a line was read */
};
static pthread_mutex_t waking = PTHREAD_MUTEX_INITIALIZER;

/* ---- settings ---- */
#define SETTING(member) offsetof(struct settings, member)
static const struct kp_option options[] = {
    { .name = "map",
      .type = KP_OPT_MAP,
      .offset = SETTING(map),
      .help = "CSV with the columns key, path, type (number, int, text, condition, message, "
              "time-series, data-set), unit ...; without one every key seen is offered" },
    { .name = "heartbeat",
      .type = KP_OPT_DURATION,
      .offset = SETTING(heartbeat),
      .standard = "10s",
      .min = KP_SECOND,
      .max = 600 * KP_SECOND,
      .help = "how often an adapter that does not say so itself is asked for a sign of life" },
    { .name = "timeout",
      .type = KP_OPT_DURATION,
      .offset = SETTING(timeout),
      .standard = "5s",
      .min = 100 * KP_MILLISECOND,
      .max = 120 * KP_SECOND,
      .help = "how long connecting may take" },
    { .name = "profile",
      .type = KP_OPT_TEXT,
      .offset = SETTING(profile),
      .help = "name of the profile to use beside those that fit by themselves" },
    { 0 },
};

static const char *const columns[] = { "key", NULL };
static const struct kp_map_form form = { .columns = columns, .needed = 1 };
static const struct {
    const char *word;
    uint8_t form, type;
} forms[] = {
    { "number", KP_SHDR_VALUE, KP_DOUBLE },
    { "int", KP_SHDR_VALUE, KP_INT64 },
    { "text", KP_SHDR_VALUE, KP_STRING },
    { "condition", KP_SHDR_CONDITION, KP_STRING },
    { "message", KP_SHDR_MESSAGE, KP_STRING },
    { "time-series", KP_SHDR_SERIES, KP_DOUBLE | KP_ARRAY },
    { "data-set", KP_SHDR_SET, KP_STRING },
};
enum { FORMS = sizeof forms / sizeof *forms };

static enum kp_code read_type(const struct kp_map_row *row, struct key *k, struct kp_err *err)
{
    const char *word = row->cell[KP_MAP_TYPE], *names[FORMS + 1] = { NULL };
    for (size_t i = 0; i < FORMS; i++) {
        names[i] = forms[i].word;
        if (word && strcmp(word, forms[i].word) == 0) {
            k->form = forms[i].form;
            k->type = forms[i].type;
            return KP_OK;
        }
    }
    if (!word)
        return KP_OK; /* learned from the first value */
    const char *near = kp_nearest(word, names);
    kp_fail(err, KP_EPARSE,
            "type: '%.40s' is not one of number, int, text, condition, message, "
            "time-series, data-set%s%s",
            word, near ? "; did you mean " : "", near ? near : "");
    return kp_map_context(row, err);
}

static enum kp_code split_url(const char *url, char host[KP_HOST_MAX], char port[8],
                              struct kp_err *err)
{
    struct kp_url u;
    if (kp_url_parse(url, &u, err))
        return err->code;
    if (!*u.host || *u.path)
        return kp_fail(err, KP_EINVALID, "'%.120s' is not such as shdr://HOST:%d", url, SHDR_PORT);
    memcpy(host, u.host, KP_HOST_MAX);
    snprintf(port, 8, "%u", u.port ? u.port : SHDR_PORT);
    return KP_OK;
}

static bool has_map(const struct settings *s)
{
    return s->map && *s->map;
}

static enum kp_code check(const char *url, const void *settings, struct kp_err *err)
{
    const struct settings *s = settings;
    char host[KP_HOST_MAX], port[8];
    struct kp_map map = { 0 };
    if (split_url(url, host, port, err))
        return err->code;
    if (s->profile && *s->profile && kp_profile_check("shdr", s->profile, err))
        return err->code;
    if (!has_map(s) || kp_map_read(&map, &form, s->map, err))
        return err->code;
    for (size_t i = 0; i < map.n && !err->code; i++)
        read_type(&map.rows[i], &(struct key){ 0 }, err);
    kp_map_free(&map);
    return err->code;
}

/* ---- keys ---- */
static size_t place_of(const struct shdr *s, const char *key, bool *found)
{
    size_t low = 0, high = s->n;
    *found = false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(s->keys[middle].key, key);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct key *find(const struct shdr *s, const char *key)
{
    bool found;
    size_t i = place_of(s, key, &found);
    return found ? &s->keys[i] : NULL;
}

/* "device:key" to "device/key", with names the model takes. */
static const char *path_of(struct shdr *s, const char *key)
{
    char path[KP_PATH_MAX], device[KP_NAME_MAX], name[KP_NAME_MAX];
    const char *colon = strchr(key, ':');
    if (colon && colon > key && colon[1]) {
        kp_name_clean(device, sizeof device, key, (size_t)(colon - key));
        kp_name_clean(name, sizeof name, colon + 1, strlen(colon + 1));
        snprintf(path, sizeof path, "%s/%s", device, name);
    } else {
        kp_name_clean(path, KP_NAME_MAX, key, strlen(key));
    }
    return kp_arena_strdup(&s->text, path);
}

static const char *above(struct shdr *s, const char *path)
{
    char text[KP_PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(text, sizeof text, "%.*s", slash ? (int)(slash - path) : 0, path);
    return kp_arena_strdup(&s->text, text);
}

static enum kp_code add_key(struct shdr *s, const char *name, const struct kp_map_row *row,
                            struct key **out, struct kp_err *err)
{
    bool found;
    size_t i = place_of(s, name, &found);
    if (found && !row) {
        *out = &s->keys[i];
        return KP_OK;
    }
    if (found)
        return kp_fail(err, KP_EINVALID, "map: the key '%.60s' stands twice", name);
    if (!kp_grow(&s->keys, &s->room, s->n + 1, sizeof *s->keys))
        return kp_fail(err, KP_ENOMEM, "out of memory");
    struct key k = { .key = kp_arena_strdup(&s->text, name), .row = row };
    k.path = row ? row->cell[KP_MAP_PATH] : path_of(s, name);
    k.asset = k.path ? above(s, k.path) : NULL;
    if (!k.key || !k.path || !k.asset)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    memmove(s->keys + i + 1, s->keys + i, (s->n - i) * sizeof *s->keys);
    s->n++;
    s->keys[i] = k;
    *out = &s->keys[i];
    return KP_OK;
}

static enum kp_code read_map(struct shdr *s, struct kp_err *err)
{
    if (!has_map(s->set))
        return KP_OK;
    if (kp_map_read(&s->map, &form, s->set->map, err))
        return err->code;
    for (size_t i = 0; i < s->map.n && !err->code; i++) {
        const struct kp_map_row *row = &s->map.rows[i];
        struct key *k;
        if (add_key(s, row->cell[KP_MAP_COMMON], row, &k, err) || read_type(row, k, err))
            break;
        k->scaled = kp_map_scale(row, &k->scale, &k->offset);
        s->learned |= k->type != 0;
    }
    return err->code;
}

/* ---- publishing ---- */
static const char *kind_of(const struct key *k)
{
    const char *colon = strchr(k->key, ':');
    return colon && colon[1] ? colon + 1 : k->key;
}

static enum kp_code fill_offer(struct shdr *s, const struct key *k, struct kp_offer *o,
                               struct kp_err *err)
{
    *o = (struct kp_offer){ .path = k->path,
                            .kind = kind_of(k),
                            .info = { .type = k->type, .source = k->key },
                            .access = KP_CAN_READ };
    return k->row ? kp_map_info(&s->map, k->row, &o->info, err) : KP_OK;
}

static bool is_offer(const struct key *k)
{
    return k->type && k->form != KP_SHDR_CONDITION;
}

static void take_ids(struct shdr *s, const struct kp_offer *list)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        if (is_offer(&s->keys[i]))
            s->keys[i].signal = list[n++].id;
}

static void say(struct shdr *s)
{
    kp_coupling_count(s->c, (uint32_t)s->subscribed, (uint32_t)s->n, 0);
    kp_coupling_note(s->c, "%zu keys, %zu of them signals%s%s", s->n, s->subscribed,
                     s->every ? "" : "; the adapter has no heartbeat",
                     s->left_out ? "; there are more keys than are kept" : "");
}

static enum kp_code identify(struct shdr *s, struct kp_err *err)
{
    s->named = false;
    return kp_coupling_identify(s->c, "", KP_MACHINE, s->nameplate, err);
}

static enum kp_code publish(struct shdr *s, struct kp_err *err)
{
    struct kp_offer *list = kp_alloc((s->n + 1) * sizeof *list);
    struct kp_offer_result result = { 0 };
    size_t n = 0;
    if (!list)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < s->n && !err->code; i++)
        if (is_offer(&s->keys[i]))
            fill_offer(s, &s->keys[i], &list[n++], err);
    struct kp_profile_peer peer = { .protocol = "shdr", .by_hand = s->set->profile };
    if (!err->code && !kp_offer_publish(s->c, &peer, list, n, false, &result, err))
        take_ids(s, list);
    kp_free(list);
    s->subscribed = result.subscribed;
    s->learned = false;
    s->publish_at = 0;
    say(s);
    return err->code;
}

/* ---- observations ---- */
static enum kp_shdr_form form_of(void *arg, const char *key)
{
    const struct key *k = find(arg, key);
    return k ? k->form : KP_SHDR_AUTO;
}

/* What the first value shows; a machine that is off shows nothing. */
static uint8_t type_of(const struct kp_shdr_seen *v)
{
    struct kp_value value;
    if (v->form == KP_SHDR_SERIES)
        return KP_DOUBLE | KP_ARRAY;
    if (v->form != KP_SHDR_VALUE)
        return KP_STRING;
    if (!*v->value || strcmp(v->value, KP_MTC_UNAVAILABLE) == 0)
        return KP_NULL;
    kp_mtc_value(KP_DOUBLE, v->value, NULL, &value);
    return value.type;
}

static bool learn(void *arg, const struct kp_shdr_seen *v, int64_t at)
{
    struct shdr *s = arg;
    struct key *k = find(s, v->key);
    (void)at;
    if (v->form == KP_SHDR_CONDITION || (k && k->type) || strlen(v->key) >= KP_NAME_MAX)
        return true;
    if (!k && has_map(s->set))
        return true; /* what the map does not name is not wanted */
    uint8_t type = type_of(v);
    if (type == KP_NULL)
        return true;
    if (!k && s->n == KEYS_MAX) {
        s->left_out = true;
        return true;
    }
    if (!k && add_key(s, v->key, NULL, &k, &s->failure))
        return false;
    k->type = type;
    if (!k->form)
        k->form = v->form;
    if (!s->learned)
        s->publish_at = kp_coupling_mono(s->c) + LEARNING;
    s->learned = true;
    return true;
}

static bool take_condition(struct shdr *s, const struct kp_shdr_seen *v, int64_t at)
{
    const struct key *k = find(s, v->key);
    char path[KP_NAME_MAX] = "";
    const char *colon = strchr(v->key, ':');
    if (!k && has_map(s->set))
        return true;
    if (!k && colon)
        kp_name_clean(path, sizeof path, v->key, (size_t)(colon - v->key));
    struct kp_mtc_condition c = { .item = v->key,
                                   .path = k ? k->asset : path,
                                   .code = v->code,
                                   .severity = v->severity,
                                   .qualifier = v->qualifier,
                                   .text = v->value,
                                   .level = kp_mtc_level(v->level),
                                   .at = at };
    return !c.level || !kp_mtc_condition(s->c, &s->active, &c, &s->failure);
}

static bool make_value(struct shdr *s, const struct key *k, const struct kp_shdr_seen *v,
                       struct kp_value *out)
{
    kp_buf_free(&s->value);
    kp_buf_init(&s->value, 2 * KP_SHDR_LINE_MAX);
    if (k->form == KP_SHDR_SET) {
        char *copy = kp_strdup(v->value);
        if (copy)
            kp_shdr_set_json(&s->value, copy);
        kp_free(copy);
        *out = kp_string(s->value.data, s->value.len);
        return copy && !s->value.failed;
    }
    if (v->form == KP_SHDR_MESSAGE && *v->code) {
        kp_buf_printf(&s->value, "%s: %s", v->code, v->value);
        *out = kp_string(s->value.data, s->value.len);
        return !s->value.failed;
    }
    return kp_mtc_value(k->type, v->value, &s->value, out);
}

static void scale(const struct key *k, struct kp_value *v)
{
    double number;
    if (k->scaled && !(v->type & KP_ARRAY) && v->type != KP_STRING && kp_value_number(v, &number))
        *v = kp_double(number * k->scale + k->offset);
}

static bool observe(void *arg, const struct kp_shdr_seen *v, int64_t at)
{
    struct shdr *s = arg;
    if (v->form == KP_SHDR_CONDITION)
        return take_condition(s, v, at);
    const struct key *k = find(s, v->key);
    if (!k || !k->signal)
        return true;
    struct kp_sample sample = { .signal = k->signal, .at = at };
    if (strcmp(v->value, KP_MTC_UNAVAILABLE) == 0 || (!*v->value && k->type != KP_STRING))
        sample.status = KP_BAD_NO_COMMUNICATION;
    else if (!make_value(s, k, v, &sample.value))
        kp_fail(&s->failure, KP_ENOMEM, "out of memory");
    else if (sample.value.type == KP_NULL)
        sample.status = KP_BAD; /* too long to be kept */
    else
        scale(k, &sample.value);
    return !s->failure.code && !kp_coupling_report(s->c, &sample, &s->failure);
}

/* A copy to cut up, as valid UTF-8. */
static char *copy_line(struct shdr *s, const char *line)
{
    size_t n = strlen(line), room = 3 * n + 1;
    kp_buf_free(&s->scratch);
    kp_buf_init(&s->scratch, room);
    char *copy = kp_buf_room(&s->scratch, room);
    if (copy)
        kp_utf8_clean(copy, room, line, n);
    else
        kp_fail(&s->failure, KP_ENOMEM, "out of memory");
    return copy;
}

static enum kp_code read_line(struct shdr *s, const char *line,
                              bool (*each)(void *, const struct kp_shdr_seen *, int64_t),
                              int64_t now)
{
    char *copy = copy_line(s, line);
    struct kp_shdr_reader reader = { s, form_of, each };
    if (copy)
        kp_shdr_read(copy, &s->clock, now, &reader);
    return s->failure.code;
}

/* ---- commands ---- */
static void take_name(struct shdr *s, const char *word, const char *text)
{
    static const struct {
        const char *word;
        uint8_t field;
    } fields[] = { { "manufacturer", KP_MANUFACTURER_NAME },
                   { "model", KP_PRODUCT_DESIGNATION },
                   { "serialNumber", KP_SERIAL_NUMBER },
                   { "station", KP_LOCATION },
                   { "uuid", KP_ASSET_ID } };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const char **to = &s->nameplate[fields[i].field];
        if (strcmp(word, fields[i].word) != 0 || !*text || (*to && strcmp(*to, text) == 0))
            continue;
        char clean[KP_NAME_MAX];
        kp_utf8_clean(clean, sizeof clean, text, strlen(text));
        if (kp_arena_size(&s->text) < WAITING_MAX) /* an adapter with ever new names is no leak */
            *to = kp_arena_strdup(&s->text, clean);
        s->named = *to != NULL;
    }
}

static void take_command(struct shdr *s, char *line)
{
    static const char pong[] = "* PONG";
    char *colon = strchr(line, ':');
    if (strncmp(line, pong, sizeof pong - 1) == 0) {
        long ms = strtol(line + sizeof pong - 1, NULL, 10);
        bool first = !s->every;
        if (ms >= 100 && ms <= 600000)
            s->every = ms * KP_MILLISECOND;
        if (first)
            say(s);
    } else if (colon) {
        *colon = 0;
        take_name(s, kp_mtc_trim(line + 1), kp_mtc_trim(colon + 1));
    }
}

/* ---- lines ---- */
static enum kp_code tell_waiting(struct shdr *s, struct kp_err *err)
{
    int64_t now = kp_coupling_utc(s->c);
    if (publish(s, err))
        return err->code;
    for (size_t at = 0; at < s->waiting.len && !s->failure.code;) {
        const char *line = s->waiting.data + at;
        at += strlen(line) + 1;
        read_line(s, line, observe, now);
    }
    kp_buf_free(&s->waiting);
    kp_buf_init(&s->waiting, WAITING_MAX);
    return s->failure.code ? kp_fail(err, s->failure.code, "%s", s->failure.text) : KP_OK;
}

/* Lines with keys not known yet wait, and those behind them, so that the order stays. */
static enum kp_code take_line(struct shdr *s, char *line, struct kp_err *err)
{
    size_t n = strlen(line) + 1;
    int64_t now = kp_coupling_utc(s->c);
    if (*line == '*') {
        take_command(s, line);
        return KP_OK;
    }
    read_line(s, line, learn, now);
    if (!s->learned)
        read_line(s, line, observe, now);
    else if (s->waiting.len + n > WAITING_MAX / 2 && tell_waiting(s, err))
        return err->code;
    else
        kp_buf_add(&s->waiting, line, n);
    if (s->waiting.failed)
        kp_fail(&s->failure, KP_ENOMEM, "out of memory");
    return s->failure.code ? kp_fail(err, s->failure.code, "%s", s->failure.text) : KP_OK;
}

static enum kp_code take_bytes(struct shdr *s, struct kp_err *err)
{
    char *room = kp_buf_room(&s->lines.text, READ_MAX), *line;
    if (!room)
        return s->lines.text.len + READ_MAX > KP_SHDR_LINE_MAX
                   ? kp_fail(err, KP_EPEER, "a line is longer than %d bytes", KP_SHDR_LINE_MAX)
                   : kp_fail(err, KP_ENOMEM, "out of memory");
    ssize_t n = recv(s->fd - 1, room, READ_MAX, 0);
    if (n == 0)
        return kp_fail(err, KP_EPEER, "the adapter has closed the link");
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? KP_OK
                                                 : kp_fail(err, KP_EPEER, "%s", strerror(errno));
    s->lines.text.len += (size_t)n;
    s->beat = kp_coupling_mono(s->c);
    while (!err->code && (line = kp_shdr_next(&s->lines)))
        take_line(s, line, err);
    return err->code;
}

/* ---- open ---- */
static enum kp_code begin(struct shdr *s, struct kp_err *err)
{
    char host[KP_HOST_MAX], port[8];
    int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_lock(&waking);
    s->wake = wake + 1;
    pthread_mutex_unlock(&waking);
    if (wake < 0)
        return kp_fail(err, KP_EIO, "%s", strerror(errno));
    if (split_url(kp_coupling_url(s->c), host, port, err) || read_map(s, err))
        return err->code;
    kp_coupling_note(s->c, "connecting");
    s->fd = kp_shdr_connect(host, port, s->set->timeout, wake, err) + 1;
    if (!s->fd || (s->learned && publish(s, err)))
        return err->code;
    return KP_OK;
}

static enum kp_code open_link(struct kp_coupling *c, struct kp_err *err)
{
    struct shdr *s = kp_coupling_state(c);
    struct kp_err local = { 0 };
    s->c = c;
    s->set = kp_coupling_settings(c);
    kp_buf_init(&s->lines.text, KP_SHDR_LINE_MAX);
    kp_buf_init(&s->waiting, WAITING_MAX);
    if (begin(s, &local))
        return kp_fail(err, local.code, "%s", local.text);
    s->beat = s->ping_at = kp_coupling_mono(c);
    s->settle_at = s->beat + SETTLING;
    s->active.n = 0;
    kp_coupling_online(c);
    say(s);
    return KP_OK;
}

/* ---- step ---- */
/* An adapter that does not answer to a ping has no heartbeat and is not expected to have one. */
static enum kp_code keep_beat(struct shdr *s, int64_t now, struct kp_err *err)
{
    static const char ping[] = "* PING\n";
    if (s->every && now - s->beat > 2 * s->every) {
        char text[32];
        kp_duration_print(2 * s->every, text, sizeof text);
        return kp_fail(err, KP_EPEER, "nothing came for %s, which is two heartbeats", text);
    }
    if (now < s->ping_at)
        return KP_OK;
    s->ping_at = now + (s->every ? s->every : s->set->heartbeat);
    if (send(s->fd - 1, ping, sizeof ping - 1, MSG_NOSIGNAL) < 0 && errno != EAGAIN)
        return kp_fail(err, KP_EPEER, "%s", strerror(errno));
    return KP_OK;
}

/* Adapters tell all that is active when one connects. */
static enum kp_code settle(struct shdr *s, int64_t now, struct kp_err *err)
{
    if (s->settled || now < s->settle_at || s->learned)
        return KP_OK;
    s->settled = true;
    return kp_mtc_conditions_settle(s->c, &s->active, kp_coupling_utc(s->c), err);
}

static enum kp_code turn(struct shdr *s, struct kp_err *err)
{
    int64_t now = kp_coupling_mono(s->c);
    bool hurry = s->learned || !s->settled;
    if (keep_beat(s, now, err))
        return err->code;
    if (kp_shdr_wait(s->fd - 1, s->wake - 1, hurry ? TURN_MS / 10 : TURN_MS) && take_bytes(s, err))
        return err->code;
    now = kp_coupling_mono(s->c);
    if (s->learned && now >= s->publish_at && tell_waiting(s, err))
        return err->code;
    if (s->named && identify(s, err))
        return err->code;
    return settle(s, now, err) ? err->code : kp_coupling_flush(s->c, err);
}

static enum kp_code step(struct kp_coupling *c, struct kp_err *err)
{
    struct kp_err local = { 0 };
    return turn(kp_coupling_state(c), &local) ? kp_fail(err, local.code, "%s", local.text) : KP_OK;
}

/* ---- close ---- */
static void close_link(struct kp_coupling *c)
{
    struct shdr *s = kp_coupling_state(c);
    pthread_mutex_lock(&waking);
    if (s->wake)
        close(s->wake - 1);
    s->wake = 0;
    pthread_mutex_unlock(&waking);
    if (s->fd)
        close(s->fd - 1);
    kp_map_free(&s->map);
    kp_arena_free(&s->text);
    kp_free(s->keys);
    kp_buf_free(&s->lines.text);
    kp_buf_free(&s->waiting);
    kp_buf_free(&s->scratch);
    kp_buf_free(&s->value);
    memset(&s->c, 0, sizeof *s - offsetof(struct shdr, c));
}

static void wake_link(struct kp_coupling *c)
{
    struct shdr *s = kp_coupling_state(c);
    pthread_mutex_lock(&waking);
    if (s->wake)
        eventfd_write(s->wake - 1, 1);
    pthread_mutex_unlock(&waking);
}

const struct kp_coupling_class kp_shdr = {
    .name = "shdr",
    .schemes = "shdr mtconnect+shdr",
    .settings_size = sizeof(struct settings),
    .state_size = sizeof(struct shdr),
    .options = options,
    .check = check,
    .open = open_link,
    .step = step,
    .close = close_link,
    .wake = wake_link,
};
