/* SPDX-License-Identifier: Apache-2.0 */
/* What machines answer to the questions of `koppel discover`: the first byte chooses who asks, the
 * rest is the answer, as it comes over a socket. And the words that name addresses. */
#include "core/text.h"
#include "couplings/discover/probe.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(void *arg, const struct kp_discover_found *f)
{
    const char *const texts[] = {
        f->manufacturer, f->product, f->name, f->detail, f->url, f->couple
    };
    (void)arg;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert(kp_utf8_valid(texts[i], strlen(texts[i])));
        for (const char *p = texts[i]; *p; p++)
            assert((unsigned char)*p >= ' ' && *p != 0x7f);
    }
    assert(!strpbrk(f->couple, "'\"\\$`;&|<>()!*?\n"));
}

static void ask(unsigned who, const uint8_t *answer, size_t n)
{
    int pair[2];
    unsigned count = 0;
    for (const struct kp_probe_class *c = kp_probes; c->name; c++)
        count++;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
        return;
    if (write(pair[1], answer, n) < 0) {
        close(pair[0]);
        close(pair[1]);
        return;
    }
    shutdown(pair[1], SHUT_WR);
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    struct kp_probe p = { .fd = pair[0],
                          .port = 4840,
                          .usual = who & 0x80,
                          .clock = &kp_clock_system,
                          .found = check,
                          .target = { .host = "192.0.2.7" } };
    if (who & 0x40)
        p.first_unit = 1, p.last_unit = 3;
    kp_probes[(who & 0x3f) % count].ask(&p);
    kp_probe_close(&p);
    close(pair[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size || size > 65536)
        return 0;
    if (data[0] != 0xff) {
        ask(data[0], data + 1, size - 1);
        return 0;
    }
    char *word = kp_strndup((const char *)data + 1, size - 1);
    struct kp_targets t = { 0 };
    struct kp_err err = { 0 };
    if (word && strspn(word, "0123456789.:/-[]abcdef") == strlen(word) &&
        strpbrk(word, "0123456789") == word) /* no names: they are looked up */
        assert(!kp_targets_add(&t, word, &err) ? t.n > 0 && t.n <= KP_DISCOVER_ADDRESSES_MAX
                                               : kp_utf8_valid(err.text, strlen(err.text)));
    kp_targets_free(&t);
    kp_free(word);
    return 0;
}
