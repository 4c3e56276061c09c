/* SPDX-License-Identifier: Apache-2.0 */
/* The class: settings, and what happens from open to close. */
#include "couplings/opcua/opcua_private.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

#define SETTING(member) offsetof(struct opcua_settings, member)

static const struct kp_option options[] = {
    { .name = "security",
      .type = KP_OPT_CHOICE,
      .offset = SETTING(security),
      .standard = "auto",
      .choices = "auto,encrypt,sign,none",
      .help = "auto takes the strongest link offered, and an unprotected one only to a server on "
              "this machine" },
    { .name = "user",
      .type = KP_OPT_TEXT,
      .offset = SETTING(user),
      .help = "user name; empty logs in anonymously" },
    { .name = "password",
      .type = KP_OPT_SECRET,
      .offset = SETTING(password),
      .help = "password of the user" },
    { .name = "user-certificate",
      .type = KP_OPT_TEXT,
      .offset = SETTING(user_certificate),
      .help = "file with a certificate to log in with, PEM or DER" },
    { .name = "user-key",
      .type = KP_OPT_TEXT,
      .offset = SETTING(user_key),
      .help = "file with the key of user-certificate, without a password" },
    { .name = "allow-plain-password",
      .type = KP_OPT_BOOL,
      .offset = SETTING(allow_plain_password),
      .standard = "false",
      .help = "send the password readable when the server takes it no other way" },
    { .name = "subscribe",
      .type = KP_OPT_CHOICE,
      .offset = SETTING(subscribe),
      .standard = "profile",
      .choices = "profile,all",
      .help = "at the first contact: what the profiles name (at most 200), or everything" },
    { .name = "profile",
      .type = KP_OPT_TEXT,
      .offset = SETTING(profile),
      .help = "a profile that says what variables mean; without one those that fit the server" },
    { .name = "browse-root",
      .type = KP_OPT_TEXT,
      .offset = SETTING(browse_root),
      .help = "node to look below, such as nsu=urn:x;s=Line1; empty is Objects" },
    { .name = "publishing",
      .type = KP_OPT_DURATION,
      .offset = SETTING(publishing),
      .standard = "500ms",
      .min = 10 * KP_MILLISECOND,
      .max = 60 * KP_SECOND,
      .help = "how often the server sends what changed" },
    { .name = "sampling",
      .type = KP_OPT_DURATION,
      .offset = SETTING(sampling),
      .standard = "250ms",
      .min = 0,
      .max = 3600 * KP_SECOND,
      .help = "how often the server looks at a value; 0s is as fast as it can" },
    { .name = "queue",
      .type = KP_OPT_INT,
      .offset = SETTING(queue),
      .standard = "0",
      .min = 0,
      .max = 100000,
      .help =
          "values the server keeps per signal between two sends; 0 is twice what sampling needs" },
    { .name = "items-max",
      .type = KP_OPT_INT,
      .offset = SETTING(items_max),
      .standard = "0",
      .min = 0,
      .max = 1000000,
      .help = "signals at most; 0 is what this kind of server bears" },
    { .name = "rate-max",
      .type = KP_OPT_INT,
      .offset = SETTING(rate_max),
      .standard = "0",
      .min = 0,
      .max = 10000000,
      .help = "values a second at most, by slower sampling; 0 is what this kind of server bears" },
    { .name = "timeout",
      .type = KP_OPT_DURATION,
      .offset = SETTING(timeout),
      .standard = "4s",
      .min = 100 * KP_MILLISECOND,
      .max = 120 * KP_SECOND,
      .help = "how long an answer may take" },
    { .name = "watchdog",
      .type = KP_OPT_DURATION,
      .offset = SETTING(watchdog),
      .standard = "0s",
      .min = 0,
      .max = 3600 * KP_SECOND,
      .help =
          "reconnect when the server's clock stands still this long; 0s is 3 sends and timeout" },
    { .name = "events",
      .type = KP_OPT_CHOICE,
      .offset = SETTING(events),
      .standard = "on",
      .choices = "on,off",
      .help = "alarms and conditions of the server as alarms of its machines" },
    { .name = "events-from",
      .type = KP_OPT_INT,
      .offset = SETTING(events_from),
      .standard = "667",
      .min = 0,
      .max = 1000,
      .help = "plain events from this severity on are alarms too, without length; 0 is none" },
    { .name = "history",
      .type = KP_OPT_DURATION,
      .offset = SETTING(history),
      .standard = "7d",
      .min = 0,
      .max = 3650 * 86400 * KP_SECOND,
      .help = "how far back gaps are filled from the server's own history; 0s is never" },
    { 0 },
};

static enum kp_code check(const char *url, const void *settings, struct kp_err *err)
{
    const struct opcua_settings *set = settings;
    (void)url;
    return set->profile && *set->profile ? kp_profile_check("opcua", set->profile, err) : KP_OK;
}

/* ---- what is shown ---- */
void kp_opcua_describe(struct opcua *o)
{
    char refused[160] = "", drift[80] = "";
    if (o->items.refused)
        snprintf(refused, sizeof refused, "; %u refused, first %.110s", o->items.refused,
                 o->items.first_refusal);
    if (o->items.drift) {
        char by[32];
        kp_duration_print(o->items.drift < 0 ? -o->items.drift : o->items.drift, by, sizeof by);
        snprintf(drift, sizeof drift, "; the machine's clock is %s %s", by,
                 o->items.drift < 0 ? "behind" : "ahead");
    }
    if (o->found[0])
        kp_coupling_note(o->c, "%s%s%s (%s)", o->found, drift, refused, o->link);
    else
        kp_coupling_note(o->c, "%u subscribed%s%s (%s)", o->items.accepted, drift, refused,
                         o->link);
}

/* ---- open ---- */
static enum kp_code look_now(struct opcua *o, bool declare, struct kp_err *err)
{
    bool done = false;
    if (kp_opcua_browse_start(o, err))
        return err->code;
    while (!kp_opcua_browse_turn(o, &done, err) && !done)
        if (kp_opcua_iterate(o, kp_opcua_browse_waits(o) ? 100 : 0, err))
            break;
    if (!err->code)
        kp_opcua_publish(o, declare, err);
    if (!err->code)
        kp_opcua_browse_free(o);
    return err->code;
}

static bool any_text(const struct kp_known *known, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((known[i].type & ~KP_ARRAY) == KP_STRING || known[i].type == KP_NULL)
            return true;
    return false;
}

/* With signals known from earlier the subscription starts at once. */
static enum kp_code prepare(struct opcua *o, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_known *known;
    size_t n = kp_coupling_signals(o->c, &arena, &known);
    if (!known) {
        kp_fail(err, KP_ENOMEM, "out of memory");
    } else if (n == 0 && !look_now(o, true, err)) {
        kp_arena_reset(&arena);
        n = kp_coupling_signals(o->c, &arena, &known);
        if (!known)
            kp_fail(err, KP_ENOMEM, "out of memory");
        o->look = false;
    }
    /* structures arrive as text: only then does it pay to learn the server's own */
    if (!err->code && o->spaces.n > 2 && any_text(known, n))
        kp_opcua_load_structures(o, err);
    kp_arena_free(&arena);
    return err->code;
}

static enum kp_code open_link(struct kp_coupling *c, struct kp_err *err)
{
    struct opcua *o = kp_coupling_state(c);
    struct kp_err local = { 0 };
    o->c = c;
    o->set = kp_coupling_settings(c);
    kp_opcua_room(&o->room);
    if (!kp_opcua_connect(o, &local) && !kp_opcua_learn_limits(o, &local) && !prepare(o, &local) &&
        !kp_opcua_subscribe(o, &local) && !kp_opcua_events_start(o, &local)) {
        kp_coupling_online(c);
        kp_opcua_describe(o);
        return KP_OK;
    }
    return kp_fail(err, local.code, "%s", local.text);
}

/* ---- step ---- */
static enum kp_code look_turn(struct opcua *o, struct kp_err *err)
{
    bool done = false;
    if (!o->browse && !atomic_exchange(&o->look, false))
        return KP_OK;
    if (!o->browse && kp_opcua_browse_start(o, err))
        return err->code;
    if (kp_opcua_browse_turn(o, &done, err) || !done)
        return err->code;
    if (kp_opcua_publish(o, false, err))
        return err->code;
    kp_opcua_browse_free(o);
    kp_opcua_describe(o);
    return KP_OK;
}

static enum kp_code step(struct kp_coupling *c, struct kp_err *err)
{
    struct opcua *o = kp_coupling_state(c);
    struct kp_err local = { 0 };
    bool busy = (o->browse && !kp_opcua_browse_waits(o)) || atomic_load(&o->look);
    if (kp_opcua_iterate(o, busy ? 0 : 500, &local) || kp_opcua_watch(o, &local) ||
        kp_opcua_events_turn(o, &local) || look_turn(o, &local) || kp_opcua_history_turn(o, &local) || kp_coupling_flush(c, &local))
        return kp_fail(err, local.code, "%s", local.text);
    return KP_OK;
}

/* ---- close ---- */
static void close_link(struct kp_coupling *c)
{
    struct opcua *o = kp_coupling_state(c);
    kp_opcua_client_free(o); /* first: its end answers every request under way */
    kp_opcua_browse_free(o);
    kp_opcua_history_free(o);
    kp_opcua_events_free(o);
    kp_opcua_items_free(o);
    kp_opcua_trust_free(o);
    for (size_t i = 0; i < o->spaces.n; i++)
        UA_String_clear(&o->spaces.uris[i]);
    kp_free(o->spaces.uris);
    o->spaces = (struct opcua_spaces){ 0 };
    kp_buf_free(&o->room);
    o->failure = (struct kp_err){ 0 };
    o->secured = false;
}

static void browse(struct kp_coupling *c)
{
    struct opcua *o = kp_coupling_state(c);
    o->look = true;
}

const struct kp_coupling_class kp_opcua = {
    .name = "opcua",
    .schemes = "opc.tcp",
    .settings_size = sizeof(struct opcua_settings),
    .state_size = sizeof(struct opcua),
    .options = options,
    .check = check,
    .open = open_link,
    .step = step,
    .close = close_link,
    .write = kp_opcua_write,
    .wake = kp_opcua_wake,
    .browse = browse,
};
