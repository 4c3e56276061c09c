/* SPDX-License-Identifier: Apache-2.0 */
/* couple, couplings, uncouple, trust, cert. */
#include "cli/client.h"

#include "core/clock.h"
#include "core/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "core/ban.h"

enum { URL = 8192, WAIT_SECONDS = 30, TRIES = 3, SECRET = 1024, FIRST_VALUES = 5 };

static char *coupling_url(struct kp_buf *url, const char *name, const char *more)
{
    kp_buf_init(url, URL);
    kp_buf_str(url, "/api/v1/couplings");
    if (name)
        kp_url_segment(url, name);
    kp_buf_str(url, more);
    kp_buf_text(url);
    return url->data;
}

/* ---- what the flags ask for ---- */
static bool is_common(const char *key)
{
    static const char *const keys[] = { "url", "name", "at", "enabled", "include", "exclude", "every", "deadband", "clock" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(keys[i], key) == 0)
            return true;
    return false;
}

/* --name, --at ... as fields, --set and the password as settings. */
static json_t *body_of(struct kp_cli *c, struct kp_err *err)
{
    static const char *const plain[] = { "name", "at", "include", "exclude", "every", "deadband" };
    json_t *body = json_object(), *settings = json_object();
    json_object_set_new(body, "settings", settings);
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (kp_flag(c, plain[i]))
            json_object_set_new(body, plain[i], json_string(kp_flag(c, plain[i])));
    if (kp_flag(c, "all"))
        json_object_set_new(settings, "subscribe", json_string("all"));
    static const char *const of_class[] = { "user", "profile" };
    for (size_t i = 0; i < sizeof of_class / sizeof *of_class; i++)
        if (kp_flag(c, of_class[i]))
            json_object_set_new(settings, of_class[i], json_string(kp_flag(c, of_class[i])));
    struct kp_buf map = { 0 };
    if (kp_flag(c, "map") && !kp_read_file(kp_flag(c, "map"), &map, err)) {
        json_t *text = json_stringn(kp_buf_text(&map), map.len);
        if (text)
            json_object_set_new(settings, "map", text);
        else
            kp_fail(err, KP_EPARSE, "%s: the map is not valid UTF-8", kp_flag(c, "map"));
    }
    kp_buf_free(&map);
    size_t k = 0;
    for (const char *set; (set = kp_flag_next(c, "set", &k)) && !err->code;) {
        const char *equals = strchr(set, '=');
        char key[128];
        if (!equals) {
            kp_fail(err, KP_EINVALID, "--set takes KEY=VALUE, not '%s'", set);
            break;
        }
        snprintf(key, sizeof key, "%.*s", (int)(equals - set), set);
        if (strcmp(key, "enabled") == 0)
            json_object_set_new(body, key, json_boolean(strcmp(equals + 1, "on") == 0));
        else
            json_object_set_new(is_common(key) ? body : settings, key, equals[1] ? json_string(equals + 1) : json_null());
    }
    char secret[SECRET];
    if (kp_flag(c, "password-file") && !kp_read_secret(kp_flag(c, "password-file"), "password", secret, sizeof secret, err))
        json_object_set_new(settings, "password", json_string(secret));
    explicit_bzero(secret, sizeof secret);
    if (!json_object_size(settings))
        json_object_del(body, "settings");
    return body;
}

/* ---- nodes by CSV or by pattern ---- */
static void add_choice(json_t *list, const char *what, const char *path)
{
    bool node_id = strncmp(what, "nsu=", 4) == 0 || strncmp(what, "ns=", 3) == 0 || (strchr("isgb", what[0]) && what[1] == '=');
    json_t *one = json_object();
    json_object_set_new(one, node_id ? "source" : "pattern", json_string(what));
    if (path && *path && node_id)
        json_object_set_new(one, "path", json_string(path));
    json_array_append_new(list, one);
}

/* Lines of "node id[,path]"; a node id with a comma stands in quotes. Empty lines and # are passed over. */
static enum kp_code read_csv(const char *file, json_t *list, struct kp_err *err)
{
    FILE *f = strcmp(file, "-") == 0 ? stdin : fopen(file, "r");
    char line[4096];
    if (!f)
        return kp_fail(err, KP_EIO, "%s cannot be read", file);
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\r\n")] = 0;
        char *node = line + strspn(line, " \t"), *path = NULL, *end;
        if (!*node || *node == '#')
            continue;
        if (*node == '"') {
            node++;
            end = strchr(node, '"');
        } else {
            end = strchr(node, ',');
        }
        if (end) {
            bool quoted = *end == '"';
            *end = 0;
            path = quoted ? strchr(end + 1, ',') : end;
            path = path ? path + 1 : NULL;
        }
        if (path)
            path += strspn(path, " \"");
        if (path)
            path[strcspn(path, "\"")] = 0;
        add_choice(list, node, path);
    }
    if (f != stdin)
        fclose(f);
    return KP_OK;
}

static enum kp_code choose(struct kp_cli *c, const char *name, json_t *list, int64_t *added, struct kp_err *err)
{
    struct kp_buf url;
    json_t *body = json_pack("{s:o}", "add", list);
    json_t *j = kp_client_send(c, "POST", coupling_url(&url, name, "/nodes"), body, err);
    kp_buf_free(&url);
    *added = kp_integer(j, "added");
    json_decref(j);
    return err->code;
}

/* ---- waiting for the first values ---- */
static json_t *get_coupling(struct kp_cli *c, const char *name, struct kp_err *err)
{
    struct kp_buf url;
    json_t *j = kp_client_get(c, coupling_url(&url, name, ""), err);
    kp_buf_free(&url);
    return j;
}

static void progress(const struct kp_cli *c, const char *state, const char *detail)
{
    if (c->terminal && !c->json) {
        printf("\r\033[K%s%s%s", state, *detail ? ": " : "", detail);
        fflush(stdout);
    }
}

/* Until it is online with values, refused, has failed some times, or the time is up; the last state, or NULL. */
static json_t *wait_online(struct kp_cli *c, const char *name, struct kp_err *err)
{
    int64_t end = kp_mono(&kp_clock_system) + WAIT_SECONDS * KP_SECOND;
    for (json_t *j; (j = get_coupling(c, name, err)); json_decref(j)) {
        const json_t *counters = json_object_get(j, "counters");
        const char *state = kp_text(j, "state");
        progress(c, state, kp_text(j, "detail"));
        bool online = strcmp(state, "online") == 0 && (kp_integer(counters, "samples") > 0 || kp_integer(j, "items") == 0);
        bool vain = strcmp(state, "waiting") == 0 && kp_integer(counters, "failures") >= TRIES;
        if (online || vain || strcmp(state, "refused") == 0 || strcmp(state, "off") == 0 || kp_mono(&kp_clock_system) > end) {
            progress(c, "", "");
            return j;
        }
        nanosleep(&(struct timespec){ .tv_nsec = 100000000L }, NULL);
    }
    return NULL;
}

static void print_machines(struct kp_cli *c, const char *at)
{
    struct kp_err err = { 0 };
    struct kp_buf url;
    kp_buf_init(&url, URL);
    kp_buf_str(&url, "/api/v1/assets?limit=1000");
    kp_url_add(&url, "match", at);
    json_t *j = kp_client_get(c, kp_buf_text(&url), &err), *a;
    size_t i;
    json_array_foreach (json_object_get(j, "assets"), i, a) {
        const json_t *p = json_object_get(a, "nameplate");
        if (!json_object_size(p))
            continue;
        static const char *const shown[][2] = { { "ManufacturerName", "" }, { "ManufacturerProductDesignation", "" },
                                                { "SerialNumber", "serial " }, { "SoftwareVersion", "software " } };
        const char *between = ": ";
        printf("  %s", kp_text(a, "path"));
        for (size_t k = 0; k < sizeof shown / sizeof *shown; k++) {
            if (!*kp_text(p, shown[k][0]))
                continue;
            printf("%s%s%s", between, shown[k][1], kp_text(p, shown[k][0]));
            between = ", ";
        }
        printf("\n");
    }
    json_decref(j);
    kp_buf_free(&url);
}

static void print_first_values(struct kp_cli *c, const char *at)
{
    struct kp_err err = { 0 };
    struct kp_buf url;
    kp_buf_init(&url, URL);
    kp_buf_printf(&url, "/api/v1/signals?limit=%d", FIRST_VALUES);
    kp_url_add(&url, "match", at);
    json_t *j = kp_client_get(c, kp_buf_text(&url), &err), *s;
    size_t i;
    json_array_foreach (json_object_get(j, "signals"), i, s) {
        char value[160];
        kp_value_text(json_object_get(s, "value"), json_object_get(s, "enums"), value, sizeof value);
        printf("  %s  %s %s\n", kp_text(s, "path"), value, kp_text(s, "unitText"));
    }
    if (*kp_text(j, "next"))
        printf("  ...\n");
    json_decref(j);
    kp_buf_free(&url);
}

static int report(struct kp_cli *c, const json_t *j)
{
    const char *state = kp_text(j, "state"), *name = kp_text(j, "name");
    bool online = strcmp(state, "online") == 0;
    if (c->json) {
        kp_print_json(j);
        return online ? KP_DONE : KP_FAILED;
    }
    if (!online) {
        kp_complain(c, KP_FAILED, "%s is %s: %s", name, state, kp_text(j, "detail"));
        fprintf(stderr, "the coupling stays and goes on trying; 'koppel couplings %s' shows how it is\n", name);
        return KP_FAILED;
    }
    printf("%s is online: %lld signals, %lld items of at most %lld\n", name, (long long)kp_integer(j, "signals"),
           (long long)kp_integer(j, "items"), (long long)kp_integer(j, "itemsMax"));
    if (*kp_text(j, "detail"))
        printf("  %s\n", kp_text(j, "detail"));
    print_machines(c, kp_text(j, "at"));
    print_first_values(c, kp_text(j, "at"));
    printf("try: koppel ls -r %s\n", kp_text(j, "at"));
    return KP_DONE;
}

int kp_verb_couple(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    struct kp_buf url;
    json_t *list = json_array(), *body = body_of(c, &err);
    if (kp_flag(c, "nodes") && !err.code)
        read_csv(kp_flag(c, "nodes"), list, &err);
    if (err.code) {
        json_decref(body);
        json_decref(list);
        return kp_fault(c, &err);
    }
    json_object_set_new(body, "url", json_string(c->argv[0]));
    json_t *made = kp_client_send(c, "POST", coupling_url(&url, NULL, ""), body, &err);
    kp_buf_free(&url);
    char name[KP_NAME_MAX];
    snprintf(name, sizeof name, "%s", kp_text(made, "name"));
    json_decref(made);
    json_t *now = NULL;
    int code = KP_DONE;
    if (!err.code && (!kp_flag(c, "no-wait") || json_array_size(list)))
        now = wait_online(c, name, &err);
    if (now && json_array_size(list) && !choose(c, name, json_incref(list), &(int64_t){ 0 }, &err)) {
        json_decref(now);
        now = wait_online(c, name, &err);
    }
    json_decref(list);
    if (err.code)
        code = kp_fault(c, &err);
    else if (now)
        code = report(c, now);
    else if (!c->json)
        printf("%s is coupled\n", name);
    json_decref(now);
    return code;
}

/* ---- couplings ---- */
static void coupling_row(struct kp_table *t, const json_t *j)
{
    char since[64] = "", items[64], rate[32], lost[32];
    int64_t at;
    if (kp_time_parse(kp_text(j, "since"), &at))
        kp_age(at, since, sizeof since);
    snprintf(items, sizeof items, "%lld of %lld", (long long)kp_integer(j, "items"), (long long)kp_integer(j, "itemsMax"));
    snprintf(rate, sizeof rate, "%.1f", kp_number(j, "rate"));
    snprintf(lost, sizeof lost, "%lld", (long long)kp_integer(json_object_get(j, "counters"), "lost"));
    const char *cells[] = { kp_text(j, "name"), kp_text(j, "state"), since, items, rate, lost, kp_text(j, "url"),
                            kp_text(j, "detail") };
    kp_table_row(t, 8, cells);
}

static int list_couplings(struct kp_cli *c, struct kp_err *err)
{
    static const char *const head[] = { "name", "state", "since", "items", "values/s", "lost", "url", "detail" };
    struct kp_table t = { 0 };
    json_t *j = kp_client_get(c, "/api/v1/couplings", err), *one;
    size_t i;
    if (!j)
        return kp_fault(c, err);
    if (c->json) {
        kp_print_json(j);
    } else {
        json_array_foreach (json_object_get(j, "couplings"), i, one)
            coupling_row(&t, one);
        if (!t.n)
            printf("no couplings yet; try: koppel couple opc.tcp://HOST:4840\n");
        kp_table_print(c, &t, head, "lllrrrll");
    }
    json_decref(j);
    return KP_DONE;
}

static void print_object(const json_t *object, const char *before)
{
    const char *key;
    json_t *v;
    json_object_foreach ((json_t *)(uintptr_t)object, key, v) {
        char text[512];
        if (json_is_object(v)) {
            if (json_object_size(v))
                printf("%s%s:\n", before, key);
            print_object(v, "  ");
        } else if (json_is_string(v) && strchr(json_string_value(v), '\n')) { /* a map */
            size_t lines = 0;
            for (const char *p = json_string_value(v); *p; p += strcspn(p, "\n"), p += *p == '\n')
                lines++;
            printf("%s%-14s (%zu lines; koppel export shows them)\n", before, key, lines);
        } else if (!json_is_null(v) && !(json_is_string(v) && !*json_string_value(v))) {
            kp_value_text(v, NULL, text, sizeof text);
            printf("%s%-14s %s\n", before, key, text);
        }
    }
}

static int show_coupling(struct kp_cli *c, const char *name, struct kp_err *err)
{
    json_t *j = get_coupling(c, name, err);
    if (!j)
        return kp_fault(c, err);
    if (c->json) {
        kp_print_json(j);
    } else {
        print_object(j, "");
    }
    json_decref(j);
    return KP_DONE;
}

static int list_nodes(struct kp_cli *c, const char *name, const char *pattern, struct kp_err *err)
{
    static const char *const head[] = { "", "path", "type", "unit", "role", "node" };
    char after[KP_PATH_MAX] = "";
    do {
        struct kp_buf url;
        struct kp_table t = { 0 };
        coupling_url(&url, name, "/nodes?limit=2000");
        if (*pattern)
            kp_url_add(&url, "match", pattern);
        if (*after)
            kp_url_add(&url, "after", after);
        json_t *j = kp_client_get(c, kp_buf_text(&url), err), *n;
        kp_buf_free(&url);
        if (!j)
            return kp_fault(c, err);
        size_t i;
        json_array_foreach (json_object_get(j, "nodes"), i, n) {
            const char *cells[] = { json_is_true(json_object_get(n, "subscribed")) ? "*" : "", kp_text(n, "path"),
                                    kp_text(n, "type"), kp_text(n, "unit"), kp_text(n, "role"), kp_text(n, "source") };
            if (c->json) {
                kp_print_json(n);
            } else {
                kp_table_row(&t, 6, cells);
            }
        }
        kp_table_print(c, &t, head, "llllll");
        snprintf(after, sizeof after, "%s", kp_text(j, "next"));
        json_decref(j);
    } while (*after);
    return KP_DONE;
}

static int add_nodes(struct kp_cli *c, const char *name, struct kp_err *err)
{
    json_t *list = json_array();
    size_t i = 0;
    int64_t added = 0;
    for (const char *what; (what = kp_flag_next(c, "add", &i));)
        add_choice(list, what, kp_flag(c, "path"));
    if (kp_flag(c, "import"))
        read_csv(kp_flag(c, "import"), list, err);
    if (err->code)
        json_decref(list);
    else
        choose(c, name, list, &added, err);
    if (err->code)
        return kp_fault(c, err);
    if (c->json)
        printf("{\"added\":%lld}\n", (long long)added);
    else
        printf("%lld added\n", (long long)added);
    return KP_DONE;
}

static int send_simple(struct kp_cli *c, const char *method, const char *name, const char *more, json_t *body, const char *done)
{
    struct kp_err err = { 0 };
    struct kp_buf url;
    json_t *j = kp_client_send(c, method, coupling_url(&url, name, more), body, &err);
    kp_buf_free(&url);
    if (err.code)
        return kp_fault(c, &err);
    if (c->json && json_is_object(j)) {
        kp_print_json(j);
    } else if (!c->json) {
        printf("%s %s\n", name, done);
    }
    json_decref(j);
    return KP_DONE;
}

int kp_verb_couplings(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    const char *name = c->argc ? c->argv[0] : NULL;
    for (size_t i = 0; !name && i < c->n_given; i++)
        if (strcmp(c->given[i].name, "json") != 0 && strcmp(c->given[i].name, "node") != 0)
            return kp_complain(c, KP_MISUSE, "--%s goes with the name of a coupling", c->given[i].name);
    if (!name)
        return list_couplings(c, &err);
    if (c->argc > 1 && !kp_flag(c, "nodes"))
        return kp_complain(c, KP_MISUSE, "a pattern goes with --nodes");
    if (kp_flag(c, "on") && kp_flag(c, "off"))
        return kp_complain(c, KP_MISUSE, "either --on or --off");
    if (kp_flag(c, "nodes"))
        return list_nodes(c, name, c->argc > 1 ? c->argv[1] : "", &err);
    if (kp_flag(c, "add") || kp_flag(c, "import"))
        return add_nodes(c, name, &err);
    if (kp_flag(c, "browse"))
        return send_simple(c, "POST", name, "/browse", NULL, "looks at the address space again");
    if (kp_flag(c, "reconnect"))
        return send_simple(c, "POST", name, "/reconnect", NULL, "connects again");
    static const char *const changing[] = { "set", "on", "off", "password-file", "map", "profile" };
    bool changes = false;
    for (size_t i = 0; i < sizeof changing / sizeof *changing; i++)
        changes = changes || kp_flag(c, changing[i]);
    if (!changes)
        return show_coupling(c, name, &err);
    json_t *body = body_of(c, &err);
    if (kp_flag(c, "on") || kp_flag(c, "off"))
        json_object_set_new(body, "enabled", json_boolean(kp_flag(c, "on") != NULL));
    if (err.code) {
        json_decref(body);
        return kp_fault(c, &err);
    }
    return send_simple(c, "PATCH", name, "", body, "is changed");
}

int kp_verb_uncouple(struct kp_cli *c)
{
    return send_simple(c, "DELETE", c->argv[0], kp_flag(c, "forget") ? "?forget=1" : "", NULL, "is uncoupled");
}

/* ---- trust ---- */
static void print_certificate(const json_t *cert)
{
    char from[64] = "-", to[64] = "-";
    int64_t at;
    if (kp_time_parse(kp_text(cert, "firstSeen"), &at))
        kp_local_time(at, false, from, sizeof from);
    if (kp_time_parse(kp_text(cert, "notAfter"), &at))
        kp_local_time(at, false, to, sizeof to);
    printf("subject      %s\nfingerprint  %s\nvalid until  %s\nfirst seen   %s\n%s\n", kp_text(cert, "subject"),
           kp_text(cert, "fingerprint"), to, from, json_is_true(json_object_get(cert, "trusted")) ? "trusted already" : "not trusted yet");
}

int kp_verb_trust(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    struct kp_buf url;
    const char *name = c->argv[0], *wanted = kp_flag(c, "fingerprint");
    json_t *j = kp_client_get(c, coupling_url(&url, name, "/certificates"), &err), *one, *found = NULL;
    size_t i;
    kp_buf_free(&url);
    if (!j)
        return kp_fault(c, &err);
    json_array_foreach (json_object_get(j, "certificates"), i, one)
        if (!found && (!wanted || strcasecmp(wanted, kp_text(one, "fingerprint")) == 0))
            found = one;
    int code;
    if (!found)
        code = kp_complain(c, KP_FAILED, wanted ? "%s has met no certificate with that fingerprint"
                                                : "%s has met no certificate yet; is its server reachable?", name);
    else {
        if (!c->json)
            print_certificate(found);
        if (!kp_confirm(c, "trust it?"))
            code = kp_complain(c, KP_FAILED, "not trusted; compare the fingerprint with the machine's, then use --yes");
        else
            code = send_simple(c, "POST", name, "/trust", json_pack("{s:s}", "fingerprint", kp_text(found, "fingerprint")),
                               "is trusted; it connects again");
    }
    json_decref(j);
    return code;
}

/* ---- cert ---- */
int kp_verb_cert(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    struct kp_reply r;
    bool show = strcmp(c->argv[0], "show") == 0;
    if (!show && (strcmp(c->argv[0], "export") != 0 || c->argc != 2))
        return kp_complain(c, KP_MISUSE, "it takes: export FILE, or show");
    const char *file = show ? NULL : c->argv[1], *dot = file ? strrchr(file, '.') : NULL;
    bool der = dot && (strcmp(dot, ".der") == 0 || strcmp(dot, ".cer") == 0 || strcmp(dot, ".crt") == 0);
    int code = KP_DONE;
    if (kp_client(c, "GET", der ? "/api/v1/certificate?format=der" : "/api/v1/certificate?format=pem", NULL, NULL, 0, &r, &err))
        code = kp_fault(c, &err);
    else if (show)
        fwrite(r.body.data, 1, r.body.len, stdout);
    else {
        FILE *f = fopen(file, "wb");
        bool whole = f && fwrite(r.body.data, 1, r.body.len, f) == r.body.len;
        whole = f && fclose(f) == 0 && whole;
        code = whole ? KP_DONE : kp_complain(c, KP_FAILED, "%s cannot be written", file);
        if (whole && !c->json)
            printf("%s (%s): import it into the machine's list of trusted certificates\n", file, der ? "DER" : "PEM");
    }
    kp_client_free(&r);
    return code;
}
