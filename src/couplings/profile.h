/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_PROFILE_H
#define KOPPEL_COUPLINGS_PROFILE_H
/* Profiles: data files (profiles/NAME.json) that say what the variables of a kind of machine or
 * companion specification mean and which are subscribed without being asked. Rules are tried in
 * order; the first that speaks about a variable counts. Upper and lower case make no difference. */
#include "core/err.h"
#include "core/mem.h"

struct kp_profile;

/* Of JSON text; NULL and an error that names profile and place. */
struct kp_profile *kp_profile_parse(const char *name, const void *json, size_t len,
                                    struct kp_err *);
void kp_profile_free(struct kp_profile *);
const char *kp_profile_name(const struct kp_profile *);
const char *kp_profile_title(const struct kp_profile *);
const char *kp_profile_protocol(const struct kp_profile *); /* "" = every protocol */
/* Addresses of things that send events without the server's own object passing them on (OPC UA),
 * NULL-ended; NULL: none. */
const char *const *kp_profile_notifiers(const struct kp_profile *);
/* Lines of a map, as the protocol's own map file has them, NULL-ended; NULL: it has none. */
const char *const *kp_profile_map(const struct kp_profile *);

/* What is known of the other side when a profile is chosen. */
struct kp_profile_peer {
    const char *protocol;           /* the coupling class's name */
    const char *const *namespaces;  /* companion specifications it speaks */
    size_t n;
    const char *product; /* "Manufacturer/Product" as it says itself, or NULL */
    const char *by_hand; /* the name of a profile a person chose, or NULL */
};
/* Whether there is a profile of that name for that protocol; the error names the nearest. */
enum kp_code kp_profile_check(const char *protocol, const char *name, struct kp_err *);
bool kp_profile_applies(const struct kp_profile *, const struct kp_profile_peer *);

struct kp_profile_variable {
    const char *path; /* relative to the coupling's `at` */
    const char *kind; /* the protocol's own word for what it is ("EXECUTION"), or NULL */
    uint8_t type;     /* enum kp_type */
    bool property;    /* describes another variable or the machine (OPC UA) */
};
struct kp_profile_choice {
    const char *role, *states; /* live as long as the profile, or NULL */
    bool subscribe;
};
/* True when a rule of it speaks about this variable. */
bool kp_profile_match(const struct kp_profile *, const struct kp_profile_variable *,
                      struct kp_profile_choice *);

/* Those built in that apply, most special first. */
enum { KP_PROFILES_MAX = 16 };
struct kp_profiles {
    struct kp_profile *list[KP_PROFILES_MAX];
    size_t n;
};
enum kp_code kp_profiles_load(struct kp_profiles *, const struct kp_profile_peer *,
                              struct kp_err *);
void kp_profiles_free(struct kp_profiles *);
/* The choice of the first profile that speaks about it; false and an empty choice when none does. */
bool kp_profiles_match(const struct kp_profiles *, const struct kp_profile_variable *,
                       struct kp_profile_choice *);
/* Where people put profiles of their own, read each time profiles are looked at; one with the name of a built-in one takes
 * its place. Called before couplings start; NULL: nowhere. */
void kp_profiles_folder(const char *dir);
/* All of them, those of the folder first; a file that cannot be read is warned about and left out. By name, with their JSON text; `each` owns the profile. Stops when it
 * returns false. */
enum kp_code kp_profiles_each(bool (*each)(void *, struct kp_profile *, const char *json), void *arg,
                              struct kp_err *);
#endif
