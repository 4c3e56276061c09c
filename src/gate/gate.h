/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_GATE_GATE_H
#define KOPPEL_GATE_GATE_H
/* The one gate: nothing of the model goes to somebody outside the node without asking here. Labels
 * decide for everybody; who is another company needs an agreement besides, of which the terms are
 * enforced on each value. What is in doubt does not pass. */
#include "core/model.h"
#include "gate/terms.h"

struct kp_clock;

/* Who gets it, the least trusted first: whoever does not say is anyone. */
enum kp_recipient {
    KP_TO_ANYONE,
    KP_TO_CLOUD, /* an assistant that another company runs: as a partner, but what partners gave goes
                    there only if they permit it */
    KP_TO_PARTNER, /* another company, under an agreement */
    KP_TO_COMPANY, /* programs with a token, messages to people of this company */
    KP_TO_NODE,    /* it stays inside: the console, the CLI on this machine */
};

/* ---- labels; under the model's lock ---- */
/* Whether a thing with this label in force may go there. */
bool kp_gate_label(enum kp_recipient, uint8_t label);
bool kp_gate_asset(const struct kp_model *, enum kp_recipient, kp_asset);
bool kp_gate_signal(const struct kp_model *, enum kp_recipient,
                    kp_signal); /* false: no such signal, too */
/* Of a value that is kept: its signal may be gone, and what it was with it; then it stays in the
 * node. */
bool kp_gate_kept(const struct kp_model *, enum kp_recipient, kp_signal);
/* The same of an interval and its asset. */
bool kp_gate_interval(const struct kp_model *, enum kp_recipient, const struct kp_interval *);
/* Whether what is made of all signals of a machine (key figures) may go there, as far as partners
 * are concerned who gave some of them. */
bool kp_gate_made_of(const struct kp_model *, enum kp_recipient, kp_asset machine);

/* ---- agreements ---- */

/* Who keeps the agreements. */
struct kp_keeper {
    void *self;
    /* Whether the agreement is in force and this transfer of it goes on. Must not block. */
    bool (*holds)(void *self, const char *agreement, const char *transfer);
    /* Writes down that the transfer has begun, durable when it returns; one that had begun is not
     * counted again. KP_EDENIED: `most` others (0 = any number) have begun before it. */
    enum kp_code (*begin)(void *self, const char *agreement, const char *transfer, int64_t most,
                          struct kp_err *);
    /* Whether a signal that this coupling (0 = none) brings may go to another company, for it may be
     * a third one's. Must not block. */
    bool (*onward)(void *self, uint16_t coupling, const char *path);
};

struct kp_gate;
struct kp_gate *kp_gate_new(struct kp_model *, const struct kp_clock *, struct kp_keeper);
void kp_gate_free(struct kp_gate *); /* after its cursors */
/* Something was ended, suspended or taken back: each cursor asks the keeper before its next value.
 * Any thread. */
void kp_gate_revoke(struct kp_gate *);

/* What a partner may have. */
struct kp_grant {
    const char *agreement, *partner;
    const char *include, *exclude; /* patterns of signals, as of kp_filter_def; include "" = none */
    struct kp_terms terms;
    char separator; /* between patterns; 0 = comma */
};

enum kp_why {
    KP_WHY_NOT,     /* nothing was denied */
    KP_WHY_UNKNOWN, /* there is no such signal */
    KP_WHY_LABEL,   /* its label keeps it in */
    KP_WHY_SIGNAL,  /* it is not in the agreement */
    KP_WHY_ONWARD,  /* it came from another company, which did not permit to hand it on */
    KP_WHY_PERIOD,  /* its time is not in the agreement's period */
    KP_WHY_DELAY,   /* it is too new */
    KP_WHY_LATE,    /* its step was given before it came */
    KP_WHY_STEPS,   /* only values of steps were agreed, and it cannot be summed up */
    /* these end a cursor: */
    KP_WHY_NOT_YET, /* the agreement begins later */
    KP_WHY_EXPIRED,
    KP_WHY_ENDED, /* the agreement, or the transfer */
    KP_WHY_MEMORY,
    KP_WHYS,
};
const char *kp_gate_reason(enum kp_why); /* half a sentence, for people */

/* One transfer to one partner; for one thread. Its copy of the terms does not change. */
struct kp_cursor;
/* The transfer is counted on the disk when it returns, before anything can be passed. KP_EDENIED
 * with the reason: not this partner's, not in force, not now, too many. */
struct kp_cursor *kp_gate_open(struct kp_gate *, const struct kp_grant *, const char *partner,
                               const char *transfer, struct kp_err *);
void kp_gate_close(struct kp_cursor *);

enum kp_verdict { KP_ALLOW, KP_ALTER, KP_DENY };

/* Passes on of `in`, from sample *at on, what may go; stops when `out` has no room for the next
 * (*at < in->n then). Raw values go as they came. Of steps (terms.every) the functions go that were
 * agreed, one sample each in the order of enum kp_function, with the step's start as time; a step
 * is over, and never changes any more, when a value after it comes or by kp_gate_flush. The samples
 * of a signal must come in order of time; what comes after its step is left out. Not with the
 * model's lock held. KP_ALTER: something was left out or summed up. KP_DENY: nothing passes any
 * more, kp_gate_why. */
enum kp_verdict kp_gate_pass(struct kp_cursor *, const struct kp_batch *in, unsigned *at,
                             struct kp_batch *out);
/* Gives the steps that are over by now; KP_ALTER: call again with room, there are more. */
enum kp_verdict kp_gate_flush(struct kp_cursor *, struct kp_batch *out);
/* An interval of a thing that the agreement's patterns name, cut to its period; with a delay only
 * once it has ended, for that it goes on is news. KP_DENY: not this one, or (kp_gate_why) nothing
 * any more. Strings of *out are those of `in`. Not with the model's lock held. */
enum kp_verdict kp_gate_pass_interval(struct kp_cursor *, const struct kp_interval *in,
                                      struct kp_interval *out);
/* Values of a later time than this are too new; read history up to it. */
int64_t kp_gate_horizon(const struct kp_cursor *);
enum kp_why kp_gate_why(const struct kp_cursor *); /* why it has ended; KP_WHY_NOT: it has not */
uint64_t kp_gate_denied(const struct kp_cursor *, enum kp_why); /* what was left out for that */
#endif
