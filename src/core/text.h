/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CORE_TEXT_H
#define KOPPEL_CORE_TEXT_H
/* Small things about text that everyone needs: UTF-8, times, names and patterns. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum { KP_NAME_MAX = 128, KP_PATH_MAX = 1024, KP_TIME_TEXT = 40 };

bool kp_utf8_valid(const char *, size_t n);
void kp_utf8_trim(char *text); /* cuts a character broken off at the end */
/* Copies n bytes, or up to a 0, each invalid one as U+FFFD; cuts at a character when `size` is
 * short. */
void kp_utf8_clean(char *out, size_t size, const char *in, size_t n);

/* ---- time: ns since 1970 UTC ---- */
#define KP_SECOND INT64_C(1000000000)
#define KP_MILLISECOND INT64_C(1000000)
#define KP_NO_TIME INT64_MIN /* unknown */
#define KP_FOREVER INT64_MAX /* an interval still open, a range without end */

/* RFC 3339 with as many decimals as the value needs (0, 3, 6 or 9): "2026-11-24T10:02:31.5Z"
 * is printed as "2026-11-24T10:02:31.500Z". `out` has KP_TIME_TEXT bytes; returns the length. */
size_t kp_time_print(int64_t at, char *out);
/* The same for one time after another: the minute printed last is known. Begin with zeroes. */
struct kp_minute {
    int64_t number; /* since 1970 */
    char text[17];
};
size_t kp_time_print_near(struct kp_minute *, int64_t at, char *out);
/* On the clock on the wall of this machine; a day of zeroes and false where the system cannot tell. */
bool kp_time_local(int64_t at, struct tm *);
/* RFC 3339 with any offset, or a date alone. */
bool kp_time_parse(const char *text, int64_t *at);
/* What people type: RFC 3339, "now", "-90m", "-2d", "14:30" (today, UTC). `now` is the clock's. */
bool kp_time_parse_human(const char *text, int64_t now, int64_t *at);
bool kp_duration_parse(const char *text, int64_t *ns); /* "250ms", "10s", "5m", "1h", "2d", "5y" (of 365 days) */
void kp_duration_print(int64_t ns, char *out, size_t size); /* "3 h 12 min", for people */
void kp_duration_exact(int64_t ns, char *out, size_t size); /* "90d", which kp_duration_parse reads back */

/* ---- sizes in bytes; units are powers of 1000, "KiB" and the like of 1024 ---- */
bool kp_size_parse(const char *text, int64_t *bytes);      /* "20GB", "1.5 TB", "64MiB", "4096" */
void kp_size_print(int64_t bytes, char *out, size_t size); /* "1.5 GB", for people */
void kp_size_exact(int64_t bytes, char *out, size_t size); /* "1500MB", which kp_size_parse reads back */

/* ---- names and paths: "eindhoven/milling/dmu50/spindle/temperature" ---- */
/* Valid: UTF-8, 1 to KP_NAME_MAX-1 bytes, no control character, no '/', '*', '?', not "." or "..",
 * no space at either end. */
bool kp_name_valid(const char *, size_t n);
bool kp_path_valid(const char *); /* names joined by single '/', none at the ends, shorter than KP_PATH_MAX */
/* Makes a valid name of anything a machine says: bad bytes and separators become '_'. */
void kp_name_clean(char *out, size_t size, const char *in, size_t n);

/* A pattern matches a path when it matches it whole or up to a '/': "a/b" matches "a/b/c".
 * '*' is any run within a name, '?' one character, a name '**' any number of names. "" matches all. */
bool kp_pattern_match(const char *pattern, const char *path);
bool kp_pattern_valid(const char *);
/* True when the pattern has no wildcard, so that it names one asset or signal. */
bool kp_pattern_plain(const char *);

/* The entry of a NULL-ended list nearest to `word` by edit distance, or NULL when none is near. */
const char *kp_nearest(const char *word, const char *const *list);
#endif
