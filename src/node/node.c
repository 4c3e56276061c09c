/* SPDX-License-Identifier: Apache-2.0 */
#include "node/private.h"

#include "couplings/all.h"
#include "couplings/profile.h"
#include "couplings/discover/discover.h"
#include "flex/report.h"
#include "shield/daily.h"
#include "store/audit.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/ban.h"

/* ---- making a node ---- */
static enum kp_code make_dir(const char *dir, struct kp_err *err)
{
    if (mkdir(dir, 0700) == 0)
        return KP_OK;
    if (errno != EEXIST)
        return kp_fail(err, KP_EIO, "%.120s: cannot make the folder: %s", dir, strerror(errno));
    DIR *d = opendir(dir);
    if (!d)
        return kp_fail(err, KP_EIO, "%.120s: cannot open the folder: %s", dir, strerror(errno));
    for (struct dirent *e; (e = readdir(d)) && !err->code;)
        if (strcmp(e->d_name, "factory.db") == 0)
            kp_fail(err, KP_EEXISTS,
                    "%.120s holds a node already; choose another folder, or run it with "
                    "'koppel run %.120s'",
                    dir, dir);
    closedir(d);
    return err->code;
}

static void unmake(const char *dir)
{
    static const char *const files[] = { "factory.db", "factory.db-wal", "factory.db-shm",
                                         "factory.lock", "node.key" };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[KP_PATH_MAX];
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        unlink(path);
    }
    rmdir(dir); /* fails, as it should, when it held other things */
}

static enum kp_code let_in(struct kp_store *store, struct kp_first *first, struct kp_err *err)
{
    const struct kp_user_change owner = { .role = KP_OWNER, .disabled = -1 };
    if (kp_token_create(store, "init", first->token, err) || !first->owner)
        return err->code;
    kp_password_make(first->password);
    return kp_user_add(store, first->owner, &owner, first->password, true, err);
}

static enum kp_code furnish(const char *dir, const char *name, struct kp_first *first,
                            struct kp_err *err)
{
    struct kp_store *store = kp_store_open(dir, &(struct kp_store_options){ 0 }, err);
    if (!store)
        return err->code;
    if (!kp_key_load(store, dir, err) && !kp_store_start(store, err)) {
        if (!kp_couplings_make_identity(store, name, err) && !let_in(store, first, err))
            kp_audit_event(store, "init", name, NULL);
        kp_store_stop(store);
    }
    kp_store_close(store);
    return err->code;
}

enum kp_code kp_node_create(const char *dir, const char *name, struct kp_first *first,
                            struct kp_err *err)
{
    if (!kp_name_valid(name, strlen(name)))
        return kp_fail(err, KP_EINVALID, "'%.60s' cannot be the name of a node", name);
    if (make_dir(dir, err))
        return err->code;
    if (kp_key_create(dir, err)) {
        rmdir(dir);
        return err->code;
    }
    if (kp_store_create(dir, name, err) || furnish(dir, name, first, err)) {
        unmake(dir);
        return err->code;
    }
    return KP_OK;
}

/* ---- running one ---- */
static enum kp_code read_name(struct kp_node *node, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_db *db = kp_store_reader(node->store, err);
    const char *name = db ? kp_setting_get(db, &arena, "name") : NULL;
    node->name = kp_strdup(name ? name : "koppel");
    if (!node->name)
        kp_fail(err, KP_ENOMEM, "out of memory");
    if (db)
        kp_store_reader_done(node->store, db);
    kp_arena_free(&arena);
    return err->code;
}

static enum kp_code open_parts(struct kp_node *node, const struct kp_node_options *o,
                               struct kp_err *err)
{
    struct kp_store_options so = { .clock = node->clock, .commit_every = o->commit_every };
    node->store = kp_store_open(node->dir, &so, err);
    if (!node->store || kp_key_load(node->store, node->dir, err) || read_name(node, err))
        return err->code;
    node->hub =
        kp_hub_new(&(struct kp_hub_options){ .clock = node->clock, .context = node->store }, err);
    if (!node->hub || kp_store_load(node->store, node->hub, err))
        return err->code;
    if (!(node->soon = kp_rota_new("soon", err)) || !(node->calm = kp_rota_new("calm", err)))
        return err->code;
    node->discover = kp_discover_new(node->clock);
    if (!node->discover)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    kp_discover_tell(node->discover, node->hub);
    char profiles[KP_PATH_MAX];
    snprintf(profiles, sizeof profiles, "%s/profiles", node->dir);
    kp_profiles_folder(profiles);
    if (couplings_load(node, err))
        return err->code;
    node->alarms = kp_alarms_new(node->hub, node->store, err);
    if (node->alarms)
        node->shop = kp_shop_new(node->hub, node->store, node->clock, err);
    if (node->shop) {
        node->inbox = kp_inbox_new(node->shop, node->dir, err);
        kp_shop_mail_by(node->shop, node->alarms);
    }
    if (node->inbox)
        node->share = kp_share_new(node->store, kp_hub_model(node->hub), node->clock, err);
    if (node->share)
        node->shield = kp_shield_new(node->hub, node->store, node->clock, err);
    if (node->shield)
        kp_shield_mail_by(node->shield, node->alarms);
    if (node->shield)
        node->watches = kp_watches_new(node->hub, node->store, node->alarms, node->clock, err);
    if (node->watches)
        node->computed = kp_computed_new(node, err);
    if (node->computed)
        node->learner = kp_level_learner_new(node, err);
    if (node->learner)
        kp_share_watched_by(node->share, node->hub);
    kp_hub_set_share(node->hub, node->share);
    return err->code;
}

struct kp_node *kp_node_open(const char *dir, const struct kp_node_options *o, struct kp_err *err)
{
    struct kp_node *node = kp_alloc(sizeof *node);
    if (!node || !(node->dir = kp_strdup(dir))) {
        kp_free(node);
        kp_fail(err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    node->clock = o->clock ? o->clock : &kp_clock_system;
    node->started = kp_utc(node->clock);
    pthread_mutex_init(&node->changing, NULL);
    if (!open_parts(node, o, err))
        return node;
    kp_node_free(node);
    return NULL;
}

static void stop_parts(struct kp_node *node)
{
    kp_watches_stop(node->watches);
    kp_level_learner_stop(node->learner);
    kp_computed_stop(node->computed);
    kp_inbox_stop(node->inbox);
    kp_shield_stop(node->shield);
    kp_share_stop(node->share);
    kp_shop_stop(node->shop);
    kp_hub_stop(node->hub); /* the last batches go to the store, which then commits them */
    kp_alarms_stop(node->alarms);
}

enum kp_code kp_node_start(struct kp_node *node, struct kp_err *err)
{
    if (kp_store_start(node->store, err))
        return err->code;
    if (kp_couplings_make_identity(node->store, node->name, err) || kp_alarms_start(node->alarms, node->soon, err) ||
        kp_shop_start(node->shop, node->soon, node->calm, err) || kp_share_start(node->share, err) ||
        kp_hub_start(node->hub, err) || kp_shield_start(node->shield, node->soon, node->calm, err) ||
        kp_level_learner_start(node->learner, node->calm, err) || kp_watches_start(node->watches, err)) {
        stop_parts(node);
        kp_store_stop(node->store);
        return err->code;
    }
    kp_inbox_start(node->inbox);
    kp_computed_start(node->computed);
    node->running = true;
    kp_audit_event(node->store, "start", node->name, "koppel " KOPPEL_VERSION);
    return KP_OK;
}

void kp_node_stop(struct kp_node *node)
{
    if (!node->running)
        return;
    kp_discover_cancel(node->discover);
    stop_parts(node);
    kp_audit_event(node->store, "stop", node->name, NULL);
    kp_store_stop(node->store);
    node->running = false;
}

void kp_node_free(struct kp_node *node)
{
    if (!node)
        return;
    kp_level_learner_free(node->learner);
    kp_computed_free(node->computed);
    kp_inbox_free(node->inbox);
    kp_discover_free(node->discover);
    if (node->hub)
        kp_hub_free(node->hub);
    kp_watches_free(node->watches);
    kp_alarms_free(node->alarms);
    kp_shop_free(node->shop);
    kp_share_free(node->share);
    kp_shield_free(node->shield);
    kp_rota_free(node->soon);
    kp_rota_free(node->calm);
    if (node->store)
        kp_store_close(node->store);
    couplings_free(node);
    pthread_mutex_destroy(&node->changing);
    kp_free(node->name);
    kp_free(node->dir);
    kp_free(node);
}

struct kp_hub *kp_node_hub(struct kp_node *node)
{
    return node->hub;
}

struct kp_store *kp_node_store(struct kp_node *node)
{
    return node->store;
}

struct kp_discover *kp_node_discover(struct kp_node *node)
{
    return node->discover;
}

struct kp_shop *kp_node_shop(struct kp_node *node)
{
    return node->shop;
}

struct kp_share *kp_node_share(struct kp_node *node)
{
    return node->share;
}

struct kp_watches *kp_node_watches(struct kp_node *node)
{
    return node->watches;
}

struct kp_shield *kp_node_shield(struct kp_node *node)
{
    return node->shield;
}

void kp_node_offers_changed(struct kp_node *node)
{
    kp_computed_hurry(node->computed);
}

struct kp_alarms *kp_node_alarms(struct kp_node *node)
{
    return node->alarms;
}

const char *kp_node_dir(const struct kp_node *node)
{
    return node->dir;
}

const char *kp_node_name(const struct kp_node *node)
{
    return node->name;
}

int64_t kp_node_started(const struct kp_node *node)
{
    return node->started;
}
