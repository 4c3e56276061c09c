/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_FEED_CSAF_READ_H
#define KOPPEL_SHIELD_FEED_CSAF_READ_H
/* What providers of security advisories publish beside them (CSAF 2.0, section 7): who they are,
 * where their lists are, which documents there are, what their digests and names have to be. */
#include "core/err.h"
#include "core/mem.h"
#include "core/text.h"

#include <jansson.h>

enum {
    KP_CSAF_PROVIDER_BYTES_MAX = 1 << 20,
    KP_CSAF_LIST_BYTES_MAX = 24 << 20,
    KP_CSAF_ENTRIES_MAX = 100000,
    KP_CSAF_LISTS_MAX = 32,
    KP_CSAF_KEYS_MAX = 8,
    KP_CSAF_SERVERS_MAX = 8,
    KP_CSAF_LISTED_MAX = 2000 /* providers of an aggregator */
};

enum kp_csaf_role { KP_CSAF_PUBLISHER, KP_CSAF_PROVIDER, KP_CSAF_TRUSTED_PROVIDER };
extern const char *const kp_csaf_roles[]; /* "csaf_publisher" ...; ends with NULL */

struct kp_csaf_list {
    const char *url; /* of a ROLIE feed, or of a folder, with a slash at its end */
    const char *tlp; /* "WHITE" ...; "" where it is not said */
    bool rolie;
};
struct kp_csaf_key {
    char fingerprint[65];
    const char *url;
};
struct kp_csaf_provider { /* all of it in the arena */
    const char *canonical, *publisher, *space;
    enum kp_csaf_role role;
    struct kp_csaf_list list[KP_CSAF_LISTS_MAX]; /* ROLIE feeds alone, when there are any */
    struct kp_csaf_key key[KP_CSAF_KEYS_MAX];
    const char *server[KP_CSAF_SERVERS_MAX]; /* that all this lies on: "https://host:port" */
    size_t lists, keys, servers;
};
/* KP_EPARSE, KP_EINVALID, KP_EFULL, KP_ENOMEM. */
enum kp_code kp_csaf_provider_read(const char *text, size_t len, struct kp_arena *,
                                   struct kp_csaf_provider *, struct kp_err *);

/* A list of providers (CSAF 2.0, 7.1.21 and aggregator.json): an object {aggregator, namespace,
 * category, providers [{publisher, namespace, role, url, mirror}]}. url: of the provider's
 * metadata; mirror: of a copy of them there, "" = none. NULL: err says why, KP_EINVALID when it is
 * none. */
json_t *kp_csaf_aggregator_read(const char *text, size_t len, struct kp_err *);

struct kp_csaf_entry {
    const char *url, *hash, *signature; /* addresses; NULL: not said */
    int64_t updated;                    /* KP_NO_TIME: not said */
};
struct kp_csaf_entries { /* begin with { 0 } */
    struct kp_csaf_entry *of;
    size_t n, room, refused; /* refused: entries that lead nowhere good */
    char why[KP_ERR_TEXT];   /* of the first of them */
    json_t *json;            /* holds texts */
    struct kp_arena texts;
};
enum kp_code kp_csaf_rolie_read(const char *text, size_t len, struct kp_csaf_entries *,
                                struct kp_err *);
/* changes.csv (`dates`: "path","time") or index.txt (path) of that folder. The text is changed. */
enum kp_code kp_csaf_folder_read(char *text, const char *folder, bool dates,
                                 struct kp_csaf_entries *, struct kp_err *);
void kp_csaf_entries_sort(struct kp_csaf_entries *); /* the newest first */
void kp_csaf_entries_free(struct kp_csaf_entries *);

/* Whether that is what a digest file says: hexadecimal digits, then perhaps a name. `bits` 256,
 * 512. */
enum kp_code kp_csaf_hash_check(const char *text, size_t len, const char *digest, size_t digest_len,
                                int bits, struct kp_err *);
/* What a document of that tracking id is called: "icsa-24-046-01.json". */
void kp_csaf_file_name(const char *id, char *out, size_t size);
/* "2024/icsa-24-046-01.json": below its folder, and nothing that a server or a disk reads
 * otherwise. */
bool kp_csaf_path_good(const char *path, struct kp_err *);
/* The last part of an address or path. */
const char *kp_csaf_base_name(const char *url);

/* Traffic light labels: 0 for all (WHITE, CLEAR, not said), 1 GREEN, 2 AMBER, 3 AMBER+STRICT, 4
 * RED, or a word that is none of these. */
int kp_tlp_rank(const char *label);
#endif
