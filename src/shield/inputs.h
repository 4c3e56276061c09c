/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_INPUTS_H
#define KOPPEL_SHIELD_INPUTS_H
/* Where other programs tell what they see: files that are read along, and syslog over the network.
 * All of it is off until a person says where. A thread of its own, which exists while there is
 * something to read. */
#include "core/clock.h"
#include "core/json.h"
#include "core/observed.h"
#include "store/store.h"

struct kp_inputs_settings {
    const char *eve, *syslog_file, *syslog; /* "": none */
};

struct kp_inputs;
/* Where events go: `heard` gets those that came over the network, `read` those of files, which come
 * again when it has no room. NULL: out of memory. */
struct kp_inputs *kp_inputs_new(struct kp_store *, const struct kp_clock *, struct kp_observer heard,
                                struct kp_observer read);
void kp_inputs_free(struct kp_inputs *); /* stops it; NULL is allowed */
/* As they are from now on; files that were read along already go on where they were. Whatever is
 * wrong with them is told by kp_inputs_show and tried again. KP_EIO: the system gives no thread. */
enum kp_code kp_inputs_set(struct kp_inputs *, const struct kp_inputs_settings *, struct kp_err *);
void kp_inputs_stop(struct kp_inputs *);
/* Whether an address to listen at is one: "127.0.0.1:5514", "[::1]:5514". */
enum kp_code kp_inputs_check(const char *syslog, struct kp_err *);
/* A list of {kind, at, events, bad, fault}. */
void kp_inputs_show(struct kp_inputs *, struct kp_json *);

/* ---- files that are read along (follow.c) ---- */
enum { KP_FOLLOW_FILES = 64, KP_FOLLOW_PIECE = 64 << 10, KP_FOLLOW_FIRST = 1 << 20 };
struct kp_follow;
/* A file, or a folder of files that end in .json or .log. One that is there at first and is large is
 * read from its last KP_FOLLOW_FIRST bytes on. `marks`: how far files were read, from
 * kp_follow_marks; may be NULL. */
struct kp_follow *kp_follow_new(const char *path, size_t line_max, const char *marks);
void kp_follow_free(struct kp_follow *);
/* Reads what has come since, a piece of each file, line by line; when `line` returns false it stops
 * there, and that line comes again. True: there was something. KP_EIO: it cannot be read. */
bool kp_follow_read(struct kp_follow *, bool (*line)(void *, const char *, size_t), void *arg,
                    struct kp_err *);
uint64_t kp_follow_too_long(const struct kp_follow *); /* lines that were skipped for their length */
/* JSON: how far each file is read. */
void kp_follow_marks(const struct kp_follow *, struct kp_json *);
#endif
