/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CORE_CSV_H
#define KOPPEL_CORE_CSV_H
/* CSV (RFC 4180), also as spreadsheets of countries with a decimal comma write it: cells parted by
 * commas, semicolons or tabs, a byte order mark in front. Records are cut in place, one at a time. */
#include "core/err.h"
#include "core/value.h"

enum { KP_CSV_COLUMNS_MAX = 10000 };
struct kp_csv {
    char *text, *end; /* what is still to be read */
    char delimiter;
    uint64_t line, next_line; /* of the record in hand; of the one after it */
    char **cell;              /* of the record in hand, `n` of them */
    size_t n, room;
};
/* text[len] must be 0; the text is changed while it is read and must outlive the reading. */
void kp_csv_begin(struct kp_csv *, char *text, size_t len);
bool kp_csv_more(const struct kp_csv *); /* there is another record */
/* Takes the next record. An error names the line. */
enum kp_code kp_csv_next(struct kp_csv *, struct kp_err *);
void kp_csv_skip(struct kp_csv *); /* the rest of the line at which kp_csv_next failed */
bool kp_csv_empty(const struct kp_csv *); /* the record in hand is an empty line */
/* The first column of the record in hand that is called one of these, in upper or lower case;
 * SIZE_MAX: none. */
size_t kp_csv_find(const struct kp_csv *, const char *const *words);
/* Where cells are not parted by commas "12,5" is twelve and a half: makes it "12.5" in place. */
char *kp_csv_number(const struct kp_csv *, char *cell);
void kp_csv_end(struct kp_csv *);

/* Writing one cell. A value: numbers as they are, text in quotes, bytes and arrays as JSON in one
 * cell, none as nothing. */
void kp_csv_put_text(struct kp_buf *, const char *, size_t n);
void kp_csv_put_value(struct kp_buf *, const struct kp_value *);
void kp_csv_put_time(struct kp_buf *, int64_t at);
#endif
