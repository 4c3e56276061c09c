/* SPDX-License-Identifier: Apache-2.0 */
/* MQTT brokers: CONNECT (3.1.1, clean session, no will) and what is answered to it, then
 * DISCONNECT. Behind TLS only that there is TLS: its handshake is begun, no more. */
#include "couplings/discover/probe.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { ANSWER_MS = 1500, CONNACK = 0x20, TLS_HANDSHAKE = 22, TLS_ALERT = 21 };

bool kp_probe_mqtt(struct kp_probe *p)
{
    static const char *const answers[] = {
        "anyone may connect", "it refuses MQTT 3.1.1",          "it refuses the client's name",
        "it is not ready",    "it wants a user and a password", "it wants a login"
    };
    unsigned char ask[28] = { 0x10, 26, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 10, 0, 14 }, reply[4],
                  random[4];
    char id[16];
    kp_random(random, sizeof random);
    snprintf(id, sizeof id, "koppel%02x%02x%02x%02x", random[0], random[1], random[2], random[3]);
    memcpy(ask + 14, id, 14);
    kp_probe_within(p, ANSWER_MS);
    if (!kp_probe_send(p, ask, sizeof ask) || !kp_probe_read(p, reply, sizeof reply) ||
        reply[0] != CONNACK || reply[1] != 2 || reply[2] > 1 ||
        reply[3] >= sizeof answers / sizeof answers[0])
        return false;
    if (!reply[3])
        kp_probe_send(p, (const unsigned char[]){ 0xe0, 0 }, 2);
    struct kp_discover_found f = kp_probe_begin(p, "mqtt");
    snprintf(f.product, sizeof f.product, "MQTT broker");
    snprintf(f.detail, sizeof f.detail, "%s", answers[reply[3]]);
    kp_probe_couple(&f, "mqtt", 1883, "", NULL, 0);
    kp_probe_tell(p, &f);
    return true;
}

bool kp_probe_mqtts(struct kp_probe *p)
{
    /* ClientHello of TLS 1.2 (RFC 5246, 7.4.1.2): versions, 32 random bytes, no session; then six
     * common suites, no compression, and the groups, points and signatures they go with. */
    static const unsigned char head[] = { 22, 3, 1, 0, 85, 1, 0, 0, 81, 3, 3 };
    static const unsigned char tail[] = { 0,    0, 12,   0xc0, 0x2f, 0xc0, 0x30, 0xc0, 0x2b, 0xc0,
                                          0x2c, 0, 0x9c, 0,    0x2f, 1,    0,    0,    28,   0,
                                          10,   0, 6,    0,    4,    0,    29,   0,    23,   0,
                                          11,   0, 2,    1,    0,    0,    13,   0,    8,    0,
                                          6,    4, 1,    4,    3,    8,    4 };
    enum { RANDOM = 32 };
    unsigned char ask[sizeof head + RANDOM + sizeof tail];
    unsigned char reply[7];
    if (!p->usual)
        return false; /* anything may stand behind TLS */
    memcpy(ask, head, sizeof head);
    kp_random(ask + sizeof head, RANDOM);
    memcpy(ask + sizeof head + RANDOM, tail, sizeof tail);
    kp_probe_within(p, ANSWER_MS);
    if (!kp_probe_send(p, ask, sizeof ask) || !kp_probe_read(p, reply, sizeof reply) ||
        reply[1] != 3 || (reply[0] != TLS_HANDSHAKE && reply[0] != TLS_ALERT))
        return false;
    if (reply[0] == TLS_HANDSHAKE)
        kp_probe_send(p, (const unsigned char[]){ TLS_ALERT, 3, 3, 0, 2, 1, 90 },
                      7); /* user_canceled */
    struct kp_discover_found f = kp_probe_begin(p, "mqtt");
    snprintf(f.product, sizeof f.product, "MQTT broker");
    snprintf(f.detail, sizeof f.detail, "behind TLS, by its port; who it is was not asked");
    kp_probe_couple(&f, "mqtts", 8883, "", NULL, 0);
    kp_probe_tell(p, &f);
    return true;
}
