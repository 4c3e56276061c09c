/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CLI_CLIENT_H
#define KOPPEL_CLI_CLIENT_H
/* The REST API of the running node, over the Unix socket in its folder. */
#include "cli/cli.h"

#include <jansson.h>

struct kp_reply {
    long status;
    struct kp_buf body; /* kp_client_free */
};
/* Adds "key=value" with both escaped; the first one with '?'. */
void kp_url_add(struct kp_buf *url, const char *key, const char *value);
void kp_url_segment(struct kp_buf *url, const char *segment); /* "/" and the segment, escaped */

/* One request. `body` may be NULL. A failure to reach the node says how to start it; a reply of 400 and above
 * becomes an error with the node's own sentence. */
enum kp_code kp_client(struct kp_cli *, const char *method, const char *url, const char *type, const char *body, size_t len,
                       struct kp_reply *, struct kp_err *);
void kp_client_free(struct kp_reply *);
/* GET, reply as JSON; NULL on failure. json_decref it. */
json_t *kp_client_get(struct kp_cli *, const char *url, struct kp_err *);
/* The same with a JSON body (which is taken over; NULL: none); an empty reply gives json null. */
json_t *kp_client_send(struct kp_cli *, const char *method, const char *url, json_t *body, struct kp_err *);
/* The same of LIST, LIST/NAME or LIST/NAME/ACT below the API; name and act are escaped, NULL: none. */
json_t *kp_client_at(struct kp_cli *, const char *method, const char *list, const char *name, const char *act, json_t *body,
                     struct kp_err *);
/* A page that the node makes. --html FILE and --pdf FILE say how and where to; else it is text on the
 * screen, or JSON with --json. False: it has complained. */
bool kp_page_wanted(struct kp_cli *, const char **format, const char **file);
/* Brings the page at this address as --html, --pdf, --json and --language say; frees the address. */
int kp_client_page(struct kp_cli *, struct kp_buf *url);
/* The reply to GET as it comes, into `file` (NULL: the screen); the exit code. */
int kp_client_file(struct kp_cli *, const char *url, const char *file);
/* A person's file as JSON, which the caller owns; NULL: err names the file and the place. */
json_t *kp_read_json(const char *file, struct kp_err *);
/* Calls `line` for each line of a flowing reply, until it ends or `line` returns false. */
enum kp_code kp_client_lines(struct kp_cli *, const char *method, const char *url, const char *body,
                             bool (*line)(void *, const char *), void *arg, struct kp_err *);
/* Hands on a reply that flows, in pieces, until it ends or `take` returns false (then no failure is set); its type. */
enum kp_code kp_client_flow(struct kp_cli *, const char *url, bool (*take)(void *, const char *, size_t), void *arg,
                            char *type, size_t size, struct kp_err *);
/* A connection that is used again and again, for messages that a program hands on: to the node's socket or (url) to a node
 * elsewhere. Answers come as they are, whatever their status; an error says that there was none. */
struct kp_wire_to {
    const char *url, *token, *ca; /* NULL: none; ca: a file */
};
struct kp_wire;
struct kp_wire *kp_wire_open(struct kp_cli *, const struct kp_wire_to *, struct kp_err *);
void kp_wire_close(struct kp_wire *); /* NULL is allowed */
/* `headers`: lines "Name: value", NULL-ended. */
enum kp_code kp_wire_post(struct kp_wire *, const char *const *headers, const char *body, size_t len, struct kp_reply *,
                          struct kp_err *);
bool kp_client_running(struct kp_cli *); /* whether the node answers */

/* A reply (taken over; NULL: err says why) as JSON or as `print` does; returns the exit code. */
int kp_client_show(struct kp_cli *, json_t *reply, void (*print)(const json_t *), const struct kp_err *);
/* The same where `print` makes a table. */
int kp_client_list(struct kp_cli *, json_t *reply, void (*print)(const struct kp_cli *, const json_t *), const struct kp_err *);

void kp_print_json(const json_t *); /* on one line of stdout */
/* "a copy is being made: 43 % of 1.2 GB", of what the node says of its backups; false: none is (backup.c). */
bool kp_backup_doing(const json_t *, char *out, size_t size);

/* Members of replies, forgiving. */
const char *kp_text(const json_t *object, const char *key); /* "" when there is none */
double kp_number(const json_t *object, const char *key);
int64_t kp_integer(const json_t *object, const char *key);
/* A machine's value as people read it, with the text of an enumeration; into `out`. */
void kp_value_text(const json_t *value, const json_t *enums, char *out, size_t size);
#endif
