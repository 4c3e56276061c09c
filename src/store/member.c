/* SPDX-License-Identifier: Apache-2.0 */
/* Members show their password with each request, and Argon2id is dear by design: who was right is
 * known for a short while by a keyed digest, which is worth nothing without this process. */
#include "store/engine.h"
#include "store/user.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

static const int64_t known_for = 600 * KP_SECOND;

static void digest(struct kp_store *s, const char *name, const char *password,
                   unsigned char out[32])
{
    crypto_generichash_state h;
    crypto_generichash_init(&h, s->member_key, sizeof s->member_key, 32);
    crypto_generichash_update(&h, (const unsigned char *)name, strlen(name) + 1);
    crypto_generichash_update(&h, (const unsigned char *)password, strlen(password));
    crypto_generichash_final(&h, out, 32);
    sodium_memzero(&h, sizeof h);
}

/* Mutex held. */
static bool has_key(struct kp_store *s)
{
    if (sodium_init() < 0)
        return false;
    if (sodium_is_zero(s->member_key, sizeof s->member_key))
        kp_random(s->member_key, sizeof s->member_key);
    return true;
}

bool kp_member_known(struct kp_store *s, const char *name, const char *password)
{
    unsigned char mac[32];
    struct kp_user user = { 0 };
    bool known = false, is = kp_user_find(s, name, &user) && user.member && !user.disabled;
    int64_t now = kp_mono(s->clock);
    pthread_mutex_lock(&s->mutex);
    if (has_key(s)) {
        digest(s, name, password, mac);
        for (size_t i = 0; i < KP_MEMBERS_KNOWN; i++) {
            const struct kp_member_memo *m = &s->members[i];
            known |= (sodium_memcmp(m->mac, mac, sizeof mac) == 0) & (m->until > now) &
                     (m->epoch == user.epoch);
        }
    }
    pthread_mutex_unlock(&s->mutex);
    return is && known;
}

/* Mutex held. That of the same member, else the one that ends first. */
static struct kp_member_memo *place(struct kp_store *s, const char *name)
{
    struct kp_member_memo *best = &s->members[0];
    for (size_t i = 0; i < KP_MEMBERS_KNOWN; i++) {
        struct kp_member_memo *m = &s->members[i];
        if (m->until && strcmp(m->name, name) == 0)
            return m;
        if (m->until < best->until)
            best = m;
    }
    return best;
}

void kp_member_remember(struct kp_store *s, const struct kp_user *user, const char *password)
{
    int64_t now = kp_mono(s->clock);
    pthread_mutex_lock(&s->mutex);
    if (has_key(s)) {
        struct kp_member_memo *m = place(s, user->name);
        *m = (struct kp_member_memo){ .epoch = user->epoch, .until = now + known_for };
        snprintf(m->name, sizeof m->name, "%s", user->name);
        digest(s, user->name, password, m->mac);
    }
    pthread_mutex_unlock(&s->mutex);
}
