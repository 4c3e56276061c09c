/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log.h"

#include "core/clock.h"
#include "core/text.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/ban.h"

enum { LINE = 1024, QUOTES = 8, QUOTE = 256 };
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

void kp_log_write(struct kp_log_site *site, enum kp_log_level level, const char *part, const char *msg,
                  const char *fields, ...)
{
    int held;
    pthread_mutex_lock(&setup.lock);
    bool go = level <= setup.most && allowed(site, kp_mono(&kp_clock_system), &held);
    int fd = setup.fd;
    bool terminal = setup.terminal;
    pthread_mutex_unlock(&setup.lock);
    if (!go)
        return;
    char line[LINE], at[KP_TIME_TEXT], more[LINE / 2] = "";
    kp_time_print(kp_utc(&kp_clock_system) / KP_MILLISECOND * KP_MILLISECOND, at);
    va_list ap;
    va_start(ap, fields);
    vsnprintf(more, sizeof more, fields, ap);
    va_end(ap);
    char priority[8] = "";
    if (!terminal)
        snprintf(priority, sizeof priority, "<%d>", level);
    int n = snprintf(line, sizeof line - 1, "%sts=%s level=%s part=%s msg=%s%s%s", priority, at, level_name(level),
                     part, kp_log_quote(msg), *more ? " " : "", more);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof line - 1 ? (size_t)n : sizeof line - 2;
    if (held)
        len += (size_t)snprintf(line + len, sizeof line - 1 - len, " held_back=%d", held);
    if (len > sizeof line - 2)
        len = sizeof line - 2;
    line[len] = 0;
    kp_utf8_trim(line);
    len = strlen(line);
    line[len++] = '\n';
    ssize_t written = write(fd, line, len); /* one call a line: lines of threads do not mix */
    (void)written;                          /* nowhere left to complain */
}

const char *kp_log_quote(const char *text)
{
    static _Thread_local char buffers[QUOTES][QUOTE];
    static _Thread_local unsigned turn;
    if (!text)
        return "-";
    if (*text && !strpbrk(text, " =\"\\\t\r\n") && strlen(text) < QUOTE)
        return text;
    char *out = buffers[turn++ % QUOTES];
    size_t n = 0;
    out[n++] = '"';
    for (const char *p = text; *p && n < QUOTE - 4; p++) {
        if (*p == '"' || *p == '\\')
            out[n++] = '\\';
        out[n++] = (unsigned char)*p < 0x20 ? ' ' : *p;
    }
    out[n] = 0;
    kp_utf8_trim(out);
    n = strlen(out);
    out[n++] = '"';
    out[n] = 0;
    return out;
}
