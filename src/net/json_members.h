/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_NET_JSON_MEMBERS_H
#define KOPPEL_NET_JSON_MEMBERS_H
/* Reading the members of a document that a person wrote. Each sentence names the place
 * ("shifts[2]") and the key. A missing or null member is left as it is, unless it is required.
 * Texts of numbers are taken as well, for YAML knows only texts. */
#include "core/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { KP_MEMBER_TEXT = 500 };

/* An object with no other keys than these (NULL-ended); a wrong one is told with the nearest. */
enum kp_code kp_members_known(const json_t *, const char *where, const char *const *known,
                              struct kp_err *);
/* One line of text; NULL when missing or empty. Lives as long as the document. */
enum kp_code kp_member_text(const json_t *, const char *where, const char *key, bool required,
                            const char **out, struct kp_err *);
/* "06:00" as minutes of the day, up to 24:00. */
enum kp_code kp_member_minute(const json_t *, const char *where, const char *key, uint16_t *out,
                              struct kp_err *);
enum kp_code kp_member_number(const json_t *, const char *where, const char *key, double least,
                              double most, double *out, struct kp_err *);
/* "45s", "1h", or a number of seconds; in ns. */
enum kp_code kp_member_duration(const json_t *, const char *where, const char *key, int64_t *out,
                                struct kp_err *);
enum kp_code kp_member_pattern(const json_t *, const char *where, const char *key, const char **out,
                               struct kp_err *);
/* A list of at most `most`; missing is an empty one. */
enum kp_code kp_member_list(const json_t *, const char *where, const char *key, size_t most,
                            const json_t **out, struct kp_err *);
/* A list of mail addresses, at most `most`, as they may stand in the header of a mail. */
enum kp_code kp_member_addresses(const json_t *, const char *where, const char *key, size_t most,
                                 const char **out, size_t *n, struct kp_err *);
/* The place of the text among `words` (NULL-ended). */
enum kp_code kp_member_choice(const json_t *, const char *where, const char *key,
                              const char *const *words, int *out, struct kp_err *);
/* true, false, or one of these as a text. */
enum kp_code kp_member_truth(const json_t *, const char *where, const char *key, bool *out,
                             struct kp_err *);
/* A member that need not be written or compared: null, an empty list, or a secret, which is kept
 * apart. */
bool kp_member_says_nothing(const char *key, const json_t *value);
#endif
