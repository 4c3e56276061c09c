/* SPDX-License-Identifier: Apache-2.0 */
/* backup, restore: copies of the data file. */
#include "cli/client.h"

#include "store/backup.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/ban.h"

enum { PASSPHRASE = 1024, POLL_MS = 300 };

/* As the node sees it, which has another working folder. */
static const char *absolute(const char *file, char out[PATH_MAX])
{
    char *here = file[0] == '/' ? NULL : realpath(".", NULL);
    if (here)
        snprintf(out, PATH_MAX, "%s/%s", here, file);
    free(here);
    return here ? out : file;
}

static void show_share(const struct kp_cli *c, const char *what, double done, double total)
{
    if (!c->terminal || c->json || total <= 0)
        return;
    printf("\r\033[K%s %3.0f %%", what, 100 * done / total);
    fflush(stdout);
}

static void end_share(const struct kp_cli *c)
{
    if (c->terminal && !c->json)
        printf("\r\033[K");
}

/* ---- one copy, now ---- */
struct backing_up {
    struct kp_cli *c;
    char failure[512];
    bool done;
};

static bool backup_line(void *arg, const char *line)
{
    struct backing_up *b = arg;
    json_t *j = json_loads(line, 0, NULL);
    if (json_object_get(j, "error"))
        snprintf(b->failure, sizeof b->failure, "%s", kp_text(j, "message"));
    b->done |= json_is_true(json_object_get(j, "ok"));
    show_share(b->c, "", kp_number(j, "done"), kp_number(j, "total"));
    json_decref(j);
    return true;
}

static int one_copy(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    struct backing_up b = { .c = c };
    char whole[PATH_MAX];
    const char *file = absolute(c->argv[0], whole);
    json_t *body = json_pack("{s:s}", "file", file);
    if (!body)
        return kp_complain(c, KP_MISUSE, "the file's name is not valid UTF-8");
    char *text = json_dumps(body, JSON_COMPACT);
    kp_client_lines(c, "POST", "/api/v1/backup", text, backup_line, &b, &err);
    free(text);
    end_share(c);
    int code = KP_DONE;
    if (err.code)
        code = kp_fault(c, &err);
    else if (!b.done)
        code = kp_complain(c, KP_FAILED, "%s", *b.failure ? b.failure : "the copy was not finished");
    else if (c->json)
        kp_print_json(body);
    else
        printf("%s is a whole copy; its secrets need node.key too\n", file);
    json_decref(body);
    return code;
}

/* ---- by the clock ---- */

static void print_runs(const struct kp_cli *c, const json_t *j)
{
    static const char *const head[] = { "made", "file", "size", "took", "proven", "" };
    struct kp_table t = { 0 };
    json_t *one;
    size_t i;
    json_array_foreach (json_object_get(j, "runs"), i, one) {
        char made[64] = "", size[40], took[40], proven[64] = "";
        int64_t at;
        if (i == 20 && !c->json)
            break;
        if (kp_time_parse(kp_text(one, "at"), &at))
            kp_local_time(at, false, made, sizeof made);
        if (kp_time_parse(kp_text(one, "proven"), &at))
            kp_local_time(at, false, proven, sizeof proven);
        kp_size_print(kp_integer(one, "bytes"), size, sizeof size);
        kp_duration_print(kp_integer(one, "ms") * 1000000, took, sizeof took);
        const char *cells[] = { made, kp_text(one, "file"), size, took, proven, kp_text(one, "error") };
        kp_table_row(&t, 6, cells);
    }
    kp_table_print(c, &t, head, "llrrll");
}

bool kp_backup_doing(const json_t *j, char *out, size_t size)
{
    char of[40];
    bool proving = json_is_true(json_object_get(j, "proving"));
    double done = kp_number(j, "doneBytes"), total = kp_number(j, "totalBytes");
    if (!proving && !json_is_true(json_object_get(j, "running")))
        return false;
    int n = snprintf(out, size, proving ? "the newest copy is being proven" : "a copy is being made");
    kp_size_print((int64_t)total, of, sizeof of);
    if (total > 0)
        snprintf(out + n, size - (size_t)n, ": %.0f %% of %s", 100 * done / total, of);
    return true;
}

static void print_backups(const struct kp_cli *c, const json_t *j)
{
    char text[96];
    if (!*kp_text(j, "to"))
        printf("no backups by the clock; koppel backup --to DIR --daily 02:00 --encrypt\n");
    else
        printf("daily at %s to %s, %s, the last %lld are kept\n", kp_text(j, "daily"), kp_text(j, "to"),
               json_is_true(json_object_get(j, "encrypted")) ? "encrypted" : "not encrypted, without node.key",
               (long long)kp_integer(j, "keep"));
    if (kp_integer(j, "bytesPerSecond")) {
        kp_size_print(kp_integer(j, "bytesPerSecond"), text, sizeof text);
        printf("no more than %s a second\n", text);
    }
    if (kp_backup_doing(j, text, sizeof text))
        printf("%s\n", text);
    if (json_is_true(json_object_get(j, "sameDisk")))
        printf("%s is on the same disk as the data file and will be lost with it\n", kp_text(j, "to"));
    print_runs(c, j);
}

static bool busy(const json_t *j)
{
    return json_is_true(json_object_get(j, "running")) || json_is_true(json_object_get(j, "proving"));
}

/* Watches until the node has nothing more to do; returns the last state. */
static json_t *wait_done(struct kp_cli *c, json_t *j, struct kp_err *err)
{
    const struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };
    while (j && busy(j)) {
        bool copying = json_is_true(json_object_get(j, "running"));
        show_share(c, copying ? "backing up" : "proving", kp_number(j, "doneBytes"), kp_number(j, "totalBytes"));
        json_decref(j);
        nanosleep(&pause, NULL);
        j = kp_client_get(c, "/api/v1/backups", err);
    }
    end_share(c);
    return j;
}

/* From a file, or asked for twice; false when there is none. */
static bool read_passphrase(struct kp_cli *c, char out[PASSPHRASE], bool twice)
{
    struct kp_err err = { 0 };
    char again[PASSPHRASE];
    const char *file = kp_flag(c, "passphrase-file");
    if (!kp_read_secret(file ? file : "-", "passphrase", out, PASSPHRASE, &err) && twice && !file &&
        !kp_read_secret("-", "the same again", again, PASSPHRASE, &err) && strcmp(out, again) != 0)
        kp_fail(&err, KP_EINVALID, "the two are not the same");
    explicit_bzero(again, sizeof again);
    if (err.code)
        kp_fault(c, &err);
    return !err.code;
}

static int set_plan(struct kp_cli *c, json_t **out, struct kp_err *err)
{
    char whole[PATH_MAX], passphrase[PASSPHRASE] = "";
    const char *rate = kp_flag(c, "limit-rate");
    int64_t bytes = 0;
    if (rate && strcmp(rate, "half") != 0 && !kp_size_parse(rate, &bytes)) {
        kp_complain(c, KP_MISUSE, "--limit-rate '%.40s' is no size such as 20MB, and not half", rate);
        return KP_MISUSE;
    }
    json_t *body = json_object();
    if (kp_flag(c, "to"))
        json_object_set_new(body, "to", json_string(absolute(kp_flag(c, "to"), whole)));
    if (kp_flag(c, "daily"))
        json_object_set_new(body, "daily", json_string(kp_flag(c, "daily")));
    if (kp_flag(c, "keep"))
        json_object_set_new(body, "keep", json_integer(strtol(kp_flag(c, "keep"), NULL, 10)));
    if (kp_flag(c, "no-encrypt"))
        json_object_set_new(body, "encrypted", json_false());
    if (rate)
        json_object_set_new(body, "bytesPerSecond", bytes ? json_integer(bytes) : json_null());
    if (kp_flag(c, "encrypt") || kp_flag(c, "passphrase-file")) {
        if (!read_passphrase(c, passphrase, true)) {
            json_decref(body);
            return KP_FAILED;
        }
        json_object_set_new(body, "passphrase", json_string(passphrase));
        explicit_bzero(passphrase, sizeof passphrase);
    }
    *out = kp_client_send(c, "PUT", "/api/v1/backups", body, err);
    return KP_DONE;
}

static int end_plan(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    json_decref(kp_client_send(c, "DELETE", "/api/v1/backups", NULL, &err));
    if (err.code)
        return kp_fault(c, &err);
    if (!c->json)
        printf("no more backups by the clock; the copies made stay\n");
    return KP_DONE;
}

int kp_verb_backup(struct kp_cli *c)
{
    static const char *const changes[] = { "to", "daily", "keep", "encrypt", "no-encrypt", "limit-rate", "passphrase-file" };
    struct kp_err err = { 0 };
    json_t *j = NULL;
    bool change = false;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        change |= kp_flag(c, changes[i]) != NULL;
    if (c->argc)
        return change || kp_flag(c, "now") || kp_flag(c, "prove") || kp_flag(c, "off")
                   ? kp_complain(c, KP_MISUSE, "a file is for one copy now; the flags are for backups by the clock")
                   : one_copy(c);
    if (kp_flag(c, "off"))
        return end_plan(c);
    if (change) {
        int code = set_plan(c, &j, &err);
        if (code)
            return code;
    } else if (kp_flag(c, "now") || kp_flag(c, "prove")) {
        j = kp_client_send(c, "POST", kp_flag(c, "now") ? "/api/v1/backups/now" : "/api/v1/backups/prove", NULL, &err);
    } else {
        j = kp_client_get(c, "/api/v1/backups", &err);
    }
    bool wait = change || kp_flag(c, "now") || kp_flag(c, "prove");
    if (wait && !err.code)
        j = wait_done(c, j, &err);
    if (err.code)
        return kp_fault(c, &err);
    if (c->json)
        kp_print_json(j);
    else
        print_backups(c, j);
    const char *failed = wait ? kp_text(json_array_get(json_object_get(j, "runs"), 0), "error") : "";
    int code = *failed ? kp_complain(c, KP_FAILED, "%s", failed) : KP_DONE;
    json_decref(j);
    return code;
}

/* ---- restore ---- */

static void print_fault(void *arg, const char *fault)
{
    (void)arg;
    fprintf(stderr, "%s\n", fault);
}

static bool restore_share(void *arg, int64_t done, int64_t total)
{
    show_share(arg, "restoring", (double)done, (double)total);
    return true;
}

int kp_verb_restore(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    char passphrase[PASSPHRASE] = "";
    struct kp_restore r = { .file = c->argv[0],
                            .dir = c->argv[1],
                            .key_file = kp_flag(c, "key"),
                            .new_key = kp_flag(c, "new-key"),
                            .watch = { restore_share, c } };
    bool encrypted = kp_vault_is(r.file);
    if (!encrypted && !r.key_file && !r.new_key)
        return kp_complain(c, KP_MISUSE, "%s is not encrypted, so it holds no node.key: give the one that belongs to it with "
                                         "--key FILE, or --new-key, which forgets stored passwords and certificates", r.file);
    if (encrypted && !read_passphrase(c, passphrase, false))
        return KP_FAILED;
    r.passphrase = encrypted ? passphrase : NULL;
    kp_restore(&r, print_fault, NULL, &err);
    explicit_bzero(passphrase, sizeof passphrase);
    end_share(c);
    if (err.code)
        return kp_fault(c, &err);
    if (!c->json)
        printf("restored into %s and checked%s; run it: koppel run %s\n", r.dir,
               r.new_key && !encrypted ? "; passwords of machines must be given anew" : "", r.dir);
    return KP_DONE;
}
