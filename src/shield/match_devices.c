/* SPDX-License-Identifier: Apache-2.0 */
/* Devices, read once, and what they can be found by. */
#include "core/hash.h"
#include "shield/match_private.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

/* ---- the index ---- */
static uint64_t key_of(enum key_kind kind, const void *data, size_t n)
{
    unsigned char k = (unsigned char)kind;
    return kp_hash(kp_hash(KP_HASH_START, &k, 1), data, n);
}

static void add_key(struct kp_devices *d, uint32_t device, enum key_kind kind, const void *data,
                    size_t n)
{
    if (!kp_grow(&d->keys, &d->room, d->n_keys + 1, sizeof *d->keys)) {
        d->failed = true;
        return;
    }
    d->keys[d->n_keys++] = (struct key){ key_of(kind, data, n), device };
}

static int by_key(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->device < y->device ? -1 : x->device > y->device;
}

const struct key *devices_look_up(const struct kp_devices *d, enum key_kind kind, const void *data,
                                  size_t n, size_t *count)
{
    uint64_t hash = key_of(kind, data, n);
    size_t low = 0, high = d->n_keys, end;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (d->keys[mid].hash < hash)
            low = mid + 1;
        else
            high = mid;
    }
    for (end = low; end < d->n_keys && d->keys[end].hash == hash; end++)
        ;
    *count = end - low;
    return d->keys + low;
}

/* ---- devices ---- */
uint64_t match_identifier(const char *text, bool cpe)
{
    struct kp_identifier id;
    struct kp_vendors v;
    if (!text || !*text || !(cpe ? kp_cpe_read(text, &id) : kp_purl_read(text, &id)))
        return 0;
    struct kp_name name;
    kp_name_read(id.product, "", &name);
    kp_vendor_keys(id.vendor, NULL, &v);
    uint64_t h = kp_hash(name.whole, cpe ? "c" : "p", 1);
    return v.n ? kp_hash(h, v.key[0], strlen(v.key[0])) : h;
}

bool match_looks_mlfb(const char *code)
{
    return strlen(code) >= 12 && code[0] >= '1' && code[0] <= '9' &&
           isalpha((unsigned char)code[1]);
}

static void read_codes(const struct kp_device *in, struct device *out)
{
    const char *code = in->order_code ? in->order_code : "";
    if (!kp_code_form(code, strlen(code), out->code[0]))
        out->code[0][0] = 0;
    if (match_looks_mlfb(out->code[0]) && strlen(out->code[0]) > 16)
        out->code[0][16] = 0; /* "-Z" and what follows are options */
    size_t n = strcspn(code, "/ ,;");
    if (code[n] && !match_looks_mlfb(out->code[0]) && n >= PREFIX)
        kp_code_form(code, n, out->code[1]);
    if (!out->code[0][0] && out->name.code[0])
        memcpy(out->code[0], out->name.code, sizeof out->code[0]);
}

static void read_version(const struct kp_device *in, struct device *out)
{
    struct kp_identifier id;
    const char *text = in->firmware;
    if ((!text || !*text) && in->cpe && kp_cpe_read(in->cpe, &id))
        text = id.version;
    if ((!text || !*text) && in->purl && kp_purl_read(in->purl, &id))
        text = id.version;
    char line[128];
    snprintf(line, sizeof line, "%s", text ? text : "");
    for (char *p = line; *p; p++)
        *p = *p == '_' ? ' ' : *p;
    out->versioned = *line && kp_version_read(line, &out->version);
    size_t more = out->versioned ? strspn(line + out->version.to, " .,;)") : 0;
    if (out->versioned && line[out->version.to + more] && !out->version.tail[0])
        snprintf(out->version.tail, sizeof out->version.tail, "?"); /* words nobody knows */
}

static void read_device(const struct kp_device *in, const char *aliases, struct device *out)
{
    kp_vendor_keys(in->manufacturer, aliases, &out->vendors);
    kp_name_read(in->product, in->manufacturer, &out->name);
    read_codes(in, out);
    const char *serial = in->serial ? in->serial : "";
    if (!kp_code_form(serial, strlen(serial), out->serial))
        out->serial[0] = 0;
    read_version(in, out);
    out->identifier[0] = match_identifier(in->cpe, true);
    out->identifier[1] = match_identifier(in->purl, false);
    out->host = in->host;
}

static void add_keys(struct kp_devices *d, uint32_t i)
{
    const struct device *v = &d->of[i];
    for (unsigned c = 0; c < 2; c++) {
        size_t n = strlen(v->code[c]);
        if (n)
            add_key(d, i, KEY_CODE, v->code[c], n);
        if (n >= PREFIX)
            add_key(d, i, KEY_PREFIX, v->code[c], PREFIX);
        if (v->identifier[c])
            add_key(d, i, KEY_IDENTIFIER, &v->identifier[c], sizeof v->identifier[c]);
    }
    if (v->serial[0])
        add_key(d, i, KEY_SERIAL, v->serial, strlen(v->serial));
    if (!v->name.n)
        return;
    add_key(d, i, KEY_PLAIN, &v->name.plain, sizeof v->name.plain);
    if (v->name.whole != v->name.plain)
        add_key(d, i, KEY_PLAIN, &v->name.whole, sizeof v->name.whole);
    if (v->name.line[0])
        add_key(d, i, KEY_NO_LINE, &v->name.without_line, sizeof v->name.without_line);
    for (unsigned w = 0; w < v->name.n; w++)
        if (!v->name.word[w].inside)
            add_key(d, i, KEY_WORD, &v->name.word[w].hash, sizeof v->name.word[w].hash);
}

/* The word of a name that the fewest devices have. */
const struct kp_word_form *devices_rarest(const struct kp_devices *d, const struct kp_name *name,
                                          size_t *least)
{
    const struct kp_word_form *best = NULL;
    *least = SIZE_MAX;
    for (unsigned w = 0; w < name->n; w++) {
        size_t n;
        if (name->word[w].inside)
            continue;
        devices_look_up(d, KEY_WORD, &name->word[w].hash, sizeof name->word[w].hash, &n);
        if (n < *least) {
            *least = n;
            best = &name->word[w];
        }
    }
    return best;
}

static void sort_keys(struct kp_devices *d)
{
    if (d->n_keys)
        qsort(d->keys, d->n_keys, sizeof *d->keys, by_key);
}

static void group_hosts(struct kp_devices *d)
{
    for (size_t i = 0; i < d->n; i++) /* counted, then dealt out */
        d->members_from[d->of[i].host + 1]++;
    for (size_t i = 0; i < d->n; i++)
        d->members_from[i + 1] += d->members_from[i];
    for (size_t i = d->n; i-- > 0;)
        d->mark[i] = d->members_from[i];
    for (size_t i = 0; i < d->n; i++)
        d->member[d->mark[d->of[i].host]++] = (uint32_t)i;
    memset(d->mark, 0, d->n * sizeof *d->mark);
}

struct kp_devices *kp_devices_new(const struct kp_device *in, size_t n, const char *aliases)
{
    struct kp_devices *d = kp_alloc(sizeof *d);
    if (!d)
        return NULL;
    d->of = kp_alloc((n + 1) * sizeof *d->of);
    d->mark = kp_alloc((n + 1) * sizeof *d->mark);
    d->member = kp_alloc((n + 1) * sizeof *d->member);
    d->members_from = kp_alloc((n + 2) * sizeof *d->members_from);
    d->failed = !d->of || !d->mark || !d->member || !d->members_from;
    for (; d->n < n && !d->failed; d->n++) {
        read_device(&in[d->n], aliases, &d->of[d->n]);
        if (d->of[d->n].host >= n)
            d->of[d->n].host = (uint32_t)d->n;
        add_keys(d, (uint32_t)d->n);
    }
    sort_keys(d);
    size_t words = d->n_keys, least;
    for (uint32_t i = 0; i < d->n && !d->failed; i++) {
        d->n_keys = words; /* the new ones are not in order yet */
        const struct kp_word_form *w = devices_rarest(d, &d->of[i].name, &least);
        d->n_keys = words + i;
        if (w)
            add_key(d, i, KEY_RAREST, &w->hash, sizeof w->hash);
        else
            add_key(d, i, KEY_RAREST, "", 0);
    }
    if (d->failed) {
        kp_devices_free(d);
        return NULL;
    }
    sort_keys(d);
    group_hosts(d);
    return d;
}

void kp_devices_free(struct kp_devices *d)
{
    if (!d)
        return;
    kp_free(d->of);
    kp_free(d->keys);
    kp_free(d->mark);
    kp_free(d->member);
    kp_free(d->members_from);
    kp_free(d);
}
