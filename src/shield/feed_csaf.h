/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_FEED_CSAF_H
#define KOPPEL_SHIELD_FEED_CSAF_H
/* Feeds of security advisories (CSAF 2.0, section 7): a provider is found, a person trusts its
 * keys, and what is new in its lists is brought. Digest and signature are checked before anything
 * is read. A document that is wrong is refused, with the reason, and the others go on. Each
 * document is one transaction together with the row that says it was brought, so a pull that is cut
 * short anywhere goes on where it was. */
#include "net/fetch.h"
#include "shield/feed_csaf_read.h"
#include "shield/openpgp.h"
#include "shield/shield.h"

/* How things are asked for; tests hand in their own. */
struct kp_csaf_io {
    enum kp_code (*get)(void *arg, const struct kp_fetch *, struct kp_fetched *, struct kp_err *);
    enum kp_code (*wait)(void *arg, int64_t ns, struct kp_err *);
    void *arg;
};

/* ---- who is trusted ---- */
/* From a domain, or the address of a provider's metadata. A JSON object: url (of the metadata),
 * canonical, publisher, namespace, role, servers [], lists [{url, tlp, rolie}], keys [{fingerprint,
 * owner, key}], notes [] (keys that could not be used). Of an aggregator's list: url, and what
 * kp_csaf_aggregator_read says of it. NULL: err says why; json_decref it.
 * `folder` is made for the keys and removed. */
json_t *kp_csaf_find(const struct kp_csaf_io *, const char *where, const char *folder,
                     struct kp_err *);
/* The same from the text of the metadata, when it lies in a folder; `key_of` reads what a key's
 * address names there (NULL: it is not there). */
json_t *kp_csaf_find_here(const char *text, size_t len,
                          const char *(*key_of)(void *, const char *url, size_t *len), void *arg,
                          const char *folder, struct kp_err *);
/* Takes away all keys but these (a list of fingerprints; NULL: none is trusted). KP_ENOTFOUND: the
 * provider has no such key. */
enum kp_code kp_csaf_trust(json_t *found, const json_t *fingerprints, struct kp_err *);

/* ---- taking documents ---- */
enum csaf_state { CSAF_TAKEN, CSAF_FAULTY, CSAF_OLDER, CSAF_REFUSED, CSAF_LIST };
extern const char *const kp_csaf_states[]; /* "taken" ... */

/* A document and what vouches for it; NULL: it is not there. */
struct kp_csaf_paper {
    const char *url;  /* where it comes from; its last part is the file's name */
    const char *text; /* ends with a 0 that does not count */
    size_t len;
    const char *sha256, *sha512, *signature;
    size_t sha256_len, sha512_len, signature_len;
    const char *tlp;         /* what its list is labelled; "" or NULL: not said */
    const char *tag, *since; /* what the server said of it */
    int64_t updated;         /* KP_NO_TIME: not said */
};
struct kp_csaf_desk { /* where documents of one feed are taken, one after the other */
    struct kp_shield *shield;
    int64_t feed;
    int tlp_most;            /* the highest label it may bring (kp_tlp_rank) */
    bool proof_needed;       /* a document without digest and signature is refused */
    struct kp_openpgp *keys; /* NULL: no key is trusted, signatures are not looked at */
    /* out */
    size_t state[CSAF_LIST + 1]; /* how many of each */
    size_t opened, closed;       /* findings */
    char why[KP_ERR_TEXT];       /* of the first that was refused */
};
/* With keys the signature must be there and right; without, a trusted provider's documents need a
 * digest. Digests that are there must be right. A document that is not valid is taken all the same,
 * if it can be read, as CSAF_FAULTY: its advice is better than none. What became of it is
 * written down, and told with the reason ("" when all is well). */
enum kp_code kp_csaf_take(struct kp_csaf_desk *, const struct kp_csaf_paper *, enum csaf_state *,
                          char why[KP_ERR_TEXT], struct kp_err *);
/* One that did not even come, for a reason that is its own. */
enum kp_code kp_csaf_refuse(struct kp_csaf_desk *, const struct kp_csaf_paper *, const char *why,
                            struct kp_err *);
/* The keys of `trust` (as kp_csaf_find made it) in a folder; NULL and no error: there are none. */
struct kp_openpgp *kp_csaf_keys(const json_t *trust, const char *folder, struct kp_err *);

/* ---- pulling ---- */
struct kp_csaf_pull {
    struct kp_csaf_desk desk; /* its keys are made by the pull */
    const struct kp_csaf_io *io;
    json_t *trust; /* as kp_csaf_find made it; what the provider changed in its keys is put there */
    const char *folder; /* for the keys */
    /* out */
    bool trust_changed;
    size_t lists, unchanged; /* that were looked at; that had nothing new */
    size_t failed;           /* documents that did not come; they are asked for again */
    int64_t wait;            /* ns: the server wants to be left alone so long */
    char note[KP_ERR_TEXT];  /* what a person should know: keys, lists not asked for; "" */
};
enum kp_code kp_csaf_pull(struct kp_csaf_pull *, struct kp_err *);
#endif
