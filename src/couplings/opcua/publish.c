/* SPDX-License-Identifier: Apache-2.0 */
/* What a look came to: the catalogue of everything, nameplates, and the signals subscribed without
 * being asked. */
#include "couplings/opcua/opcua_private.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { SPACES_MAX = 64 << 10, UNASKED_MAX = 200 }; /* signals subscribed without being asked */

struct publication {
    struct opcua *o;
    struct kp_profiles profiles;
    struct kp_arena text;
    struct kp_catalogue_node *list; /* what was found */
    const char **states;            /* of each, the profile's rule of states, or NULL */
    uint32_t *nodes;                /* of each, its place in the tree */
    bool *wanted;                   /* of each, whether the profile subscribes it */
    size_t n;
};

static uint8_t type_of(const struct opcua_browse *b, const struct opcua_node *node)
{
    uint8_t type = node->type == UINT32_MAX ? KP_STRING : b->types[node->type].type;
    return node->flags & OPCUA_ARRAY ? type | KP_ARRAY : type;
}

/* False only when out of memory; *source stays NULL for an id without a text form. */
static bool source_of(struct publication *p, const struct opcua_node *node, const char **source)
{
    struct kp_buf text;
    kp_buf_init(&text, 2 * OPCUA_ID_MAX);
    bool printed = kp_opcua_print_id(&node->id, &p->o->spaces, &text);
    *source = printed ? kp_arena_strdup(&p->text, kp_buf_text(&text)) : NULL;
    bool whole = printed ? *source != NULL : !text.failed;
    kp_buf_free(&text);
    return whole;
}

/* False only when out of memory; what has no text form or too long a path is left out. */
static bool list_node(struct publication *p, uint32_t index)
{
    const struct opcua_browse *b = p->o->browse;
    const struct opcua_node *node = &b->tree.list[index];
    struct kp_catalogue_node *entry = &p->list[p->n];
    struct kp_profile_choice choice;
    char path[KP_PATH_MAX];
    if (node->class != OPCUA_VARIABLE || node->flags & OPCUA_META || !node->access ||
        !kp_tree_path(&b->tree, index, path))
        return true;
    if (!source_of(p, node, &entry->source))
        return false;
    if (!entry->source)
        return true;
    entry->path = kp_arena_strdup(&p->text, path);
    if (!entry->path)
        return false;
    uint8_t type = type_of(b, node);
    entry->type = kp_type_name(type);
    entry->unit = node->unit[0] ? node->unit : NULL;
    entry->description = node->description;
    entry->access =
        node->flags & OPCUA_HISTORIC ? node->access : node->access & (uint8_t)~KP_CAN_HISTORY;
    kp_profiles_match(&p->profiles,
                      &(struct kp_profile_variable){
                          .path = path, .type = type, .property = node->flags & OPCUA_PROPERTY },
                      &choice);
    entry->role = choice.role;
    p->states[p->n] = choice.states;
    p->wanted[p->n] =
        choice.subscribe && node->access & KP_CAN_READ && !(node->flags & OPCUA_IDENTITY);
    p->nodes[p->n++] = index;
    return true;
}

static enum kp_code list_all(struct publication *p, struct kp_err *err)
{
    size_t n = p->o->browse->tree.n;
    p->list = kp_alloc(n * sizeof *p->list);
    p->nodes = kp_alloc(n * sizeof *p->nodes);
    p->wanted = kp_alloc(n * sizeof *p->wanted);
    p->states = kp_alloc(n * sizeof *p->states);
    if (!p->list || !p->nodes || !p->wanted || !p->states)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    for (uint32_t i = 1; i < n; i++)
        if (!list_node(p, i))
            return kp_fail(err, KP_ENOMEM, "out of memory");
    return KP_OK;
}

/* ---- signals ---- */
static unsigned names_in(const char *path)
{
    unsigned n = *path != 0;
    for (; *path; path++)
        n += *path == '/';
    return n;
}

static struct kp_declare declaration(const struct publication *p, size_t i)
{
    const struct opcua_browse *b = p->o->browse;
    const struct opcua_node *node = &b->tree.list[p->nodes[i]];
    const struct kp_catalogue_node *entry = &p->list[i];
    const char *enums = node->enums;
    if (!enums && node->type != UINT32_MAX)
        enums = b->types[node->type].enums;
    return (struct kp_declare){
        .path = entry->path,
        .info = { .type = type_of(b, node),
                  .stored = true,
                  .description = entry->description,
                  .unit = entry->unit,
                  .unit_text = node->unit_text,
                  .source = entry->source,
                  .role = entry->role,
                  .states = p->states[i],
                  .enums = enums,
                  .low = node->low,
                  .high = node->high },
        .asset_kind = KP_FOLDER,
    };
}

/* Those with a role first, then in the order they were met. */
static enum kp_code declare_wanted(struct publication *p, size_t *taken, struct kp_err *err)
{
    size_t most = p->o->limits.items, n = 0;
    bool all = strcmp(p->o->set->subscribe, "all") == 0;
    if (!all && most > UNASKED_MAX)
        most = UNASKED_MAX;
    if (most > p->n)
        most = p->n;
    struct kp_declare *list = kp_alloc((most + 1) * sizeof *list);
    if (!list)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    unsigned above = names_in(kp_coupling_at(p->o->c));
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < p->n && n < most; i++)
            if ((all ? p->list[i].access & KP_CAN_READ : p->wanted[i]) &&
                (p->list[i].role == NULL) == pass &&
                above + names_in(p->list[i].path) <= KP_DEPTH_MAX)
                list[n++] = declaration(p, i);
    *taken = 0;
    if (n && !kp_coupling_declare(p->o->c, list, n, err))
        for (size_t i = 0; i < n; i++)
            *taken += list[i].id != 0;
    kp_free(list);
    return err->code;
}

static void say_found(struct publication *p, size_t taken)
{
    struct opcua *o = p->o;
    const char *cut = o->browse->cut ? "; there is more than is looked at" : "";
    if (taken < p->n)
        snprintf(o->found, sizeof o->found,
                 "%zu variables found, %zu subscribed; koppel couplings %.60s --nodes shows all%s",
                 p->n, taken, kp_coupling_name(o->c), cut);
    else
        snprintf(o->found, sizeof o->found, "%zu variables found, all subscribed%s", p->n, cut);
    kp_utf8_trim(o->found);
}

/* The profiles for the specifications that the server's namespaces are of. */
enum kp_code kp_opcua_profiles(struct opcua *o, struct kp_arena *arena, struct kp_profiles *out,
                               struct kp_err *err)
{
    const struct opcua_spaces *spaces = &o->spaces;
    const char **uris = kp_arena_alloc(arena, (spaces->n + 1) * sizeof *uris);
    bool whole = uris;
    *out = (struct kp_profiles){ 0 };
    for (size_t i = 0; whole && i < spaces->n; i++) {
        char *uri = kp_arena_alloc(arena, spaces->uris[i].length + 1);
        if (uri && spaces->uris[i].length)
            memcpy(uri, spaces->uris[i].data, spaces->uris[i].length);
        uris[i] = uri;
        whole = whole && uri;
    }
    if (!whole)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    return kp_profiles_load(out,
                            &(struct kp_profile_peer){ .protocol = "opcua",
                                                       .namespaces = uris,
                                                       .n = spaces->n,
                                                       .by_hand = o->set->profile },
                            err);
}

/* Kept for `koppel profile try`: most instances have ids in the server's own namespace. */
static enum kp_code keep_spaces(struct opcua *o, struct kp_err *err)
{
    struct kp_buf lines;
    kp_buf_init(&lines, SPACES_MAX);
    for (size_t i = 1; i < o->spaces.n; i++) {
        const UA_String *uri = &o->spaces.uris[i];
        if (!uri->length || memchr(uri->data, '\n', uri->length) ||
            memchr(uri->data, 0, uri->length) || lines.len + uri->length + 1 >= SPACES_MAX ||
            !kp_utf8_valid((const char *)uri->data, uri->length))
            continue;
        kp_buf_add(&lines, uri->data, uri->length);
        kp_buf_str(&lines, "\n");
    }
    if (lines.failed)
        kp_fail(err, KP_ENOMEM, "out of memory");
    else
        kp_catalogue_put_spaces(kp_coupling_context(o->c), kp_coupling_id(o->c),
                                kp_buf_text(&lines), err);
    kp_buf_free(&lines);
    return err->code;
}

enum kp_code kp_opcua_publish(struct opcua *o, bool declare, struct kp_err *err)
{
    struct publication p = { .o = o };
    size_t taken = o->items.accepted;
    kp_coupling_note(o->c, "writing the catalogue of %zu nodes", o->browse->tree.n);
    if (!kp_opcua_profiles(o, &p.text, &p.profiles, err) && !list_all(&p, err) &&
        !kp_catalogue_replace(kp_coupling_context(o->c), kp_coupling_id(o->c), p.list, p.n, err) &&
        !keep_spaces(o, err) && !kp_opcua_nameplate(o->browse, err) && (!declare || !declare_wanted(&p, &taken, err)))
        say_found(&p, taken);
    kp_profiles_free(&p.profiles);
    kp_arena_free(&p.text);
    kp_free(p.list);
    kp_free(p.nodes);
    kp_free(p.wanted);
    kp_free(p.states);
    return err->code;
}
