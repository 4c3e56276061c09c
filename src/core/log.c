/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log.h"

#include "core/clock.h"
#include "core/text.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/ban.h"

enum { LINE = 2048, QUOTES = 8, QUOTE = 256 };
#define WINDOW (10 * KP_SECOND)

static struct {
    pthread_mutex_t lock; /* guards every site */
    enum kp_log_level most;
    int fd;
    bool terminal;
} setup = { PTHREAD_MUTEX_INITIALIZER, KP_LOG_INFO, STDERR_FILENO, false };

void kp_log_setup(enum kp_log_level most, int fd)
{
    pthread_mutex_lock(&setup.lock);
    setup.most = most;
    setup.fd = fd;
    setup.terminal = isatty(fd);
    pthread_mutex_unlock(&setup.lock);
}

static const char *level_name(enum kp_log_level level)
{
    switch (level) {
    case KP_LOG_ERROR:
        return "error";
    case KP_LOG_WARN:
        return "warn";
    case KP_LOG_INFO:
        return "info";
    default:
        return "debug";
    }
}

/* Whether this site may write now; *held is what it kept back in the window that ended. */
static bool allowed(struct kp_log_site *site, int64_t now, int *held)
{
    *held = 0;
    if (now - site->window >= WINDOW || !site->window) {
        *held = site->held;
        *site = (struct kp_log_site){ .window = now };
    }
    if (site->count >= KP_LOG_BURST) {
        site->held++;
        return false;
    }
    site->count++;
    return true;
}

/* Bytes that would end the line or steer a terminal (C0, DEL and C1) become spaces. */
static void blank_controls(char *text)
{
    for (unsigned char *p = (unsigned char *)text; *p; p++) {
        if (*p < 0x20 || *p == 0x7f)
            *p = ' ';
        else if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
            p[0] = p[1] = ' ';
    }
}

/* A line cut inside a quoted value gets its quote back, so that readers of logfmt see where it
 * ends. The line has room for one character more. */
static void close_quote(char *line)
{
    bool quoted = false;
    char *p = line;
    for (; *p; p++) {
        if (*p == '\\' && p[1])
            p++;
        else if (*p == '\\')
            *p = ' '; /* half of a pair: it would take the quote for its other half */
        else if (*p == '"')
            quoted = !quoted;
    }
    if (quoted) {
        p[0] = '"';
        p[1] = 0;
    }
}

/* One call a line: lines of threads do not mix. */
static void write_line(int fd, char line[LINE], const char *raw)
{
    kp_utf8_clean(line, LINE - 2, raw, strlen(raw));
    blank_controls(line);
    close_quote(line);
    size_t n = strlen(line);
    line[n++] = '\n'; /* in the place of the 0 */
    while (write(fd, line, n) < 0 && errno == EINTR)
        ; /* any other failure has nowhere left to be told */
}

void kp_log_write(struct kp_log_site *site, enum kp_log_level level, const char *part,
                  const char *msg, const char *fields, ...)
{
    int held = 0;
    pthread_mutex_lock(&setup.lock);
    bool go = level <= setup.most && allowed(site, kp_mono(&kp_clock_system), &held);
    int fd = setup.fd;
    bool terminal = setup.terminal;
    pthread_mutex_unlock(&setup.lock);
    if (!go)
        return;
    char line[LINE], raw[LINE], at[KP_TIME_TEXT], more[LINE - 512] = "", priority[8] = "",
                                                              kept[32] = "";
    kp_time_print(kp_utc(&kp_clock_system) / KP_MILLISECOND * KP_MILLISECOND, at);
    va_list ap;
    va_start(ap, fields);
    vsnprintf(more, sizeof more, fields, ap);
    va_end(ap);
    if (!terminal)
        snprintf(priority, sizeof priority, "<%d>", level);
    if (held)
        snprintf(kept, sizeof kept, " held_back=%d", held);
    snprintf(raw, sizeof raw, "%sts=%s level=%s part=%s msg=%s%s%s%s", priority, at,
             level_name(level), part, kp_log_quote(msg), kept, *more ? " " : "", more);
    kp_utf8_trim(raw);
    write_line(fd, line, raw);
}

const char *kp_log_quote(const char *text)
{
    static _Thread_local char buffers[QUOTES][QUOTE];
    static _Thread_local unsigned turn;
    if (!text)
        return "-";
    char clean[QUOTE];
    kp_utf8_clean(clean, sizeof clean, text, strlen(text));
    blank_controls(clean);
    if (*text && strcmp(clean, text) == 0 && !strpbrk(clean, " =\"\\"))
        return text;
    char *out = buffers[turn++ % QUOTES];
    size_t n = 0;
    out[n++] = '"';
    for (const char *p = clean; *p && n < QUOTE - 3; p++) { /* a pair, the last quote and the 0 */
        if (*p == '"' || *p == '\\')
            out[n++] = '\\';
        out[n++] = *p;
    }
    out[n] = 0;
    kp_utf8_trim(out);
    n = strlen(out);
    out[n++] = '"';
    out[n] = 0;
    return out;
}
