/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/odrl.h"

#include <string.h>

#include "core/ban.h"

const char *odrl_plain(const char *name)
{
    static const char *const prefixes[] = { "odrl:", "http://www.w3.org/ns/odrl/2/" };
    for (size_t i = 0; name && i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return name + strlen(prefixes[i]);
    return name;
}

const json_t *odrl_one(const json_t *v)
{
    return json_is_array(v) && json_array_size(v) == 1 ? json_array_get(v, 0) : v;
}

bool odrl_only_names(const json_t *object)
{
    static const char *const names[] = { "@id", "@value", "@type", "uid" };
    const char *key;
    json_t *value;
    bool only = true;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        size_t i = 0;
        while (i < sizeof names / sizeof names[0] && strcmp(names[i], odrl_plain(key)) != 0)
            i++;
        only &= i < sizeof names / sizeof names[0] && !json_is_object(value);
    }
    return only;
}

const char *odrl_word(const json_t *v)
{
    v = odrl_one(v);
    if (json_is_object(v) && odrl_only_names(v)) {
        const json_t *id = json_object_get(v, "@id"), *value = json_object_get(v, "@value");
        v = id && value ? NULL : id ? id : value;
    }
    return json_is_string(v) ? json_string_value(v) : NULL;
}

bool odrl_says_nothing(const json_t *v)
{
    return json_is_null(v) || (json_is_array(v) && !json_array_size(v));
}
