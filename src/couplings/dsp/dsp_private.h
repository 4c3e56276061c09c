/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_DSP_PRIVATE_H
#define KOPPEL_COUPLINGS_DSP_PRIVATE_H
/* What the files of this coupling share: its signals (goods.c), the link (dsp.c). */
#include "couplings/dsp/feed.h"
#include "couplings/names.h"
#include "net/http.h"
#include "net/json_memory.h"
#include "share/share.h"

enum { DSP_SIGNALS_MAX = 50000, DSP_LIST_MAX = 32 << 20, DSP_REASON = 2000 };

struct dsp_settings {
    char *agreement, *since, *host;
    int64_t overlap;
};

struct dsp_item { /* a signal */
    kp_signal id; /* 0: nobody wants it here */
    uint8_t type;
    int64_t known; /* everything up to here is in the history; KP_NO_TIME: nothing is left out any
                      more */
};

struct dsp {
    struct kp_coupling *c;
    const struct dsp_settings *set;
    struct kp_arena arena; /* of the source */
    struct kp_share_source source;
    struct kp_names names; /* "hall/oven/temperature", "hall/oven/temperature-mean" */
    struct dsp_item *items;
    size_t n, room, left_out;
    struct kp_buf value; /* of the sample under way */
    struct kp_http *http;
    struct kp_feed feed;
    struct kp_buf refusal; /* the answer, when it is not the data */
    bool live, renewed;
    int64_t asked_to;             /* of a piece of history: its end */
    int64_t reached;              /* once all of it is here */
    int64_t begun_at, heard;      /* monotonic */
    int64_t renew_at, saved_at;   /* monotonic */
    int64_t newest;               /* source time that came on this link */
    uint64_t mismatched, strange; /* values of another type; of a signal that was not listed */
    /* over a lost link */
    int64_t upto;  /* all of an earlier source time is on the disk; KP_NO_TIME = not known yet */
    int64_t piece; /* ns of history asked for at once */
    int64_t listed_at; /* monotonic */
};

/* ---- goods.c ---- */
/* Makes signals of the partner's list of them. */
enum kp_code dsp_declare(struct dsp *, const char *text, size_t len, struct kp_err *);
void dsp_forget(struct dsp *);
enum kp_code dsp_take_value(struct dsp *, const struct kp_fed *, struct kp_err *);
enum kp_code dsp_take_interval(struct dsp *, const struct kp_fed *, struct kp_err *);
/* Waits until all that was reported is in the data file. */
enum kp_code dsp_settle(struct dsp *, struct kp_err *);
#endif
