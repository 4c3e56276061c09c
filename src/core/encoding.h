/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CORE_ENCODING_H
#define KOPPEL_CORE_ENCODING_H
/* Texts that are no UTF-8 made UTF-8, as programs under Windows write them; bytes as text. */
#include "core/mem.h"

/* Windows-1252; the five bytes that are no character there become '_'. False: out of memory. */
bool kp_utf8_from_1252(struct kp_buf *text);
/* The other way; a character that is not there becomes '?'. */
bool kp_utf8_to_1252(struct kp_buf *text);
/* UTF-16 behind its byte order mark, which goes; half a pair becomes U+FFFD. `big`: the high byte
 * stands first. False: out of memory. */
bool kp_utf8_from_16(struct kp_buf *text, bool big);
/* Base64 (RFC 4648, 4) in one line: whoever breaks lines does so at multiples of three bytes. */
void kp_base64(struct kp_buf *, const void *bytes, size_t n);
int kp_base64_digit(char); /* what it stands for; -1: it is none */
int kp_hex_digit(char);    /* in upper or lower case */
#endif
