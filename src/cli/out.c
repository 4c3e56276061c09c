/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "core/clock.h"
#include "core/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "core/ban.h"

const char *kp_style(const struct kp_cli *c, const char *codes)
{
    static char text[4][16];
    static unsigned turn;
    if (!c->color)
        return "";
    char *out = text[turn++ % 4];
    snprintf(out, sizeof text[0], "\033[%sm", codes);
    return out;
}

const char *kp_or_dash(const char *text)
{
    return *text ? text : "-";
}

/* One column a character: right for Latin text, the units and the arrows this program prints. */
size_t kp_text_width(const char *text)
{
    size_t n = 0;
    for (; *text; text++) {
        if (*text == '\033') /* a colour takes no room */
            text += strcspn(text, "m");
        else
            n += ((unsigned char)*text & 0xc0) != 0x80;
        if (!*text)
            break;
    }
    return n;
}

/* What others wrote may hold orders to the terminal. */
static char *cell(const char *text)
{
    char *copy = kp_strdup(text ? text : "");
    for (char *p = copy; p && *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = ' ';
    return copy;
}

void kp_table_row(struct kp_table *t, size_t columns, const char *const *cells)
{
    t->columns = columns;
    if (!kp_grow(&t->cell, &t->capacity, (t->n + 1) * columns, sizeof *t->cell))
        return;
    for (size_t i = 0; i < columns; i++)
        t->cell[t->n * columns + i] = cell(cells[i]);
    t->n++;
}

static void pad(size_t n)
{
    while (n--)
        putchar(' ');
}

static void print_cell(const char *text, size_t width, bool right, bool last)
{
    size_t own = kp_text_width(text), room = width > own ? width - own : 0;
    if (right)
        pad(room);
    fputs(text, stdout);
    if (!last)
        pad((right ? 0 : room) + 2);
}

void kp_table_print(const struct kp_cli *c, struct kp_table *t, const char *const *head, const char *right)
{
    size_t *width = t->width;
    for (size_t i = 0; i < t->columns; i++) {
        width[i] = t->begun ? width[i] : kp_text_width(head[i]);
        for (size_t row = 0; row < t->n; row++) {
            const char *text = t->cell[row * t->columns + i];
            size_t w = text ? kp_text_width(text) : 0;
            width[i] = w > width[i] ? w : width[i];
        }
    }
    for (size_t i = 0; !t->begun && t->n && i < t->columns; i++) {
        printf("%s", kp_style(c, "2"));
        print_cell(head[i], width[i], right[i] == 'r', i + 1 == t->columns);
        printf("%s%s", kp_style(c, "0"), i + 1 == t->columns ? "\n" : "");
    }
    for (size_t row = 0; row < t->n; row++) {
        for (size_t i = 0; i < t->columns; i++) {
            char *text = t->cell[row * t->columns + i];
            print_cell(text ? text : "", width[i], right[i] == 'r', i + 1 == t->columns);
            kp_free(text);
        }
        putchar('\n');
    }
    kp_free(t->cell);
    t->cell = NULL;
    t->begun |= t->n > 0;
    t->n = t->capacity = 0;
}

void kp_local_time(int64_t at, bool utc, char *out, size_t size)
{
    time_t s = (time_t)(at / KP_SECOND), now = time(NULL);
    struct tm then, today;
    if (utc) {
        char text[KP_TIME_TEXT];
        kp_time_print(at, text);
        snprintf(out, size, "%s", text);
        return;
    }
    localtime_r(&s, &then);
    localtime_r(&now, &today);
    bool same = then.tm_year == today.tm_year && then.tm_yday == today.tm_yday;
    size_t n = strftime(out, size, same ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &then);
    if (n + 5 < size)
        snprintf(out + n, size - n, ".%03d", (int)(at % KP_SECOND / KP_MILLISECOND));
}

void kp_age(int64_t from, char *out, size_t size)
{
    int64_t age = kp_utc(&kp_clock_system) - from;
    kp_duration_print(age < KP_SECOND ? 0 : age, out, size);
    if (age < KP_SECOND)
        snprintf(out, size, "now");
}

bool kp_read_time(const struct kp_cli *c, const char *text, int64_t now, int64_t *at)
{
    size_t n = strlen(text);
    bool day = n == 10 && text[4] == '-', clock = n >= 5 && n <= 8 && text[2] == ':';
    if (kp_flag(c, "utc") || (!day && !clock))
        return kp_time_parse_human(text, now, at);
    struct tm tm;
    time_t s = (time_t)(now / KP_SECOND);
    localtime_r(&s, &tm);
    if (!kp_time_parse_human(text, now + tm.tm_gmtoff * KP_SECOND, at))
        return false;
    s = (time_t)(*at / KP_SECOND);
    int64_t rest = *at % KP_SECOND;
    gmtime_r(&s, &tm);
    tm.tm_isdst = -1;
    *at = mktime(&tm) * KP_SECOND + rest;
    return true;
}

void kp_csv_text(const char *text)
{
    if (!strpbrk(text, ",\"\n\r")) {
        fputs(text, stdout);
        return;
    }
    putchar('"');
    for (; *text; text++)
        printf(*text == '"' ? "\"\"" : "%c", *text);
    putchar('"');
}

size_t kp_terminal_width(void)
{
    struct winsize w;
    const char *columns = getenv("COLUMNS");
    if (columns && strtol(columns, NULL, 10) > 0)
        return (size_t)strtol(columns, NULL, 10);
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col ? w.ws_col : 80;
}

int kp_write_file(const struct kp_cli *c, const char *file, const struct kp_buf *body)
{
    if (!file) {
        fwrite(body->data, 1, body->len, stdout);
        return KP_DONE;
    }
    FILE *f = fopen(file, "wb");
    bool whole = f && fwrite(body->data, 1, body->len, f) == body->len;
    whole = f && fclose(f) == 0 && whole;
    return whole ? KP_DONE : kp_complain(c, KP_FAILED, "%s: %s", file, strerror(errno));
}
