/* SPDX-License-Identifier: Apache-2.0 */
/* listen */
#include "cli/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

/* Of the two listeners for others the one that is meant. */
static const char *url_of(const struct kp_cli *c)
{
    return kp_flag(c, "partners") ? "/api/v1/listen?for=partners" : "/api/v1/listen";
}

static void print_names(const json_t *names, const char *head)
{
    size_t i;
    json_t *one;
    printf("%s", head);
    json_array_foreach(names, i, one) printf("%s%s", i ? ", " : "", json_string_value(one));
    printf("\n");
}

/* The fingerprint in two lines of sixteen bytes, as PCs show it, and as words to be read out. */
static void print_certificate(const char *head, const json_t *c)
{
    const char *print = kp_text(c, "fingerprint");
    printf("%-12s %s\n%-12s until %.10s\n", head, kp_text(c, "subject"), "",
           kp_text(c, "notAfter"));
    printf("%-12s SHA-256 %.47s\n%-12s         %s\n", "", print, "",
           strlen(print) > 48 ? print + 48 : "");
    printf("%-12s in words %s\n", "", kp_text(c, "words"));
}

static void print_all(const json_t *j)
{
    const json_t *loopback = json_object_get(j, "loopback"),
                 *certificate = json_object_get(j, "certificate");
    size_t i;
    json_t *one;
    bool partners = strcmp(kp_text(j, "for"), "partners") == 0;
    if (json_is_object(loopback) && !partners)
        printf("this machine http://%s:%lld/\n", kp_text(loopback, "host"),
               (long long)kp_integer(loopback, "port"));
    if (!json_is_true(json_object_get(j, "lan")))
        printf("%-12s none: koppel listen --%s\n", partners ? "partners" : "others", partners ? "partners" : "lan");
    json_array_foreach(json_object_get(j, "urls"), i, one)
        printf("%-12s %s\n", i ? "" : partners ? "partners" : "others", json_string_value(one));
    if (json_is_true(json_object_get(j, "lan")) && json_is_true(json_object_get(j, "plain")))
        printf("partners     HTTP at %s, port %lld, for a proxy on this machine\n", kp_text(j, "address"), (long long)kp_integer(j, "port"));
    if (*kp_text(j, "url"))
        printf("%-12s reached at %s\n", "", kp_text(j, "url"));
    if (*kp_text(j, "why"))
        printf("fails        %s\n", kp_text(j, "why"));
    if (!json_is_object(certificate))
        return;
    print_certificate("certificate", certificate);
    print_names(json_object_get(certificate, "names"), "             for ");
    if (strcmp(kp_text(j, "signedBy"), "node") != 0)
        printf("%-12s signed by %s\n", "", kp_text(certificate, "issuer"));
    else
        print_certificate("node's CA", json_object_get(j, "ca"));
}

static int change(struct kp_cli *c, json_t *body)
{
    struct kp_err err = { 0 };
    return kp_client_show(c, kp_client_send(c, "PUT", url_of(c), body, &err), print_all, &err);
}

static int off(struct kp_cli *c)
{
    return change(c, json_pack("{s:b}", "lan", false));
}

static int on(struct kp_cli *c)
{
    json_t *body = json_pack("{s:b}", "lan", true), *names = json_array();
    const char *port = kp_flag(c, "port"), *address = kp_flag(c, "address");
    char *end = NULL;
    long number = port ? strtol(port, &end, 10) : 0;
    if (port && (*end || number < 1 || number > 65535)) {
        json_decref(body);
        json_decref(names);
        return kp_complain(c, KP_MISUSE, "--port: '%.20s' is no port from 1 to 65535", port);
    }
    for (int i = 0; i < c->argc; i++)
        json_array_append_new(names, json_string(c->argv[i]));
    if (c->argc)
        json_object_set(body, "names", names);
    if (port)
        json_object_set_new(body, "port", json_integer(number));
    if (address)
        json_object_set_new(body, "address",
                            json_string(strcmp(address, "all") == 0 ? "" : address));
    if (kp_flag(c, "new-ca"))
        json_object_set_new(body, "newCa", json_true());
    if (kp_flag(c, "partners"))
        json_object_set_new(body, "plain", json_boolean(kp_flag(c, "plain") != NULL));
    if (kp_flag(c, "url"))
        json_object_set_new(body, "url", json_string(kp_flag(c, "url")));
    json_decref(names);
    return change(c, body);
}

static int write_text(struct kp_cli *c, const char *file, const char *text)
{
    bool out = strcmp(file, "-") == 0;
    FILE *f = out ? stdout : fopen(file, "w");
    bool good = f && fputs(text, f) >= 0;
    if (f && !out)
        good = fclose(f) == 0 && good;
    return good ? KP_DONE : kp_complain(c, KP_FAILED, "%.200s cannot be written", file);
}

static int write_csr(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    json_t *j = kp_client_send(c, "POST", kp_flag(c, "partners") ? "/api/v1/listen/csr?for=partners" : "/api/v1/listen/csr", NULL, &err);
    if (!j)
        return kp_fault(c, &err);
    int code = write_text(c, kp_flag(c, "csr"), kp_text(j, "csr"));
    json_decref(j);
    return code;
}

static int write_ca(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    json_t *j = kp_client_get(c, url_of(c), &err);
    if (!j)
        return kp_fault(c, &err);
    const json_t *ca = json_object_get(j, "ca");
    int code = json_is_object(ca)
                   ? write_text(c, kp_flag(c, "ca"), kp_text(ca, "pem"))
                   : kp_complain(c, KP_FAILED, "there is no CA yet: koppel listen --lan makes it");
    if (code == KP_DONE && strcmp(kp_flag(c, "ca"), "-") != 0)
        print_certificate("node's CA", ca);
    json_decref(j);
    return code;
}

static const char *certificate_url(const struct kp_cli *c)
{
    return kp_flag(c, "partners") ? "/api/v1/listen/certificate?for=partners" : "/api/v1/listen/certificate";
}

static enum kp_code add_file(json_t *body, const char *key, const char *file, struct kp_err *err)
{
    struct kp_buf text;
    if (!kp_read_file(file, &text, err)) {
        json_object_set_new(body, key, json_stringn(text.data, text.len));
        explicit_bzero(text.data, text.len);
    }
    kp_buf_free(&text);
    return err->code ? err->code
           : json_object_get(body, key)
               ? KP_OK
               : kp_fail(err, KP_EINVALID, "%.160s is no text (PEM)", file);
}

static int give(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    json_t *body = json_object();
    if (add_file(body, "certificate", kp_flag(c, "certificate"), &err) ||
        (kp_flag(c, "key") && add_file(body, "key", kp_flag(c, "key"), &err))) {
        json_decref(body);
        return kp_fault(c, &err);
    }
    return kp_client_show(c, kp_client_send(c, "PUT", certificate_url(c), body, &err), print_all, &err);
}

static int own(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    return kp_client_show(c, kp_client_send(c, "DELETE", certificate_url(c), NULL, &err), print_all, &err);
}

/* Both listeners for others. */
static int show(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    int code = kp_client_show(c, kp_client_get(c, url_of(c), &err), print_all, &err);
    return code || c->json ? code : kp_client_show(c, kp_client_get(c, "/api/v1/listen?for=partners", &err), print_all, &err);
}

int kp_verb_listen(struct kp_cli *c)
{
    static const struct {
        const char *flag;
        int (*run)(struct kp_cli *);
    } acts[] = {
        { "lan", on },      { "off", off },          { "csr", write_csr },
        { "ca", write_ca }, { "certificate", give }, { "own", own },
    };
    static const char *const parts[][3] = { { "port", "lan", "partners" },   { "address", "lan", "partners" }, { "new-ca", "lan", "partners" },
                                            { "plain", "partners", "partners" }, { "url", "partners", "partners" },
                                            { "key", "certificate", "certificate" } };
    int (*run)(struct kp_cli *) = NULL;
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        if (!kp_flag(c, acts[i].flag))
            continue;
        if (run)
            return kp_complain(
                c, KP_MISUSE,
                "one of --lan, --off, --csr, --ca, --certificate and --own at a time");
        run = acts[i].run;
    }
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (kp_flag(c, parts[i][0]) && !kp_flag(c, parts[i][1]) && !kp_flag(c, parts[i][2]))
            return kp_complain(c, KP_MISUSE, "--%s goes with --%s", parts[i][0], parts[i][1]);
    if (!run && kp_flag(c, "partners"))
        run = on;
    if (c->argc && run != on)
        return kp_complain(c, KP_MISUSE, "names go with --lan or --partners");
    return run ? run(c) : show(c);
}
