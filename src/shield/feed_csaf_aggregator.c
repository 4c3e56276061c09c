/* SPDX-License-Identifier: Apache-2.0 */
/* aggregator.json: who publishes advisories, as one who collects them says it. */
#include "net/fetch.h"
#include "net/json_memory.h"
#include "shield/feed_csaf_read.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { ADDRESS = 2100 };

static const char *text_of(const json_t *o, const char *key)
{
    const char *t = json_string_value(json_object_get(o, key));
    return t ? t : "";
}

/* Of the copy that lies at the first good one of its mirrors (7.2.5); "" = there is none. */
static void find_mirror(const json_t *entry, char out[ADDRESS])
{
    json_t *one;
    size_t i;
    *out = 0;
    json_array_foreach(json_object_get(entry, "mirrors"), i, one)
    {
        struct kp_err none = { 0 };
        const char *base = json_string_value(one);
        size_t n = base ? strlen(base) : 0;
        if (!n || n > ADDRESS - 40)
            continue;
        snprintf(out, ADDRESS, "%s%sprovider-metadata.json", base, base[n - 1] == '/' ? "" : "/");
        if (!kp_web_url_check(out, &none))
            return;
        *out = 0;
    }
}

static bool is_role(const char *role)
{
    for (int i = 0; kp_csaf_roles[i]; i++)
        if (strcmp(kp_csaf_roles[i], role) == 0)
            return true;
    return false;
}

static enum kp_code take_one(json_t *providers, const json_t *entry, const char *usual,
                             struct kp_err *err)
{
    const json_t *m = json_object_get(entry, "metadata");
    const json_t *publisher = json_object_get(m, "publisher");
    const char *url = text_of(m, "url"), *role = text_of(m, "role");
    char mirror[ADDRESS];
    if (!*text_of(publisher, "name"))
        return kp_fail(err, KP_EINVALID, "/metadata/publisher/name: there is none");
    if (kp_web_url_check(url, err))
        return kp_context(err, "/metadata/url");
    find_mirror(entry, mirror);
    json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s}", "publisher", text_of(publisher, "name"),
                          "namespace", text_of(publisher, "namespace"), "role",
                          is_role(role) ? role : usual, "url", url, "mirror", mirror);
    return o && !json_array_append_new(providers, o)
               ? KP_OK
               : kp_fail(err, KP_ENOMEM, "out of memory reading the list of providers");
}

static enum kp_code take_list(json_t *providers, const json_t *root, const char *key,
                              const char *usual, struct kp_err *err)
{
    json_t *entry;
    size_t i;
    json_array_foreach(json_object_get(root, key), i, entry)
    {
        if (json_array_size(providers) == KP_CSAF_LISTED_MAX)
            return kp_fail(err, KP_EFULL, "it names more than %d providers", KP_CSAF_LISTED_MAX);
        if (take_one(providers, entry, usual, err))
            return kp_context(err, "/%s/%zu", key, i);
    }
    return KP_OK;
}

static enum kp_code check_who(const json_t *root, struct kp_err *err)
{
    const json_t *who = json_object_get(root, "aggregator");
    if (!*text_of(who, "name"))
        return kp_fail(err, KP_EINVALID, "/aggregator/name: there is none");
    if (strncmp(text_of(root, "aggregator_version"), "2.", 2) != 0)
        return kp_fail(err, KP_EINVALID, "/aggregator_version: '%.20s' is not 2.0",
                       text_of(root, "aggregator_version"));
    return KP_OK;
}

static json_t *read_root(const json_t *root, struct kp_err *err)
{
    const json_t *who = json_object_get(root, "aggregator");
    json_t *providers = json_array();
    if (!providers)
        kp_fail(err, KP_ENOMEM, "out of memory reading the list of providers");
    json_t *found = NULL;
    if (providers && !check_who(root, err) &&
        !take_list(providers, root, "csaf_providers", "csaf_provider", err) &&
        !take_list(providers, root, "csaf_publishers", "csaf_publisher", err)) {
        found = json_pack("{s:s, s:s, s:s, s:O}", "aggregator", text_of(who, "name"), "namespace",
                          text_of(who, "namespace"), "category", text_of(who, "category"),
                          "providers", providers);
        if (!found)
            kp_fail(err, KP_ENOMEM, "out of memory reading the list of providers");
    }
    json_decref(providers);
    return found;
}

json_t *kp_csaf_aggregator_read(const char *text, size_t len, struct kp_err *err)
{
    json_t *root = kp_json_object(text, len, "list of providers", KP_JSON_DEPTH, err);
    json_t *found = root ? read_root(root, err) : NULL;
    json_decref(root);
    return found;
}
