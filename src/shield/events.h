/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_EVENTS_H
#define KOPPEL_SHIELD_EVENTS_H
/* What other programs tell of the network: lines of Suricata's EVE or Zeek's logs, both JSON, and
 * messages of syslog. One line is one thing seen, or none that says anything. */
#include "core/err.h"
#include "core/observed.h"

#include <jansson.h>
#include <stddef.h>

enum { KP_EVENT_LINE_MAX = 256 << 10, KP_EVENT_TEXT = 512 };

struct kp_event {
    struct kp_observed o; /* its texts live as long as this */
    json_t *json;
    char from[64], to[64], user[128], url[KP_EVENT_TEXT], detail[KP_EVENT_TEXT];
};
void kp_event_free(struct kp_event *);

/* KP_EPARSE: it is no JSON object, or none of these programs'. True in *says: there is something
 * to see. */
enum kp_code kp_eve_read(const char *line, size_t len, struct kp_event *, bool *says,
                         struct kp_err *);
/* RFC 5424, RFC 3164, or a line of a log file as these are written there. `now` (ns UTC): years are
 * not said in the older form. KP_EPARSE: it is none of them. */
enum kp_code kp_syslog_read(const char *line, size_t len, int64_t now, struct kp_event *, bool *says,
                            struct kp_err *);
/* Whether the text is an address of IP; `out` gets it as it is usually written. */
bool kp_event_address(const char *text, size_t len, char out[64]);
/* Whatever form its offset has; 0: it is no time. */
int64_t kp_event_time(const char *text);
#endif
