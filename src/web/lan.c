/* SPDX-License-Identifier: Apache-2.0 */
#include "web/lan.h"

#include "alarm/alarm.h"
#include "core/log.h"
#include "store/secret.h"
#include "web/body.h"
#include "web/porter.h"
#include "web/session.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

/* A key and its certificates are one secret, so that no crash parts them. */
#define LOOK_AGAIN (60 * KP_SECOND) /* at names, addresses and the end of the certificate */

enum { SECRET_NAME = 40 };

struct kp_lan {
    struct kp_node *node;
    char ca_secret[SECRET_NAME], own_secret[SECRET_NAME], given_secret[SECRET_NAME], request_secret[SECRET_NAME];
    const struct kp_lan_class *class;
    void *arg;
    struct kp_keeper *keeper;
    pthread_mutex_t
        changing; /* one change at a time, which may wait for the disk; guards what follows */
    struct kp_porter *porter;
    struct kp_lan_settings settings;
    bool loaded, listening, stopped;
    int64_t turned;   /* monotonic */
    unsigned at_port; /* where it listens */
    bool at_plain;
    char at_address[KP_HOST_MAX];
    char why[KP_ERR_TEXT];
    pthread_mutex_t lock; /* never held for long; guards what follows */
    struct kp_tls *tls;
    char fingerprint[KP_FINGERPRINT_TEXT]; /* of tls */
    struct kp_names answers;               /* none: off */
    unsigned port;
};

static int64_t now(const struct kp_lan *l)
{
    return kp_utc(kp_hub_clock(kp_node_hub(l->node)));
}

static struct kp_store *store(const struct kp_lan *l)
{
    return kp_node_store(l->node);
}

/* ---- keys and certificates in the file ---- */
static enum kp_code put_pair(struct kp_lan *l, const char *name, const struct kp_key_pair *p,
                             struct kp_err *err)
{
    struct kp_buf text;
    kp_buf_init(&text, 2 * KP_PEM_MAX);
    kp_buf_printf(&text, "%s\n%s", p->key, p->certificate);
    if (text.failed)
        kp_fail(err, KP_ENOMEM, "out of memory for a certificate");
    else
        kp_secret_put(store(l), name, text.data, text.len, err);
    if (text.data)
        explicit_bzero(text.data, text.len);
    kp_buf_free(&text);
    return err->code;
}

/* KP_ENOTFOUND: there is none. */
static enum kp_code get_pair(const struct kp_lan *l, const char *name, struct kp_arena *arena,
                             struct kp_key_pair *p, struct kp_err *err)
{
    void *data;
    size_t len;
    *p = (struct kp_key_pair){ 0 };
    if (kp_secret_get(store(l), name, arena, &data, &len, err))
        return err->code;
    char *certificate = strstr(data, "-----BEGIN CERTIFICATE-----");
    if (!certificate || certificate == (char *)data)
        return kp_fail(err, KP_EPARSE, "secret %s is damaged; set it again", name);
    certificate[-1] = 0;
    *p = (struct kp_key_pair){ certificate, data };
    return KP_OK;
}

/* True when it is there, false when there is none or err says what is wrong. */
static bool have_pair(const struct kp_lan *l, const char *name, struct kp_arena *arena,
                      struct kp_key_pair *p, struct kp_err *err)
{
    struct kp_err why = { 0 };
    if (!get_pair(l, name, arena, p, &why))
        return true;
    if (why.code != KP_ENOTFOUND)
        kp_fail(err, why.code, "%s", why.text);
    return false;
}

static enum kp_code make_ca(struct kp_lan *l, const struct kp_names *names, struct kp_arena *arena,
                            struct kp_key_pair *ca, struct kp_err *err)
{
    struct kp_names all = *names;
    kp_names_of_machine(&all, NULL);
    if (!kp_ca_make(kp_node_name(l->node), &all, now(l), arena, ca, err))
        put_pair(l, l->ca_secret, ca, err);
    return err->code;
}

/* All names of the own certificate: those given, and those of the machine that the CA may sign for.
 */
static void wanted_names(const struct kp_lan_settings *s, const char *ca, struct kp_names *out)
{
    struct kp_names machine = { 0 };
    *out = s->names;
    kp_names_of_machine(&machine, s->address[0] ? s->address : NULL);
    for (size_t i = 0; i < machine.n; i++)
        if (kp_ca_permits(ca, machine.name[i]))
            kp_names_add(out, machine.name[i]);
}

static bool still_good(const struct kp_lan *l, const struct kp_key_pair *own, const char *ca,
                       const struct kp_names *wanted)
{
    struct kp_certificate_view v, by;
    if (kp_certificate_view(own->certificate, &v, NULL) || kp_certificate_view(ca, &by, NULL) ||
        strcmp(v.issuer, by.subject) != 0 || v.names.n != wanted->n)
        return false;
    for (size_t i = 0; i < wanted->n; i++)
        if (!kp_names_have(&v.names, wanted->name[i]))
            return false;
    bool ends_with_ca = v.not_after == by.not_after;
    return ends_with_ca || v.not_after - now(l) > KP_LEAF_RENEW_DAYS * 86400 * KP_SECOND;
}

static enum kp_code own_pair(struct kp_lan *l, struct kp_arena *arena, struct kp_key_pair *own,
                             struct kp_err *err)
{
    struct kp_key_pair ca;
    struct kp_names wanted;
    if (!have_pair(l, l->ca_secret, arena, &ca, err) &&
        (err->code || make_ca(l, &l->settings.names, arena, &ca, err)))
        return err->code;
    wanted_names(&l->settings, ca.certificate, &wanted);
    if (have_pair(l, l->own_secret, arena, own, err) && still_good(l, own, ca.certificate, &wanted))
        return KP_OK;
    if (err->code || kp_leaf_make(&ca, &wanted, now(l), arena, own, err) ||
        put_pair(l, l->own_secret, own, err))
        return err->code;
    kp_info("web", "a new certificate for HTTPS", "names=%zu", wanted.n);
    return KP_OK;
}

/* ---- in force ---- */
static void look_after(const struct kp_lan *l, const char *certificate, const char *ca)
{
    struct kp_certificate_view v;
    struct kp_alarms *alarms = kp_node_alarms(l->node);
    bool one = certificate && !kp_certificate_view(certificate, &v, NULL);
    kp_alarms_certificate(alarms, l->class->certificate, one ? v.not_after : KP_NO_TIME);
    one = ca && !kp_certificate_view(ca, &v, NULL);
    kp_alarms_certificate(alarms, l->class->ca, one ? v.not_after : KP_NO_TIME);
}

static enum kp_code use_pair(struct kp_lan *l, const struct kp_key_pair *p, struct kp_err *err)
{
    struct kp_certificate_view v;
    struct kp_names answers = l->settings.names;
    kp_names_of_machine(&answers, l->settings.address[0] ? l->settings.address : NULL);
    if (kp_certificate_view(p->certificate, &v, err))
        return err->code;
    kp_names_join(&answers, &v.names);
    bool same = l->tls && strcmp(l->fingerprint, v.fingerprint) == 0;
    struct kp_tls *new = same ? kp_tls_hold(l->tls) : kp_tls_new(p, err);
    if (!new)
        return err->code;
    pthread_mutex_lock(&l->lock);
    struct kp_tls *old = l->tls;
    l->tls = new;
    memcpy(l->fingerprint, v.fingerprint, sizeof l->fingerprint);
    l->answers = answers;
    pthread_mutex_unlock(&l->lock);
    kp_tls_drop(old);
    return KP_OK;
}

static enum kp_code use_certificate(struct kp_lan *l, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_key_pair p, ca;
    bool given = have_pair(l, l->given_secret, &arena, &p, err);
    if (given || (!err->code && !own_pair(l, &arena, &p, err))) {
        bool own = !given && have_pair(l, l->ca_secret, &arena, &ca, err);
        if (!err->code && !use_pair(l, &p, err) && !l->class->open(l->arg, &p, err))
            look_after(l, p.certificate, own ? ca.certificate : NULL);
    }
    kp_arena_free(&arena);
    return err->code;
}

static void stop_listening(struct kp_lan *l)
{
    if (l->porter)
        kp_porter_listen(l->porter, -1, false, NULL);
    l->listening = false;
    pthread_mutex_lock(&l->lock);
    l->port = 0;
    pthread_mutex_unlock(&l->lock);
}

static enum kp_code listen_now(struct kp_lan *l, struct kp_err *err)
{
    const struct kp_lan_settings *s = &l->settings;
    if (l->listening && s->port == l->at_port && strcmp(s->address, l->at_address) == 0 && s->plain == l->at_plain)
        return KP_OK;
    stop_listening(l);
    int fd = kp_listen_network(s->address, s->port, err);
    if (fd < 0 || kp_porter_listen(l->porter, fd, s->plain, err))
        return err->code;
    l->listening = true;
    l->at_port = s->port;
    l->at_plain = s->plain;
    memcpy(l->at_address, s->address, sizeof l->at_address);
    pthread_mutex_lock(&l->lock);
    l->port = s->port;
    pthread_mutex_unlock(&l->lock);
    kp_info("web", s->plain ? "HTTP for a proxy" : "HTTPS", "port=%u address=%s", s->port, s->address[0] ? s->address : "all");
    return KP_OK;
}

static void go_silent(struct kp_lan *l)
{
    stop_listening(l);
    pthread_mutex_lock(&l->lock);
    l->answers.n = 0; /* who is connected still is refused from now on */
    pthread_mutex_unlock(&l->lock);
    look_after(l, NULL, NULL);
}

static const struct kp_porter_class porter_class;

static enum kp_code need_porter(struct kp_lan *l, struct kp_err *err)
{
    if (l->stopped)
        return kp_fail(err, KP_ESTOPPED, "the node is stopping");
    if (!l->porter)
        l->porter = kp_porter_start(&porter_class, l, l->keeper, err);
    return err->code;
}

static void url_of(const struct kp_lan_settings *s, char out[KP_LAN_URL])
{
    const char *name = s->names.n ? s->names.name[0] : s->address;
    struct kp_names machine = { 0 };
    if (!*name) {
        kp_names_of_machine(&machine, NULL);
        name = machine.name[0];
    }
    bool six = strchr(name, ':') != NULL;
    snprintf(out, KP_LAN_URL, s->plain ? "http://%s%s%s:%u" : "https://%s%s%s:%u", six ? "[" : "", name, six ? "]" : "", s->port);
}

static void tell_where(struct kp_lan *l)
{
    char url[KP_LAN_URL] = "";
    if (!l->class->changed)
        return;
    if (l->settings.on && l->settings.url[0])
        memcpy(url, l->settings.url, sizeof url);
    else if (l->settings.on)
        url_of(&l->settings, url);
    l->class->changed(l->arg, url);
}

/* `changing` held: makes it so as the settings say. */
static enum kp_code put_in_force(struct kp_lan *l, struct kp_err *err)
{
    if (!l->settings.on)
        go_silent(l);
    else if (!need_porter(l, err) && !(l->settings.plain ? l->class->open(l->arg, NULL, err) : use_certificate(l, err)))
        listen_now(l, err);
    snprintf(l->why, sizeof l->why, "%s", err->text);
    tell_where(l);
    return err->code;
}

/* Ends a change: what fails now is an alarm, not what was tried and taken back. */
static void unlock(struct kp_lan *l)
{
    char text[KP_ERR_TEXT + 40];
    snprintf(text, sizeof text, "%s: %s", l->class->about, l->why);
    kp_hub_condition(kp_node_hub(l->node), l->class->name, l->why[0] ? text : NULL);
    pthread_mutex_unlock(&l->changing);
}

static void porter_enter(void *arg, int fd, const struct sockaddr *from, socklen_t len, bool tls)
{
    struct kp_lan *l = arg;
    l->class->enter(l->arg, fd, from, len, tls);
}

static void porter_turn(void *arg)
{
    struct kp_lan *l = arg;
    l->class->turn(l->arg);
}

static const struct kp_porter_class porter_class = { porter_enter, porter_turn };

/* ---- settings ---- */
static void settings_default(const struct kp_lan *l, struct kp_lan_settings *s)
{
    memset(s, 0, sizeof *s);
    s->port = l->class->port;
}

static void read_settings(const char *text, struct kp_lan_settings *s)
{
    struct kp_err err = { 0 };
    const char *address, *url;
    json_t *o = kp_body_object(text, strlen(text), NULL, &err), *one;
    size_t i;
    int64_t port;
    if (!o || kp_body_truth(o, "on", false, &s->on, &err) ||
        kp_body_int(o, "port", 1, 65535, s->port, &port, &err) ||
        kp_body_text(o, "address", false, &address, &err) || kp_body_truth(o, "plain", false, &s->plain, &err) ||
        kp_body_text(o, "url", false, &url, &err)) {
        json_decref(o);
        return;
    }
    s->port = (unsigned)port;
    snprintf(s->address, sizeof s->address, "%s", address ? address : "");
    snprintf(s->url, sizeof s->url, "%s", url ? url : "");
    json_array_foreach(json_object_get(o, "names"), i,
                       one) if (i < KP_LAN_NAMES_MAX && json_is_string(one))
        kp_names_add(&s->names, json_string_value(one));
    json_decref(o);
}

static enum kp_code load(struct kp_lan *l, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    if (l->loaded)
        return KP_OK;
    settings_default(l, &l->settings);
    struct kp_db *db = kp_store_reader(store(l), err);
    const char *text = db ? kp_setting_get(db, &arena, l->class->name) : NULL;
    if (text)
        read_settings(text, &l->settings);
    l->loaded = db != NULL;
    kp_store_reader_done(store(l), db);
    kp_arena_free(&arena);
    return err->code;
}

struct put {
    const char *key, *text;
};

static enum kp_code put_setting(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct put *p = arg;
    return kp_setting_put(db, p->key, p->text, err);
}

static enum kp_code save(struct kp_lan *l, const struct kp_lan_settings *s, struct kp_err *err)
{
    struct kp_buf text;
    kp_buf_init(&text, KP_PEM_MAX);
    struct kp_json j = kp_json(&text);
    kp_json_begin(&j, '{');
    kp_json_put_bool(&j, "on", s->on);
    kp_json_put_int(&j, "port", s->port);
    kp_json_put_text(&j, "address", s->address);
    kp_json_put_bool(&j, "plain", s->plain);
    kp_json_put_text(&j, "url", s->url);
    kp_json_key(&j, "names");
    kp_json_begin(&j, '[');
    for (size_t i = 0; i < s->names.n; i++)
        kp_json_text(&j, s->names.name[i]);
    kp_json_end(&j, ']');
    kp_json_end(&j, '}');
    if (text.failed)
        kp_fail(err, KP_ENOMEM, "out of memory");
    else
        kp_store_do(store(l), put_setting, &(struct put){ l->class->name, kp_buf_text(&text) }, err);
    kp_buf_free(&text);
    return err->code;
}

/* ---- changes ---- */
static enum kp_code check_names(const struct kp_names *names, const char *ca, struct kp_err *err)
{
    for (size_t i = 0; i < names->n; i++)
        if (!kp_ca_permits(ca, names->name[i]))
            return kp_fail(err, KP_EEXISTS,
                           "the CA of this node may not sign for %.80s: it was made for other "
                           "names. Say --new-ca, and "
                           "install the new one on the PCs",
                           names->name[i]);
    return KP_OK;
}

/* `ca`: the one there was, when `new_ca` has made another. */
static enum kp_code check(struct kp_lan *l, const struct kp_lan_settings *s, bool new_ca,
                          struct kp_arena *arena, struct kp_key_pair *ca, struct kp_err *err)
{
    struct kp_key_pair given, new;
    bool is_given = have_pair(l, l->given_secret, arena, &given, err),
         have_ca = !err->code && have_pair(l, l->ca_secret, arena, ca, err);
    if (err->code || (is_given && kp_certificate_covers(given.certificate, &s->names, err)))
        return err->code;
    if (new_ca)
        return make_ca(l, &s->names, arena, &new, err);
    return have_ca && !is_given ? check_names(&s->names, ca->certificate, err) : KP_OK;
}

static enum kp_code change(struct kp_lan *l, const struct kp_lan_settings *s, bool new_ca,
                           struct kp_err *err)
{
    struct kp_lan_settings before = l->settings;
    struct kp_arena arena = { 0 };
    struct kp_key_pair ca = { 0 };
    struct kp_err undone = { 0 };
    if (s->on && s->plain && !kp_host_is_loopback(s->address) && strcmp(s->address, "::1") != 0)
        return kp_fail(err, KP_EINVALID, "plain HTTP is spoken at this machine only: give a loopback address such as 127.0.0.1");
    if (!s->on || s->plain || !check(l, s, new_ca, &arena, &ca, err)) {
        l->settings = *s;
        if (put_in_force(l, err) || save(l, s, err)) {
            l->settings = before;
            if (new_ca && ca.key)
                put_pair(l, l->ca_secret, &ca, &undone);
            put_in_force(l, &undone);
        }
    }
    kp_arena_free(&arena);
    return err->code;
}

enum kp_code kp_lan_set(struct kp_lan *l, const struct kp_lan_settings *s, bool new_ca,
                        struct kp_err *err)
{
    pthread_mutex_lock(&l->changing);
    if (!load(l, err))
        change(l, s, new_ca, err);
    unlock(l);
    return err->code;
}

static enum kp_code csr(struct kp_lan *l, struct kp_arena *arena, const char **out,
                        struct kp_err *err)
{
    struct kp_err why = { 0 };
    void *key;
    size_t len;
    struct kp_names names = l->settings.names;
    if (!names.n) { /* the host name alone: what else this machine is called, other CAs do not sign
                     */
        kp_names_of_machine(&names, NULL);
        names.n = 1;
    }
    if (strcmp(names.name[0], "localhost") == 0)
        return kp_fail(err, KP_EINVALID,
                       "say first under which name this node is reached: koppel listen --lan NAME");
    if (kp_secret_get(store(l), l->request_secret, arena, &key, &len, &why) == KP_ENOTFOUND) {
        const char *new;
        if (kp_key_make(arena, &new, err) ||
            kp_secret_put(store(l), l->request_secret, new, strlen(new), err))
            return err->code;
        return kp_csr_make(new, &names, arena, out, err);
    }
    return why.code ? kp_fail(err, why.code, "%s", why.text)
                    : kp_csr_make(key, &names, arena, out, err);
}

enum kp_code kp_lan_csr(struct kp_lan *l, struct kp_arena *arena, const char **out,
                        struct kp_err *err)
{
    pthread_mutex_lock(&l->changing);
    if (!load(l, err))
        csr(l, arena, out, err);
    pthread_mutex_unlock(&l->changing);
    return err->code;
}

/* The key to a certificate that came without: that of the request, or that of the certificate
 * before. */
static const char *known_key(struct kp_lan *l, const char *certificate, struct kp_arena *arena)
{
    struct kp_key_pair before;
    void *key;
    size_t len;
    if (!kp_secret_get(store(l), l->request_secret, arena, &key, &len, NULL) &&
        kp_key_fits(&(struct kp_key_pair){ certificate, key }))
        return key;
    return !get_pair(l, l->given_secret, arena, &before, &(struct kp_err){ 0 }) &&
                   kp_key_fits(&(struct kp_key_pair){ certificate, before.key })
               ? before.key
               : NULL;
}

static enum kp_code give(struct kp_lan *l, const char *certificate, const char *key,
                         struct kp_arena *arena, struct kp_err *err)
{
    struct kp_key_pair clean;
    if (!key && strstr(certificate, "PRIVATE KEY-----"))
        key = certificate;
    if (!key)
        key = known_key(l, certificate, arena);
    if (!key)
        return kp_fail(
            err, KP_EINVALID,
            "its key is not known here: give it (--key FILE), or ask the CA for a certificate of "
            "this node's request (koppel listen --csr FILE)");
    if (kp_chain_take(&(struct kp_key_pair){ certificate, key }, &l->settings.names, now(l), arena,
                      &clean, err) ||
        put_pair(l, l->given_secret, &clean, err) ||
        kp_secret_put(store(l), l->request_secret, NULL, 0, err))
        return err->code;
    return put_in_force(l, err);
}

enum kp_code kp_lan_give(struct kp_lan *l, const char *certificate, const char *key,
                         struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    pthread_mutex_lock(&l->changing);
    if (!load(l, err))
        give(l, certificate, key, &arena, err);
    unlock(l);
    kp_arena_free(&arena);
    return err->code;
}

enum kp_code kp_lan_own(struct kp_lan *l, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    pthread_mutex_lock(&l->changing);
    struct kp_key_pair ca;
    if (!load(l, err) && have_pair(l, l->ca_secret, &arena, &ca, err))
        check_names(&l->settings.names, ca.certificate, err);
    if (!err->code && !kp_secret_put(store(l), l->given_secret, NULL, 0, err))
        put_in_force(l, err);
    unlock(l);
    kp_arena_free(&arena);
    return err->code;
}

void kp_lan_turn(struct kp_lan *l)
{
    struct kp_err err = { 0 };
    char before[KP_ERR_TEXT];
    pthread_mutex_lock(&l->changing);
    int64_t mono = kp_mono(kp_hub_clock(kp_node_hub(l->node)));
    memcpy(before, l->why, sizeof before);
    if (!load(l, &err) && l->settings.on && !l->stopped &&
        (!l->listening || mono - l->turned >= LOOK_AGAIN)) {
        l->turned = mono;
        put_in_force(l, &err);
    }
    unlock(l);
    if (err.code && strcmp(before, err.text) != 0)
        kp_error("web", "a listener fails, tried again", "which=%s why=%s", l->class->name, kp_log_quote(err.text));
}

/* ---- the outside ---- */
struct kp_lan *kp_lan_new(struct kp_node *node, const struct kp_lan_class *class, void *arg, struct kp_keeper *keeper,
                          struct kp_err *err)
{
    struct kp_lan *l = kp_alloc(sizeof *l);
    if (!l) {
        kp_fail(err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    l->node = node;
    l->class = class;
    l->arg = arg;
    l->keeper = keeper;
    const struct {
        char *out;
        const char *of;
    } secrets[] = { { l->ca_secret, "ca" }, { l->own_secret, "own" }, { l->given_secret, "given" }, { l->request_secret, "request" } };
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++)
        snprintf(secrets[i].out, SECRET_NAME, "%s/%s", class->name, secrets[i].of);
    pthread_mutex_init(&l->changing, NULL);
    pthread_mutex_init(&l->lock, NULL);
    return l;
}

void kp_lan_stop(struct kp_lan *l)
{
    if (!l)
        return;
    pthread_mutex_lock(&l->changing);
    l->stopped = true;
    kp_porter_stop(l->porter);
    l->porter = NULL;
    pthread_mutex_unlock(&l->changing);
}

void kp_lan_free(struct kp_lan *l)
{
    if (!l)
        return;
    kp_tls_drop(l->tls);
    pthread_mutex_destroy(&l->changing);
    pthread_mutex_destroy(&l->lock);
    kp_free(l);
}

struct kp_tls *kp_lan_tls(struct kp_lan *l)
{
    pthread_mutex_lock(&l->lock);
    struct kp_tls *tls = kp_tls_hold(l->tls);
    pthread_mutex_unlock(&l->lock);
    return tls;
}

unsigned kp_lan_port(struct kp_lan *l)
{
    pthread_mutex_lock(&l->lock);
    unsigned port = l->port;
    pthread_mutex_unlock(&l->lock);
    return port;
}

bool kp_lan_on(struct kp_lan *l)
{
    return kp_lan_port(l) != 0;
}

bool kp_lan_answers(struct kp_lan *l, const char *host)
{
    pthread_mutex_lock(&l->lock);
    bool yes = kp_names_answer(&l->answers, host);
    pthread_mutex_unlock(&l->lock);
    return yes;
}

static enum kp_code view(struct kp_lan *l, struct kp_arena *arena, struct kp_lan_view *v,
                         struct kp_err *err)
{
    struct kp_key_pair p;
    v->settings = l->settings;
    v->listening = l->listening;
    v->why = l->why[0] ? kp_arena_strdup(arena, l->why) : NULL;
    pthread_mutex_lock(&l->lock);
    v->answers = l->answers;
    pthread_mutex_unlock(&l->lock);
    v->given = have_pair(l, l->given_secret, arena, &p, err);
    if (v->given || have_pair(l, l->own_secret, arena, &p, err))
        v->certificate = p.certificate;
    if (have_pair(l, l->ca_secret, arena, &p, err))
        v->ca = p.certificate;
    return err->code;
}

enum kp_code kp_lan_view(struct kp_lan *l, struct kp_arena *arena, struct kp_lan_view *v,
                         struct kp_err *err)
{
    *v = (struct kp_lan_view){ 0 };
    pthread_mutex_lock(&l->changing);
    if (!load(l, err))
        view(l, arena, v, err);
    pthread_mutex_unlock(&l->changing);
    return err->code;
}
