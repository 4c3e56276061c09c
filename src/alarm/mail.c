/* SPDX-License-Identifier: Apache-2.0 */
/* A letter as it goes over the wire (RFC 5322, RFC 2046): all in base64, so that neither long lines
 * nor letters beyond ASCII meet a server that cannot take them. */
#include "alarm/mail.h"

#include "alarm/private.h"
#include "core/encoding.h"
#include "net/send.h"
#include "store/secret.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/ban.h"

enum { LETTER_MAX = 48 << 20, HEADER = 80 };

static void put_base64(struct kp_buf *out, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i += 57) {
        if (i)
            kp_buf_str(out, "\r\n");
        kp_base64(out, bytes + i, n - i < 57 ? n - i : 57);
    }
}

/* Encoded words of 42 bytes, cut at characters, so that no line of the header is too long. */
static void put_subject(struct kp_buf *out, const char *text)
{
    kp_buf_str(out, "Subject:");
    for (const char *p = text; *p;) {
        size_t n = strlen(p) < 42 ? strlen(p) : 42;
        while (n < strlen(p) && n > 1 && ((unsigned char)p[n] & 0xc0) == 0x80)
            n--;
        kp_buf_str(out, " =?UTF-8?B?");
        put_base64(out, p, n);
        kp_buf_str(out, "?=\r\n");
        p += n;
    }
}

/* Texts have lines that end with CRLF. */
static void put_text(struct kp_buf *out, const char *type, const char *text)
{
    struct kp_buf lines;
    kp_buf_init(&lines, LETTER_MAX);
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, "\n");
        bool ends = p[n];
        kp_buf_add(&lines, p, n - (n && p[n - 1] == '\r'));
        kp_buf_str(&lines, ends ? "\r\n" : "");
        p += n + ends;
    }
    kp_buf_printf(out,
                  "Content-Type: text/%s; charset=utf-8\r\nContent-Transfer-Encoding: "
                  "base64\r\n\r\n",
                  type);
    put_base64(out, lines.data, lines.len);
    kp_buf_str(out, "\r\n");
    out->failed |= lines.failed;
    kp_buf_free(&lines);
}

static void put_words(struct kp_buf *out, const struct kp_letter *l, const char *boundary)
{
    if (!l->html) {
        put_text(out, "plain", l->text);
        return;
    }
    kp_buf_printf(out, "Content-Type: multipart/alternative; boundary=\"%sa\"\r\n\r\n--%sa\r\n",
                  boundary, boundary);
    put_text(out, "plain", l->text);
    kp_buf_printf(out, "--%sa\r\n", boundary);
    put_text(out, "html", l->html);
    kp_buf_printf(out, "--%sa--\r\n", boundary);
}

static void put_file(struct kp_buf *out, const struct kp_letter *l, const char *boundary)
{
    kp_buf_printf(out,
                  "--%sm\r\nContent-Type: %s\r\nContent-Disposition: attachment; "
                  "filename=\"%s\"\r\nContent-Transfer-Encoding: base64\r\n\r\n",
                  boundary, l->file_type, l->file_name);
    put_base64(out, l->file, l->file_len);
    kp_buf_printf(out, "\r\n--%sm--\r\n", boundary);
}

static void random_text(char out[17])
{
    unsigned char random[8];
    kp_random(random, sizeof random);
    for (int i = 0; i < 8; i++)
        snprintf(out + i * 2, 3, "%02x", random[i]);
}

static void put_letter(struct kp_buf *out, const struct kp_letter *l, const char *from, int64_t at)
{
    char date[HEADER], unlike[17];
    struct tm utc;
    time_t now = (time_t)(at / KP_SECOND);
    random_text(unlike);
    gmtime_r(&now, &utc);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S +0000", &utc);
    kp_buf_printf(out, "Date: %s\r\nFrom: %s\r\nTo: %s\r\nMessage-ID: <%s@koppel>\r\n", date, from,
                  l->to, l->id ? l->id : unlike);
    put_subject(out, l->subject);
    kp_buf_str(out, "MIME-Version: 1.0\r\n");
    if (l->file_name)
        kp_buf_printf(out, "Content-Type: multipart/mixed; boundary=\"%sm\"\r\n\r\n--%sm\r\n",
                      unlike, unlike);
    put_words(out, l, unlike);
    if (l->file_name)
        put_file(out, l, unlike);
}

enum kp_code letter_send_by(struct kp_alarms *e, const struct kp_delivery *d, const char *password,
                            const struct kp_letter *l, struct kp_err *err)
{
    struct kp_buf mail;
    kp_buf_init(&mail, LETTER_MAX);
    put_letter(&mail, l, d->mail_from, kp_utc(e->clock));
    const struct kp_mail out = { .url = d->mail_url,
                                 .caller = { .hub = e->hub, .what = "mail" },
                                 .plain = d->mail_plain,
                                 .user = d->mail_user,
                                 .password = password,
                                 .ca = d->mail_ca,
                                 .from = d->mail_from,
                                 .to = l->to,
                                 .text = kp_buf_text(&mail) };
    if (mail.failed)
        kp_fail(err, KP_ENOMEM, "out of memory");
    else
        kp_mail_send(&out, l->stopping, l->arg, err);
    kp_buf_free(&mail);
    return err->code;
}

static enum kp_code send_by_stored(struct kp_alarms *e, const struct kp_delivery *d,
                                   const struct kp_letter *l, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_err none = { 0 };
    void *password = NULL;
    size_t len;
    if (!d->mail_url)
        return kp_fail(err, KP_EINVALID,
                       "there is no mail server yet: 'koppel alarms delivery FILE' takes one");
    if (kp_secret_get(e->store, MAIL_SECRET, &arena, &password, &len, &none) &&
        none.code != KP_ENOTFOUND)
        kp_fail(err, none.code, "%s", none.text);
    else
        letter_send_by(e, d, password, l, err);
    kp_arena_free(&arena);
    return err->code;
}

enum kp_code kp_letter_send(struct kp_alarms *e, const struct kp_letter *l, struct kp_err *err)
{
    struct kp_delivery *d = kp_alloc(sizeof *d);
    struct kp_db *db = d ? kp_store_reader(e->store, err) : NULL;
    if (!d)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    if (db) {
        delivery_read(db, d, err);
        kp_store_reader_done(e->store, db);
    }
    if (!err->code)
        send_by_stored(e, d, l, err);
    kp_delivery_free(d);
    kp_free(d);
    return err->code;
}
