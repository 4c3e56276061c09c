/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHARE_DATA_PRIVATE_H
#define KOPPEL_SHARE_DATA_PRIVATE_H
/* Data that is going out: what is read and how far, and how it is written. */
#include "core/filter.h"
#include "share/private.h"
#include "store/position.h"

/* What is read of, and then written. */
enum data_phase {
    DATA_LISTEN,    /* who follows: what comes from now on waits, before anything is read */
    DATA_VALUES,    /* signal by signal */
    DATA_INTERVALS, /* in order of start */
    DATA_STEPS,     /* those that are over */
    DATA_COMMITS,   /* who follows: what was stored since then */
    DATA_LIVE,      /* and what comes */
    DATA_PAUSE,     /* under steps or a delay: until more of the history is old enough */
};

struct data_writer {
    enum kp_data_form form;
    const struct kp_model *model; /* locked for a path */
    unsigned functions;           /* of steps, how many each gives; 0 = values as they came */
    uint8_t which;                /* bits of enum kp_function */
    struct kp_minute minute;
    struct kp_buf before; /* what a line begins with, of this signal and version of the model */
    kp_signal signal;
    uint64_t version;
    bool begun;
};

/* A signal that is followed. Most of what comes is shown by the hub at once, and is in the commits
 * read later; what is older than another value the hub does not show, and comes by the commits
 * alone. */
struct data_seen {
    int64_t shown;  /* newest given, but for what came late; 0 = none */
    int64_t newest; /* of what is in the history, and in the commits read since, late or not */
    uint64_t first, last; /* commits that the first and the last look at its history had */
    int64_t from;         /* source time where the last look began */
    uint8_t asked;        /* whether the patterns name it */
};

struct data_commits { /* read, and not yet passed on */
    struct data_point {
        struct kp_sample s;
        bool historic;
    } * list;
    size_t n, room;
    struct kp_arena text;
    uint64_t version; /* of the model, as `asked` is for */
};

struct kp_data {
    struct kp_share *share;
    struct kp_hub *hub;
    struct kp_data_wish wish;
    struct kp_arena arena;
    struct share_grant grant;
    struct kp_cursor *cursor;
    struct share_stream stream;
    struct data_writer writer;
    struct kp_batch *in, *out;
    struct kp_db *db; /* while a piece is made, if it is read */
    enum data_phase phase;
    bool over, flush;
    /* a pass through the history */
    struct share_signals signals;
    size_t at;
    int64_t from,
        before;       /* source times; of a signal that was given before, from what comes then */
    int64_t next;     /* of the signal that is being read; KP_NO_TIME = not begun */
    int64_t began;    /* monotonic */
    int64_t began_at; /* UTC */
    int64_t overlap;  /* intervals that end later than this */
    int64_t last_start, last_id; /* the interval given last */
    /* of who follows */
    bool follows; /* values as they come; else (events) the history again and again */
    struct data_seen *seen;
    size_t seen_room;
    struct kp_subscriber *subscriber;
    struct kp_hold hold; /* of the commits that are not read yet, while there is a subscriber */
    uint64_t behind;     /* of the subscriber, as known */
    uint64_t snapshot, settled, position; /* of commits: this reading's; the last of a pass; read */
    struct data_commits commits;
    struct kp_filter *filter;
    int64_t due;      /* monotonic, of a pause */
    int64_t looked;   /* monotonic, when steps and labels were looked at */
    uint64_t version; /* of the model, then */
    /* the exit */
    struct share_exit exit;
    int64_t noted, noted_count; /* monotonic; values and intervals that the row told of then */
};

/* ---- data_write.c ---- */
void data_writer_begin(struct data_writer *, enum kp_data_form, const struct kp_model *,
                       const struct kp_terms *);
void data_put_head(struct data_writer *, struct kp_buf *);
void data_put_values(struct data_writer *, const struct kp_batch *, struct kp_buf *);
void data_put_interval(struct data_writer *, const struct kp_interval *, bool removed,
                       struct kp_buf *);
/* why NULL: it is complete. */
void data_put_end(enum kp_data_form, const char *why, const struct share_exit *, struct kp_buf *);

/* ---- data_live.c ---- */
/* A step of each kind; false: there is nothing to do now. */
bool data_listen(struct kp_data *, struct kp_err *);
bool data_live(struct kp_data *, struct kp_buf *, struct kp_err *);
void data_unlisten(struct kp_data *);

/* ---- data_commits.c ---- */
struct data_seen *data_seen(struct kp_data *, kp_signal); /* NULL: out of memory */
/* Before a look at its history from a source time on; begins: the first one of a pass. */
void data_look_at(struct kp_data *, kp_signal, int64_t from, bool begins, struct kp_err *);
void data_commits(struct kp_data *, struct kp_buf *, struct kp_err *); /* a step */
/* All up to this commit was dealt with. */
void data_move(struct kp_data *, uint64_t position);
void data_commits_free(struct kp_data *);

/* ---- data.c ---- */
void data_begin_pass(struct kp_data *, struct kp_err *);
void data_pass(struct kp_data *, struct kp_buf *); /* `in` through the gate */
void data_pass_interval(struct kp_data *, const struct kp_interval *, bool removed,
                        struct kp_buf *);
void data_flush(struct kp_data *, struct kp_buf *); /* steps that are over */
void data_end(struct kp_data *, const char *why, struct kp_buf *);
int64_t
data_before(const struct kp_data *); /* up to where history is given under steps or a delay */
uint64_t data_version(const struct kp_data *); /* of the model */
/* While a piece is made; for who follows all reading is of one moment. */
struct kp_db *data_reader(struct kp_data *, struct kp_err *);
void data_reader_done(struct kp_data *);
#endif
