/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHARE_PRIVATE_H
#define KOPPEL_SHARE_PRIVATE_H
/* What the files of src/share share. */
#include "gate/gate.h"
#include "share/data.h"
#include "share/share.h"
#include "net/caller.h"
#include "net/jose.h"
#include "store/digest.h"
#include "store/secret.h"

#include <pthread.h>
#include <stdatomic.h>

enum { SEEN_TOKENS = 1 << 16, SECRET_NAME = 80, PID_TEXT = 48 };

struct share_seen { /* a token that was shown may not come again before */
    unsigned char hash[8];
    int64_t until; /* ns UTC */
};

enum { KNOCKS = 16 };
struct share_knock { /* somebody who is no partner; what he calls himself is not proven */
    char id[KP_DSP_ID / 2];
    int64_t first, last, times;
};

struct kp_share {
    struct kp_store *store;
    struct kp_model *model;
    struct kp_hub *hub; /* who is told of an unusual pull; NULL: nobody */
    int64_t watched;    /* the thread: monotonic, when it was last looked for one */
    const struct kp_clock *clock;
    pthread_t thread;
    bool running;
    int64_t started; /* ns UTC; which tokens were shown before is not known any more */
    bool testing; /* partners may be believed what they say they are: identity edc-mock */
    atomic_bool stopping, news; /* news: the outbox is to be looked at */
    struct kp_pusher *pusher;   /* push.c */
    struct kp_courier *courier; /* the thread's; others may wake it */
    struct kp_gate *gate;
    struct share_keeper *keeper;
    pthread_mutex_t lock;       /* guards what follows */
    char root[KP_SHARE_URL];    /* "" = nobody reaches us */
    char *id, *key, *jwk;       /* of this node; NULL = not read yet; jwk: the public half of key */
    struct share_seen *seen;    /* SEEN_TOKENS of them, from the first one on */
    struct share_knock knocks[KNOCKS]; /* the one who came longest ago makes room */
    pthread_mutex_t brought_lock;  /* of its own, for it is taken under the model's; guards brought */
    struct share_brought *brought; /* by coupling; brought.c */
    size_t n_brought, brought_room;
};

/* ---- identity.c ---- */
struct share_self { /* in an arena */
    const char *id, *key;
};
enum kp_code share_self(struct kp_share *, struct kp_arena *, struct share_self *, struct kp_err *);

struct share_partner { /* in an arena */
    const char *name, *id, *url, *method, *key, *ca;
};
/* KP_ENOTFOUND names it. */
enum kp_code share_partner(struct kp_db *, const char *name, struct kp_arena *,
                           struct share_partner *, struct kp_err *);
/* What we show him in an Authorization header. */
/* For whom a connection to him is made; NULL: somebody who is to become one. */
struct kp_caller share_caller(struct kp_share *, const char *partner);
enum kp_code share_show(struct kp_share *, const struct share_partner *, struct kp_arena *,
                        const char **authorization, struct kp_err *);
/* Whether two addresses are on one server. */
bool share_same_origin(const char *a, const char *b);

bool share_safe(const char *url); /* https://, or http:// of this machine */

const char *share_noun(enum kp_deal); /* "negotiation" */
/* KP_EFULL when what is counted is `most` or more. */
enum kp_code share_room(struct kp_db *, const char *sql, int64_t most, const char *what,
                        struct kp_err *);

/* ---- brought.c ---- */
enum kp_code share_load_brought(struct kp_share *, struct kp_err *);
void share_brought_free(struct kp_share *);

/* ---- rows.c: processes in the file; texts in the arena ---- */
struct share_process {
    int64_t id;
    enum kp_deal deal;
    enum kp_side side;
    enum kp_deal_state state;
    bool automatic, offered; /* offered: the newest offer is ours */
    const char *partner, *pid, *peer, *callback, *dataset, *offer, *agreement, *format, *note;
    int64_t made, changed;
};
void share_process_row(struct kp_stmt *, struct kp_arena *, struct share_process *);
/* KP_ENOTFOUND when there is none. */
enum kp_code share_process_by_id(struct kp_db *, int64_t id, struct kp_arena *,
                                 struct share_process *, struct kp_err *);
enum kp_code share_process_by_pid(struct kp_db *, enum kp_deal, const char *pid, struct kp_arena *,
                                  struct share_process *, struct kp_err *);
enum kp_code share_process_by_peer(struct kp_db *, const char *partner, enum kp_deal, enum kp_side,
                                   const char *peer, struct kp_arena *, struct share_process *,
                                   struct kp_err *);
/* Makes it (id 0) or writes what may change; sets changed. */
enum kp_code share_process_put(struct kp_db *, struct share_process *, int64_t now,
                               struct kp_err *);
/* KP_EFULL when too many are open with him; forgets the oldest of those that are over. */
enum kp_code share_open_room(struct kp_db *, const char *partner, enum kp_deal, struct kp_err *);

struct share_agreement {
    const char *id, *partner, *dataset, *text;
    enum kp_side side;
    bool active, automatic; /* automatic: its transfers start by themselves */
    int64_t process, made, ended; /* ended: KP_NO_TIME = it is not */
};
enum kp_code share_agreement(struct kp_db *, const char *id, struct kp_arena *,
                             struct share_agreement *, struct kp_err *);

/* ---- process.c: steps, each inside a kp_store_do ---- */
struct share_step {
    struct kp_share *share;
    struct kp_arena *arena;
    const struct share_self *self;
    int64_t now;
};
/* As kp_deal_next; besides, who provides may say again where the data is, when the consumer has gone
 * on after a pause: Eclipse connectors do, and wait for it. */
int share_next(const struct share_process *, enum kp_word, enum kp_side by);
/* Says a word of ours: the state moves, the message waits in the outbox. */
enum kp_code share_say(struct kp_db *, const struct share_step *, struct share_process *,
                       enum kp_word, const json_t *extra, struct kp_err *);
/* The other side has refused what we said last: back to what was before. */
struct share_before {
    enum kp_word word;
    enum kp_deal_state state;
    const char *offer; /* NULL: the word has not changed it */
};
enum kp_code share_unsay(struct kp_db *, const struct share_step *, struct share_process *,
                         const struct share_before *, const char *why, struct kp_err *);
/* For what is heard. */
enum kp_code share_agreement_add(struct kp_db *, const struct share_step *,
                                 const struct share_process *, const char *text, struct kp_err *);
enum kp_code share_agreement_active(struct kp_db *, const char *id, bool on, struct kp_err *);
enum kp_code share_agreement_over(struct kp_db *, const char *id, int64_t now, const char *why,
                                  struct kp_err *);
/* What still waits is of no use after an end, but (not heard) for the request that the other side
 * must know of first. */
enum kp_code share_outbox_clear(struct kp_db *, const struct share_process *, bool heard,
                                struct kp_err *);
void share_address_name(const struct share_process *,
                        char name[SECRET_NAME]); /* of the secret with a transfer's address */
enum kp_code share_keep_address(struct kp_db *, const struct share_step *,
                                const struct share_process *, const char *address, struct kp_err *);
enum kp_code share_forget_address(struct kp_db *, const struct share_step *,
                                  const struct share_process *, struct kp_err *);
/* JSON as text in the arena; NULL: no memory, or more than KP_SHARE_TERMS bytes. */
const char *share_dump(const json_t *, struct kp_arena *, struct kp_err *);
/* BASE without the slashes at its end, PATH, and the id (NULL: none) as one segment. */
void share_put_url(struct kp_buf *, const char *base, const char *path, const char *id);
/* A list of what `put` makes of each row. page NULL: all; else the question's ?1 is the id to go on
 * after ("" = none), which `known` must find, and ?2 how many rows are looked at. */
enum kp_code share_list(struct kp_share *, const char *sql, const char *known,
                        struct kp_share_page *page, void (*put)(struct kp_json *, struct kp_stmt *),
                        struct kp_json *, struct kp_err *);
const char *share_short(const char *text,
                        struct kp_arena *); /* what a partner says at length, for people */
enum kp_code share_starved(struct kp_err *);
/* Takes the value; NULL is a lack of memory, or what err says already. */
void share_member(json_t *object, const char *key, json_t *value, struct kp_err *);
void share_pid(char out[PID_TEXT]);
json_t *share_offer_of(const json_t *policy, const char *id, const char *dataset,
                       const char *assigner, const char *assignee);

/* ---- ask.c ---- */
enum kp_code share_find_partner(struct kp_share *, const char *name, struct kp_arena *,
                                struct share_partner *, struct kp_err *);
/* The offer a negotiation begins with: of the document, or as the partner has it in his catalogue.
 * json_decref it. */
json_t *share_wanted_offer(struct kp_share *, const struct share_partner *, const json_t *,
                           const char *dataset, struct kp_arena *, struct kp_err *);

/* The one that this node begins with as provider: of those it makes to this partner. json_decref
 * it. */
json_t *share_made_offer(struct kp_share *, const struct share_partner *, const json_t *,
                         const char *dataset, struct kp_arena *, struct kp_err *);

/* ---- introduce.c ---- */
/* What binds all of a card: id, address, key and CA. False: its key or its CA is none. */
bool share_card_print(const json_t *card, char out[KP_PRINT_TEXT]);
/* A document with an address and a fingerprint alone becomes that with the whole card, when the card there has
 * the fingerprint; with a card in it, the card is compared. json_decref it. */
json_t *share_introduced(struct kp_share *, const json_t *, struct kp_err *);
void share_knock(struct kp_share *, const char *id);

/* ---- goods.c; not in the store's thread, which may not wait for the model ---- */
/* KP_EDENIED names the first signal of these patterns that may not go to another company, or hides
 * it from who asks. */
enum kp_code share_check_goods(struct kp_share *, const json_t *patterns, enum kp_recipient asks,
                               struct kp_err *);
/* KP_ENOTFOUND, KP_EDENIED: a machine whose figures or free hours are to be offered is not there, or
 * is labelled secret. */
enum kp_code share_check_machines(struct kp_share *, const json_t *paths, struct kp_err *);
/* Whether a partner is shown a dataset of these patterns (JSON): some of it may go to him, or there
 * is nothing yet. */
bool share_goods_go(struct kp_share *, enum kp_recipient to, const char *patterns);
/* What cannot be enforced is refused with the reason. */
enum kp_code share_terms(const json_t *policy, struct kp_terms *, struct kp_err *);

/* What the partner of an offer of this dataset can work out, with what he is offered already; a list.
 * topics: of what is not in the model yet. */
struct share_revealing {
    const char *partner, *dataset;
    const json_t *signals;
    unsigned topics;
    const struct kp_terms *terms;
};
void share_reveals(struct kp_share *, struct kp_json *, const struct share_revealing *,
                   struct kp_err *);

/* ---- offer.c ---- */
/* Datasets that nobody is offered any more; what the node works out stays while it is agreed. */
#define SHARE_DATASETS_CLEAR                                                                       \
    "delete from share_dataset where id not in (select dataset from share_offer) and (content = "  \
    "'signals' or id not in (select dataset from share_agreement where ended is null and side = "  \
    "1))"
/* Patterns of what whoever gets an offer of this dataset is offered already (partner NULL: each). */
json_t *share_offered_before(struct kp_share *, const char *partner, const char *dataset,
                             struct kp_err *);
/* ---- shown.c ---- */
/* Whether the catalogue of a partner shows the dataset. */
bool share_shown(struct kp_share *, enum kp_recipient to, const char *partner, const char *dataset,
                 struct kp_err *);
/* The member policy of a document, in ODRL; missing: to use, without terms. json_decref it. */
enum kp_code share_read_policy(const json_t *, json_t **policy, struct kp_err *);

/* ---- watch.c; the thread ---- */
void share_watch(struct kp_share *);

/* ---- target.c: where the other side takes what is pushed ---- */
extern const char *const share_formats[]; /* "HttpData-PULL", "HttpData-PUSH", NULL */
bool share_pushes(const struct share_process *);
struct share_target { /* in an arena */
    const char *url, *header, *authorization; /* header: NULL = none is asked for */
    bool his;                                 /* on the server this node knows him by */
};
/* Reads a dataAddress, of the protocol or as Eclipse connectors write it. KP_EDENIED: nothing is
 * pushed there, for it is not safe. */
enum kp_code share_target(const json_t *address, const struct share_partner *, struct kp_arena *,
                          struct share_target *, struct kp_err *);
/* A property of it by its short name, else (*full, NULL = all the same) with the prefix of Eclipse
 * connectors. */
const char *share_property(const json_t *address, const char *name, bool *full);
/* The address at which we take what is pushed in this transfer, with a new token. json_decref it. */
json_t *share_own_target(struct kp_share *, const char *pid, struct kp_err *);

/* ---- push.c: the thread that pushes ---- */
enum kp_code share_push_start(struct kp_share *, struct kp_err *);
void share_push_stop(struct kp_share *); /* after stopping is set */
void share_push_begin(struct kp_share *); /* something may run; the thread begins with the first */
void share_push_wake(struct kp_share *);  /* something may end */

/* ---- keeper.c: what the gate asks ---- */
enum kp_code share_keeper_new(struct kp_share *, struct kp_err *); /* and the gate */
void share_keeper_free(struct kp_share *);
/* After each committed step that may have moved it; what ends stops at once. */
void share_keep(struct kp_share *, const struct share_process *);
void share_keep_agreement(struct kp_share *, const char *id);
void share_keep_partner(struct kp_share *, const char *name);
enum kp_code share_keep_all(struct kp_share *, struct kp_err *);
/* Whether data of this transfer goes out; else why not. Never waits for the disk. */
bool share_runs(struct kp_share *, const char *pid, char *why, size_t size);
/* The same for who has read it from the file: KP_EDENIED with what was said when it ended. */
enum kp_code share_must_run(struct kp_share *, const struct share_process *, struct kp_err *);

struct share_stream { /* data that is going out */
    struct share_stream *next, *prev;
    const char *partner, *transfer; /* a name, a pid */
    void (*wake)(void *arg); /* something was ended or suspended; must not block */
    void *arg;
};
void share_stream_add(struct kp_share *, struct share_stream *);
void share_stream_remove(struct kp_share *, struct share_stream *); /* no `wake` after it returns */
void share_streams_count(struct kp_share *, const char *partner, size_t *his, size_t *all);

/* ---- token.c ---- */
enum { SHARE_TOKEN_S = 3600 };
/* The address of a transfer's data at this node, with a new token. JSON. */
enum kp_code share_put_address(struct kp_share *, struct kp_json *, const struct share_process *,
                               struct kp_err *);

/* ---- grant.c ---- */
struct share_grant { /* in an arena */
    struct share_process process;
    const char *participant; /* who the partner is in the protocol */
    const char *signals;     /* patterns, JSON */
    struct kp_grant grant;
};
/* What the gate has to know of a transfer; KP_EDENIED: its agreement cannot be kept. */
enum kp_code share_grant(struct kp_share *, const char *pid, struct kp_arena *,
                         struct share_grant *, struct kp_err *);
struct kp_cursor *share_open_gate(struct kp_share *, const struct share_grant *, struct kp_err *);
/* Whether the token is for it and it runs; KP_EDENIED says why not. */
enum kp_code share_grant_holds(struct kp_share *, const struct kp_data_token *,
                               const struct share_grant *, struct kp_err *);
struct share_signals { /* kp_free the list */
    kp_signal *list;
    size_t n;
};
/* Those of it that there are and that may go now. */
enum kp_code share_signals(struct kp_share *, const struct share_grant *, struct share_signals *,
                           struct kp_err *);

/* ---- exit.c: the row of what goes out ---- */
struct share_exit {
    int64_t id; /* 0 = not written yet */
    const char *partner, *agreement, *dataset, *way;
    int64_t transfer, at, from, to, values, intervals, bytes; /* from, to: of source times */
    json_t *signals;       /* paths, the first 1000 */
    unsigned char *listed; /* by signal: its path is among them */
    size_t listed_room;
    struct kp_digest digest;
    const char *why; /* it has ended; NULL: it goes on */
};
void share_exit_begin(struct share_exit *, const struct share_grant *, const char *way, int64_t at);
enum kp_code share_exit_put(struct kp_share *, struct share_exit *, struct kp_err *);
void share_exit_count(struct share_exit *, struct kp_share *, const struct kp_batch *);
void share_exit_free(struct share_exit *);
/* What a crash has left open has ended. */
enum kp_code share_exits_settle(struct kp_share *, struct kp_err *);

/* ---- outbox.c ---- */
void *share_deliver(void *); /* the thread */
void share_wake(struct kp_share *);
#endif
