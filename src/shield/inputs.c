/* SPDX-License-Identifier: Apache-2.0 */
#include "shield/inputs.h"

#include "core/log.h"
#include "core/url.h"
#include "core/worker.h"
#include "net/json_memory.h"
#include "shield/events.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/ban.h"

enum { TALKERS = 16, MESSAGE = 8192, WAIT_MS = 500, FULL_MS = 50, BACKLOG = 8, MARKS = 64 << 10, DATAGRAMS = 256 };
#define KEEP_EVERY (10 * KP_SECOND)
#define MARKS_KEY  "observe-read" /* the setting */

enum input_kind { EVE, SYSLOG_FILE, SYSLOG, INPUTS };
static const char *const kind_words[] = { "eve", "syslog-file", "syslog" };

struct talker { /* who sends syslog by TCP */
    int fd;
    bool skipping;
    size_t n;
    char text[MESSAGE];
};

struct input {
    char at[KP_PATH_MAX];
    uint64_t events, bad;
    char fault[KP_ERR_TEXT];
};

struct kp_inputs {
    struct kp_store *store;
    const struct kp_clock *clock;
    struct kp_observer heard, read;
    pthread_t thread;
    bool running;
    int event;
    atomic_bool stopping;
    pthread_mutex_t lock; /* guards `input` */
    struct input input[INPUTS];
    /* the thread's own */
    struct kp_follow *follow[2]; /* EVE, SYSLOG_FILE */
    int udp, tcp;                /* -1: not open */
    struct talker *talker;       /* TALKERS of them; fd 0: free */
    int64_t kept;
    bool moved, full; /* something was read since; there was no room for all of it */
};

struct kp_inputs *kp_inputs_new(struct kp_store *store, const struct kp_clock *clock,
                                struct kp_observer heard, struct kp_observer read)
{
    struct kp_inputs *in = kp_alloc(sizeof *in);
    if (!in)
        return NULL;
    in->store = store;
    in->clock = clock;
    in->heard = heard;
    in->read = read;
    in->event = in->udp = in->tcp = -1;
    pthread_mutex_init(&in->lock, NULL);
    return in;
}

void kp_inputs_free(struct kp_inputs *in)
{
    if (!in)
        return;
    kp_inputs_stop(in);
    pthread_mutex_destroy(&in->lock);
    kp_free(in);
}

/* ---- one line ---- */
struct taking {
    struct kp_inputs *in;
    enum input_kind kind;
    int64_t now;
};

static void note(struct kp_inputs *in, enum input_kind kind, bool bad)
{
    pthread_mutex_lock(&in->lock);
    in->input[kind].events++;
    in->input[kind].bad += bad;
    pthread_mutex_unlock(&in->lock);
}

/* False: there is no room for it now. */
static bool take(void *arg, const char *line, size_t n)
{
    const struct taking *t = arg;
    const struct kp_observer *to = t->kind == SYSLOG ? &t->in->heard : &t->in->read;
    struct kp_event e;
    struct kp_err err = { 0 };
    bool says = false, taken = true;
    if (t->kind == EVE ? kp_eve_read(line, n, &e, &says, &err)
                       : kp_syslog_read(line, n, t->now, &e, &says, &err))
        says = false;
    if (e.o.at > t->now)
        e.o.at = 0; /* clocks differ */
    if (says)
        taken = to->take(to->self, &e.o);
    t->in->full |= !taken;
    if (taken)
        note(t->in, t->kind, err.code != KP_OK);
    kp_event_free(&e);
    return taken;
}

static void tell_fault(struct kp_inputs *in, enum input_kind kind, const char *why)
{
    pthread_mutex_lock(&in->lock);
    bool same = strcmp(in->input[kind].fault, why) == 0;
    snprintf(in->input[kind].fault, sizeof in->input[kind].fault, "%s", why);
    pthread_mutex_unlock(&in->lock);
    if (!same && *why)
        kp_warn("shield", "what others see cannot be read", "input=%s why=%s", kind_words[kind],
                kp_log_quote(why));
}

/* ---- syslog over the network ---- */
static enum kp_code split(const char *text, char host[KP_HOST_MAX], char port[8], struct kp_err *err)
{
    const char *colon = strrchr(text, ':'), *begin = text + (*text == '[');
    const char *end = *text == '[' ? strchr(text, ']') : colon;
    unsigned number = 0;
    for (const char *p = colon ? colon + 1 : ""; *p; p++)
        number = *p >= '0' && *p <= '9' && number < 100000 ? number * 10 + (unsigned)(*p - '0') : 100000;
    if (!colon || !end || end > colon || (*text == '[' && end + 1 != colon) ||
        (size_t)(end - begin) >= KP_HOST_MAX || !number || number > 65535)
        return kp_fail(err, KP_EINVALID,
                       "syslog: '%.60s' is no address with a port, as 127.0.0.1:5514", text);
    char address[64];
    snprintf(host, KP_HOST_MAX, "%.*s", (int)(end - begin), begin);
    snprintf(port, 8, "%u", number);
    if (!kp_event_address(host, strlen(host), address))
        return kp_fail(err, KP_EINVALID, "syslog: '%.60s' is no address of this machine", host);
    return KP_OK;
}

enum kp_code kp_inputs_check(const char *syslog, struct kp_err *err)
{
    char host[KP_HOST_MAX], port[8];
    return *syslog ? split(syslog, host, port, err) : KP_OK;
}

static int open_one(const struct addrinfo *a, struct kp_err *err)
{
    int one = 1, fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool tcp = a->ai_socktype == SOCK_STREAM;
    if (fd >= 0 && tcp)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd >= 0 && bind(fd, a->ai_addr, a->ai_addrlen) == 0 && (!tcp || listen(fd, BACKLOG) == 0))
        return fd;
    kp_fail(err, KP_EIO, "syslog by %s: %s", tcp ? "TCP" : "UDP", strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

static void open_sockets(struct kp_inputs *in)
{
    char host[KP_HOST_MAX], port[8];
    struct kp_err err = { 0 };
    struct addrinfo *list = NULL,
                    want = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_DGRAM };
    if (!*in->input[SYSLOG].at || (in->udp >= 0 && in->tcp >= 0) || split(in->input[SYSLOG].at, host, port, &err))
        return;
    if (getaddrinfo(host, port, &want, &list) == 0) {
        if (in->udp < 0)
            in->udp = open_one(list, &err);
        list->ai_socktype = SOCK_STREAM;
        if (in->tcp < 0)
            in->tcp = open_one(list, &err);
        freeaddrinfo(list);
    }
    tell_fault(in, SYSLOG, err.text);
}

static void take_datagrams(struct kp_inputs *in, struct taking *t)
{
    char text[MESSAGE];
    for (int i = 0; i < DATAGRAMS; i++) {
        ssize_t n = recv(in->udp, text, sizeof text, 0);
        if (n < 0)
            return;
        take(t, text, (size_t)n);
    }
}

static void hang_up(struct talker *k)
{
    close(k->fd);
    k->fd = 0;
}

static void let_in(struct kp_inputs *in)
{
    int fd = accept(in->tcp, NULL, NULL);
    struct talker *k = in->talker;
    while (k < in->talker + TALKERS && k->fd)
        k++;
    if (fd < 0)
        return;
    if (k == in->talker + TALKERS || fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
        close(fd);
        return;
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    k->fd = fd;
    k->n = 0;
    k->skipping = false;
}

/* "123 <34>1 ...": counted in octets (RFC 6587, 3.4.1); 0: it is not so. */
static size_t counted(const struct talker *k, size_t *head)
{
    size_t n = 0, i = 0;
    for (; i < k->n && i < 5 && k->text[i] >= '0' && k->text[i] <= '9'; i++)
        n = n * 10 + (size_t)(k->text[i] - '0');
    *head = i + 1;
    return i && i < k->n && k->text[i] == ' ' ? n : 0;
}

/* One message at the beginning of what was said; how many bytes it took, 0: it has not all come. */
static size_t take_message(struct talker *k, struct taking *t)
{
    size_t head, n = counted(k, &head);
    if (n && head + n <= sizeof k->text) {
        if (k->n < head + n)
            return 0;
        take(t, k->text + head, n);
        return head + n;
    }
    const char *end = memchr(k->text, '\n', k->n);
    if (!end)
        return 0;
    n = (size_t)(end - k->text);
    if (!k->skipping && n)
        take(t, k->text, n);
    k->skipping = false;
    return n + 1;
}

static void hear(struct talker *k, struct taking *t)
{
    ssize_t got = recv(k->fd, k->text + k->n, sizeof k->text - k->n, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        hang_up(k);
        return;
    }
    k->n += (size_t)got;
    for (size_t n; (n = take_message(k, t));) {
        k->n -= n;
        memmove(k->text, k->text + n, k->n);
    }
    if (k->n == sizeof k->text) { /* too long: up to its end nothing of it counts */
        if (!k->skipping)
            note(t->in, SYSLOG, true);
        k->skipping = true;
        k->n = 0;
    }
}

static void close_sockets(struct kp_inputs *in)
{
    for (struct talker *k = in->talker; k && k < in->talker + TALKERS; k++)
        if (k->fd)
            hang_up(k);
    if (in->udp >= 0)
        close(in->udp);
    if (in->tcp >= 0)
        close(in->tcp);
    in->udp = in->tcp = -1;
}

/* Waits until somebody says something, or for a moment. */
static void hear_all(struct kp_inputs *in, int wait_ms)
{
    struct pollfd p[TALKERS + 3];
    struct talker *of[TALKERS + 3] = { NULL };
    struct taking t = { in, SYSLOG, kp_utc(in->clock) };
    nfds_t n = 0;
    p[n++] = (struct pollfd){ .fd = in->event, .events = POLLIN };
    p[n++] = (struct pollfd){ .fd = in->udp, .events = POLLIN };
    p[n++] = (struct pollfd){ .fd = in->tcp, .events = POLLIN };
    for (struct talker *k = in->talker; k < in->talker + TALKERS; k++)
        if (k->fd) {
            of[n] = k;
            p[n++] = (struct pollfd){ .fd = k->fd, .events = POLLIN };
        }
    if (poll(p, n, wait_ms) <= 0)
        return;
    if (p[1].revents)
        take_datagrams(in, &t);
    if (p[2].revents)
        let_in(in);
    for (nfds_t i = 3; i < n; i++)
        if (p[i].revents)
            hear(of[i], &t);
}

/* ---- files ---- */
static bool read_files(struct kp_inputs *in)
{
    bool any = false;
    for (int i = 0; i < 2; i++) {
        struct taking t = { in, i ? SYSLOG_FILE : EVE, kp_utc(in->clock) };
        struct kp_err err = { 0 };
        if (!in->follow[i])
            continue;
        any |= kp_follow_read(in->follow[i], take, &t, &err);
        tell_fault(in, t.kind, err.text);
    }
    in->moved |= any;
    return any;
}

static enum kp_code put_marks(struct kp_db *db, void *arg, struct kp_err *err)
{
    return kp_setting_put(db, MARKS_KEY, arg, err);
}

static void keep_marks(struct kp_inputs *in)
{
    struct kp_buf text;
    struct kp_err err = { 0 };
    if (!in->moved)
        return;
    kp_buf_init(&text, MARKS);
    struct kp_json j = kp_json(&text);
    kp_json_begin(&j, '{');
    for (int i = 0; i < 2; i++) {
        kp_json_key(&j, i ? in->input[SYSLOG_FILE].at : in->input[EVE].at);
        in->follow[i] ? kp_follow_marks(in->follow[i], &j) : kp_json_null(&j);
    }
    kp_json_end(&j, '}');
    char *kept = kp_buf_take(&text);
    kp_buf_free(&text);
    if (kept && !kp_store_do(in->store, put_marks, kept, &err))
        in->moved = false;
    kp_free(kept);
}

/* ---- the thread ---- */
static void *run(void *arg)
{
    struct kp_inputs *in = arg;
    kp_thread_name("logs of others");
    while (!atomic_load(&in->stopping)) {
        open_sockets(in);
        in->full = false;
        bool any = read_files(in);
        hear_all(in, in->full ? FULL_MS : any ? 0 : WAIT_MS);
        if (kp_mono(in->clock) - in->kept >= KEEP_EVERY) {
            in->kept = kp_mono(in->clock);
            keep_marks(in);
        }
    }
    keep_marks(in);
    close_sockets(in);
    return NULL;
}

static char *marks_of(struct kp_inputs *in, const char *path, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    char *out = NULL;
    struct kp_db *db = kp_store_reader(in->store, err);
    const char *text = db ? kp_setting_get(db, &arena, MARKS_KEY) : NULL;
    json_t *all = text ? kp_json_read(text, MARKS_KEY, err) : NULL, *one = json_object_get(all, path);
    if (one && json_is_object(one))
        out = kp_json_dump(one, JSON_COMPACT);
    kp_store_reader_done(in->store, db);
    json_decref(all);
    kp_arena_free(&arena);
    return out;
}

static enum kp_code furnish(struct kp_inputs *in, const struct kp_inputs_settings *s,
                            struct kp_err *err)
{
    const char *const at[2] = { s->eve, s->syslog_file };
    for (int i = 0; i < 2; i++) {
        char *marks = *at[i] ? marks_of(in, at[i], err) : NULL;
        in->follow[i] = *at[i] ? kp_follow_new(at[i], i ? MESSAGE : KP_EVENT_LINE_MAX, marks) : NULL;
        kp_free(marks);
        if (*at[i] && !in->follow[i])
            return kp_fail(err, KP_ENOMEM, "out of memory");
    }
    in->talker = kp_alloc(TALKERS * sizeof *in->talker);
    in->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!in->talker)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    atomic_store(&in->stopping, false);
    if (in->event < 0 || pthread_create(&in->thread, NULL, run, in) != 0)
        return kp_fail(err, KP_EIO, "the system gives no thread to read what others see");
    in->running = true;
    return KP_OK;
}

static void clear(struct kp_inputs *in)
{
    for (int i = 0; i < 2; i++) {
        kp_follow_free(in->follow[i]);
        in->follow[i] = NULL;
    }
    kp_free(in->talker);
    in->talker = NULL;
    if (in->event >= 0)
        close(in->event);
    in->event = -1;
}

void kp_inputs_stop(struct kp_inputs *in)
{
    uint64_t one = 1;
    if (in->running) {
        atomic_store(&in->stopping, true);
        (void)!write(in->event, &one, sizeof one);
        pthread_join(in->thread, NULL);
        in->running = false;
    }
    clear(in);
}

static void begin_anew(struct kp_inputs *in, const struct kp_inputs_settings *s)
{
    const char *const at[INPUTS] = { s->eve, s->syslog_file, s->syslog };
    pthread_mutex_lock(&in->lock);
    for (int i = 0; i < INPUTS; i++) {
        in->input[i] = (struct input){ 0 };
        snprintf(in->input[i].at, sizeof in->input[i].at, "%s", at[i]);
    }
    pthread_mutex_unlock(&in->lock);
}

enum kp_code kp_inputs_set(struct kp_inputs *in, const struct kp_inputs_settings *s, struct kp_err *err)
{
    if (in->running && strcmp(in->input[EVE].at, s->eve) == 0 &&
        strcmp(in->input[SYSLOG_FILE].at, s->syslog_file) == 0 && strcmp(in->input[SYSLOG].at, s->syslog) == 0)
        return KP_OK;
    kp_inputs_stop(in);
    begin_anew(in, s);
    if ((*s->eve || *s->syslog_file || *s->syslog) && furnish(in, s, err))
        clear(in);
    return err->code;
}

void kp_inputs_show(struct kp_inputs *in, struct kp_json *j)
{
    kp_json_begin(j, '[');
    pthread_mutex_lock(&in->lock);
    for (int i = 0; i < INPUTS; i++) {
        const struct input *x = &in->input[i];
        if (!*x->at)
            continue;
        kp_json_begin(j, '{');
        kp_json_put_text(j, "kind", kind_words[i]);
        kp_json_put_text(j, "at", x->at);
        kp_json_put_int(j, "events", (int64_t)x->events);
        kp_json_put_int(j, "bad", (int64_t)x->bad);
        kp_json_put_text(j, "fault", *x->fault ? x->fault : NULL);
        kp_json_end(j, '}');
    }
    pthread_mutex_unlock(&in->lock);
    kp_json_end(j, ']');
}
