/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/tlp.h"

#include <string.h>
#include <strings.h>

#include "core/ban.h"

const char *const kp_tlp_words[] = { "clear", "green",   "amber", "amber+strict",
                                     "red",   "unknown", NULL };

bool kp_gate_tlp(enum kp_recipient to, enum kp_tlp level, bool named)
{
    switch (to) {
    case KP_TO_NODE:
        return true;
    case KP_TO_COMPANY:
        return level <= KP_TLP_STRICT;
    case KP_TO_PARTNER:
        return level <= KP_TLP_GREEN || (level == KP_TLP_AMBER && named);
    default:
        return level == KP_TLP_CLEAR;
    }
}

int kp_tlp_find(const char *word)
{
    if (strncasecmp(word, "tlp:", 4) == 0)
        word += 4;
    if (strcasecmp(word, "white") == 0)
        return KP_TLP_CLEAR;
    for (int i = KP_TLP_CLEAR; i <= KP_TLP_RED; i++)
        if (strcasecmp(word, kp_tlp_words[i]) == 0)
            return i;
    return -1;
}

/* STIX 2.1, 7.2.1.4, and the definitions of TLP 2.0 that came after it. */
static const struct {
    const char *uuid;
    enum kp_tlp level;
} markings[] = {
    { "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487", KP_TLP_CLEAR },
    { "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb", KP_TLP_GREEN },
    { "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421", KP_TLP_AMBER },
    { "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003", KP_TLP_STRICT },
    { "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1", KP_TLP_RED },
    { "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9", KP_TLP_CLEAR },
    { "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da", KP_TLP_GREEN },
    { "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82", KP_TLP_AMBER },
    { "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed", KP_TLP_RED },
};

int kp_tlp_of_marking(const char *id)
{
    for (size_t i = 0; i < sizeof markings / sizeof *markings; i++)
        if (strcmp(markings[i].uuid, id) == 0)
            return markings[i].level;
    return -1;
}

const char *kp_tlp_marking(enum kp_tlp level)
{
    return markings[level <= KP_TLP_RED ? level : KP_TLP_RED].uuid;
}
