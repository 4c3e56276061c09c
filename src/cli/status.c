/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/client.h"

#include "core/text.h"

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "core/ban.h"

/* 1234567 as "1,234,567". */
static const char *grouped(int64_t n)
{
    static char text[8][32];
    static unsigned turn;
    char digits[24], *out = text[turn++ % 8], *p = out;
    snprintf(digits, sizeof digits, "%lld", (long long)n);
    size_t len = strlen(digits);
    for (size_t i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0 && digits[i - 1] != '-')
            *p++ = ',';
        *p++ = digits[i];
    }
    *p = 0;
    return out;
}

static const char *bytes(double n)
{
    static char text[4][32];
    static unsigned turn;
    static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
    char *out = text[turn++ % 4];
    unsigned i = 0;
    for (; n >= 1000 && i < 4; i++)
        n /= 1000;
    snprintf(out, sizeof text[0], i ? "%.1f %s" : "%.0f %s", n, units[i]);
    return out;
}

static void print_conditions(const struct kp_cli *c, const json_t *list)
{
    size_t i;
    json_t *one;
    json_array_foreach (list, i, one) {
        int64_t since = 0;
        char when[64] = "";
        if (kp_time_parse(kp_text(one, "since"), &since))
            kp_local_time(since, false, when, sizeof when);
        printf("%salarm%s     since %s: %s\n", kp_style(c, "1;31"), kp_style(c, "0"), when, kp_text(one, "text"));
    }
}

static double rate_of_all(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    json_t *j = kp_client_get(c, "/api/v1/couplings", &err), *one;
    double rate = 0;
    size_t i;
    json_array_foreach (json_object_get(j, "couplings"), i, one)
        rate += kp_number(one, "rate");
    json_decref(j);
    return rate;
}

static void print_status(struct kp_cli *c, const json_t *s)
{
    const json_t *couplings = json_object_get(s, "couplings"), *hub = json_object_get(s, "hub"),
                 *store = json_object_get(s, "store");
    char up[64], doing[96];
    struct statvfs fs;
    kp_duration_print(kp_integer(s, "uptimeSeconds") * KP_SECOND, up, sizeof up);
    printf("node      %s, koppel %s, up %s\n", kp_text(s, "node"), kp_text(s, "version"), up);
    printf("model     %s signals in %s assets\n", grouped(kp_integer(s, "signals")), grouped(kp_integer(s, "assets")));
    printf("couplings %s of %s online\n", grouped(kp_integer(couplings, "online")), grouped(kp_integer(couplings, "total")));
    printf("values    %s/s, %s taken, %s stored, %s re-delivered, %s lost\n", grouped((int64_t)(rate_of_all(c) + 0.5)),
           grouped(kp_integer(hub, "samples")),
           grouped(kp_integer(hub, "stored")), grouped(kp_integer(hub, "duplicates")), grouped(kp_integer(hub, "lost")));
    printf("file      %s (journal %s), commit every %s ms", bytes(kp_number(store, "fileBytes")),
           bytes(kp_number(store, "journalBytes")), grouped(kp_integer(store, "commitEveryMs")));
    if (statvfs(c->node, &fs) == 0)
        printf(", %s free on the disk", bytes((double)fs.f_bavail * (double)fs.f_frsize));
    printf("\n");
    if (kp_backup_doing(json_object_get(s, "backup"), doing, sizeof doing))
        printf("backup    %s\n", doing);
    const json_t *alarms = json_object_get(s, "alarms");
    printf("alarms    %s active, %s not acknowledged, %s shelved\n", grouped(kp_integer(alarms, "active")),
           grouped(kp_integer(alarms, "unacknowledged")), grouped(kp_integer(alarms, "shelved")));
    print_conditions(c, json_object_get(s, "conditions"));
}

int kp_verb_status(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    bool link = kp_flag(c, "url");
    json_t *j = link ? kp_client_send(c, "POST", "/api/v1/session/link", NULL, &err)
                     : kp_client_get(c, "/api/v1/status", &err);
    if (!j)
        return kp_fault(c, &err);
    if (c->json)
        json_dumpf(j, stdout, JSON_COMPACT);
    else if (link)
        printf("%s", kp_text(j, "url"));
    else
        print_status(c, j);
    if (c->json || link)
        printf("\n");
    json_decref(j);
    return KP_DONE;
}
