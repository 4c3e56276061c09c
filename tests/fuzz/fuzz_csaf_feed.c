/* SPDX-License-Identifier: Apache-2.0 */
/* What a provider of advisories publishes: its metadata, ROLIE feeds, folders; and lists of
 * providers. Whatever it says,
 * what is asked for later is an address that may be asked. The first byte says which of them the
 * rest is. */
#include "net/fetch.h"
#include "net/json_memory.h"
#include "shield/feed_csaf_read.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_address(const char *url)
{
    struct kp_err err = { 0 };
    kp_web_url_check(url, &err);
    assert(!err.code);
    assert(strncmp(url, "https://", 8) == 0 || strstr(url, "localhost") || strstr(url, "127.") ||
           strncasecmp(url, "http", 4) == 0);
    assert(!strstr(url, ".."));
}

static void read_provider(const char *text, size_t len)
{
    struct kp_arena arena = { 0 };
    struct kp_csaf_provider p;
    struct kp_err err = { 0 };
    enum kp_code code = kp_csaf_provider_read(text, len, &arena, &p, &err);
    assert(code == err.code && (!code || *err.text));
    for (size_t i = 0; !code && i < p.lists; i++)
        check_address(p.list[i].url);
    for (size_t i = 0; !code && i < p.keys; i++)
        check_address(p.key[i].url);
    assert(code || (p.lists && p.servers && *p.publisher));
    kp_arena_free(&arena);
}

static void read_aggregator(const char *text, size_t len)
{
    struct kp_err err = { 0 };
    json_t *one, *found = kp_csaf_aggregator_read(text, len, &err);
    size_t i;
    assert(!found == (err.code != KP_OK) && (found || *err.text));
    json_array_foreach(json_object_get(found, "providers"), i, one)
    {
        const char *mirror = json_string_value(json_object_get(one, "mirror"));
        check_address(json_string_value(json_object_get(one, "url")));
        if (*mirror)
            check_address(mirror);
    }
    json_decref(found);
}

static void check_entries(struct kp_csaf_entries *e)
{
    for (size_t i = 0; i < e->n; i++)
        check_address(e->of[i].url);
    assert(!e->refused == !*e->why);
    kp_csaf_entries_sort(e);
    kp_csaf_entries_free(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kp_err err = { 0 };
    struct kp_csaf_entries e = { 0 };
    char *text = size ? kp_strndup((const char *)data + 1, size - 1) : NULL;
    kp_json_memory_init();
    switch (text ? *data % 6 : 6) {
    case 0:
        read_provider(text, size - 1);
        break;
    case 1:
        kp_csaf_rolie_read(text, size - 1, &e, &err);
        check_entries(&e);
        break;
    case 2:
    case 3:
        kp_csaf_folder_read(text, "https://a.example/", *data % 6 == 2, &e, &err);
        check_entries(&e);
        break;
    case 4:
        kp_csaf_hash_check("abc", 3, text, size - 1, size % 2 ? 256 : 512, &err);
        assert(!err.code || *err.text);
        break;
    case 5:
        read_aggregator(text, size - 1);
    }
    kp_free(text);
    return 0;
}
