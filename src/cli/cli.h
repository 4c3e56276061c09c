/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CLI_CLI_H
#define KOPPEL_CLI_CLI_H
/* The command line. A verb is a line in the table of cli.c: its function, its flags, its help and an example come from there, and so
 * do --help, the completion and the manual. Exit codes: 0 done, 1 failed, 2 misuse. */
#include "core/err.h"
#include "core/mem.h"

enum { KP_DONE = 0, KP_FAILED = 1, KP_MISUSE = 2, KP_FLAGS_MAX = 32, KP_GIVEN_MAX = 128 };

struct kp_flag {
    const char *name, *value, *help; /* "--name VALUE"; value NULL: no value */
};
struct kp_cli;
struct kp_word { /* the first argument of a verb of many uses, and which of the verb's flags it takes */
    const char *name, *arguments, *flags, *summary, *example;
};
struct kp_verb {
    const char *name, *arguments, *summary, *example;
    int (*run)(struct kp_cli *);
    const struct kp_flag *flags; /* ends with a NULL name */
    int least, most;             /* positional arguments; most -1 = any */
    const struct kp_word *words; /* ends with a NULL name; NULL: it has one use */
};

extern const struct kp_verb kp_verbs[]; /* ends with a NULL name */

struct kp_given {
    const char *name, *value;
};
/* One call of the program. */
struct kp_cli {
    const struct kp_verb *verb;
    int argc; /* positional arguments left */
    char **argv;
    size_t n_given;
    struct kp_given given[KP_GIVEN_MAX];
    bool json, color, terminal; /* terminal: stdout is one */
    char node[1024];            /* the node's folder, found or given */
};

int kp_cli(int argc, char **argv);
/* The value of a flag: NULL when it was not given, "" for one without value; the last one given counts. */
const char *kp_flag(const struct kp_cli *, const char *name);
/* Every value of a flag given several times: start with *i = 0; NULL at the end. */
const char *kp_flag_next(const struct kp_cli *, const char *name, size_t *i);
/* Says "koppel: VERB: ..." on stderr and returns the exit code given. */
int kp_complain(const struct kp_cli *, int exit_code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int kp_fault(const struct kp_cli *, const struct kp_err *); /* the same for an error; KP_FAILED */

/* Whether a person at the terminal says yes, or --yes stands there. */
bool kp_confirm(const struct kp_cli *, const char *question);

/* The first line of a file, or for "-" typed unseen at the terminal. */
enum kp_code kp_read_secret(const char *file, const char *what, char *out, int size, struct kp_err *);
/* A whole file, - is the standard input, into `out`, which it makes; at most 4 MiB. */
enum kp_code kp_read_file(const char *file, struct kp_buf *out, struct kp_err *);
/* A whole document, - is the standard input, in place of what is in `text`, up to its limit. */
enum kp_code kp_read_document(const char *file, struct kp_buf *text, struct kp_err *);
/* Into a file, or (NULL) on the screen; the exit code. */
int kp_write_file(const struct kp_cli *, const char *file, const struct kp_buf *);
/* Every "....json" of a folder that is not hidden, by name; false: it is no folder that can be read, errno says why. */
bool kp_each_json_file(const char *folder, void (*each)(void *arg, const char *path), void *arg);

/* ---- output ---- */
const char *kp_or_dash(const char *); /* "-" for an empty text */
const char *kp_style(const struct kp_cli *, const char *codes); /* "\033[...m" on a terminal, "" elsewhere */
/* A table: rows are collected, widths follow from what is in them, then printed. Cells are cut nowhere. Printed again
 * with further rows it goes on: no second head, columns at least as wide as before. */
enum { KP_COLUMNS_MAX = 16 };
struct kp_table {
    size_t columns, n, capacity, width[KP_COLUMNS_MAX];
    bool begun;
    char **cell;
};
void kp_table_row(struct kp_table *, size_t columns, const char *const *cells); /* copies */
void kp_table_print(const struct kp_cli *, struct kp_table *, const char *const *head, const char *right); /* frees the rows */
size_t kp_text_width(const char *); /* columns on a terminal */
void kp_local_time(int64_t at, bool utc, char *out, size_t size); /* for people: today only the time of day */
/* What people type; a time of day or a date alone is meant as the clock on the wall shows it, unless --utc. */
bool kp_read_time(const struct kp_cli *, const char *text, int64_t now, int64_t *at);
void kp_csv_text(const char *); /* quoted where it must be */
size_t kp_terminal_width(void);
void kp_age(int64_t from, char *out, size_t size);                /* "2 s", since an RFC 3339 time of the past */

/* ---- verbs, by file ---- */
int kp_verb_init(struct kp_cli *), kp_verb_run(struct kp_cli *);
int kp_verb_status(struct kp_cli *);
int kp_verb_machines(struct kp_cli *), kp_verb_profile(struct kp_cli *);
int kp_verb_ls(struct kp_cli *), kp_verb_get(struct kp_cli *), kp_verb_tail(struct kp_cli *), kp_verb_set(struct kp_cli *);
int kp_verb_couple(struct kp_cli *), kp_verb_couplings(struct kp_cli *), kp_verb_uncouple(struct kp_cli *);
int kp_verb_token(struct kp_cli *), kp_verb_user(struct kp_cli *), kp_verb_audit(struct kp_cli *);
int kp_verb_discover(struct kp_cli *), kp_verb_listen(struct kp_cli *), kp_verb_oidc(struct kp_cli *);
int kp_verb_trust(struct kp_cli *), kp_verb_cert(struct kp_cli *);
int kp_verb_forecast(struct kp_cli *), kp_verb_history(struct kp_cli *), kp_verb_intervals(struct kp_cli *), kp_verb_sql(struct kp_cli *);
int kp_verb_backup(struct kp_cli *), kp_verb_restore(struct kp_cli *), kp_verb_apply(struct kp_cli *), kp_verb_export(struct kp_cli *);
int kp_verb_follow(struct kp_cli *), kp_verb_consumers(struct kp_cli *);
int kp_verb_retain(struct kp_cli *), kp_verb_usage(struct kp_cli *), kp_verb_quarantine(struct kp_cli *);
int kp_verb_alarms(struct kp_cli *);
int kp_verb_import(struct kp_cli *);
int kp_verb_csaf(struct kp_cli *), kp_verb_stix(struct kp_cli *);
int kp_verb_watch(struct kp_cli *);
int kp_watch_replay(struct kp_cli *); /* watch_replay.c */
int kp_verb_shield(struct kp_cli *);
int kp_verb_inventory(struct kp_cli *), kp_verb_advisories(struct kp_cli *);
int kp_verb_feed(struct kp_cli *), kp_verb_sightings(struct kp_cli *), kp_verb_observations(struct kp_cli *);
int kp_verb_incident(struct kp_cli *), kp_verb_report(struct kp_cli *);
int kp_verb_flex(struct kp_cli *);
int kp_flex_report(struct kp_cli *); /* flex_report.c */
int kp_flex_shop(struct kp_cli *); /* what flex says of the shop floor */
int kp_flex_orders(struct kp_cli *), kp_flex_folders(struct kp_cli *);
int kp_verb_partner(struct kp_cli *), kp_verb_offer(struct kp_cli *), kp_verb_catalogue(struct kp_cli *); /* share.c */
int kp_partner_meet(struct kp_cli *, const char *url), kp_exits(struct kp_cli *); /* share_partner.c */
int kp_verb_negotiate(struct kp_cli *), kp_verb_agreements(struct kp_cli *), kp_verb_transfers(struct kp_cli *), kp_verb_pull(struct kp_cli *);
int kp_verb_mcp(struct kp_cli *);
int kp_verb_check(struct kp_cli *), kp_verb_rollback(struct kp_cli *);
int kp_verb_help(struct kp_cli *), kp_verb_completion(struct kp_cli *);
#endif
