/* SPDX-License-Identifier: Apache-2.0 */
/* A message of the Dataspace Protocol; its first byte says where it is sent. What is taken can be
 * relied on. */
#include "share/message.h"

#include "net/json_memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    kp_json_memory_init();
    return 0;
}

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check(const struct kp_dsp *m)
{
    const struct kp_saying *how = kp_saying_of(m->deal, m->word);
    bool begins = m->word == KP_SAY_REQUEST || m->word == KP_SAY_OFFER;
    must(how != NULL);
    must(begins ? m->provider || m->consumer : m->provider && m->consumer);
    must(!m->provider || (*m->provider && strlen(m->provider) < KP_DSP_ID));
    must(!m->consumer || (*m->consumer && strlen(m->consumer) < KP_DSP_ID));
    if (m->deal == KP_NEGOTIATION && (begins || m->word == KP_SAY_AGREE))
        must(m->offer && m->offer_id && m->target && kp_dsp_same_rules(m->offer, m->offer));
    if (m->deal == KP_TRANSFER && m->word == KP_SAY_REQUEST)
        must(m->agreement && m->format && m->callback);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const paths[] = {
        "request",     "offers", "events",     "agreement", "agreement/verification",
        "termination", "start",  "suspension", "completion"
    };
    struct kp_err err = { 0 };
    struct kp_dsp m;
    struct kp_dsp_query q;
    if (!size)
        return 0;
    const char *text = (const char *)data + 1;
    enum kp_deal deal = data[0] & 16 ? KP_TRANSFER : KP_NEGOTIATION;
    if (!kp_dsp_read(&m, deal, paths[(data[0] & 15) % 9], text, size - 1, &err))
        check(&m);
    else
        must(err.code && err.text[0]);
    kp_dsp_free(&m);
    err = (struct kp_err){ 0 };
    struct kp_arena arena = { 0 };
    if (!kp_dsp_read_query(&q, text, size - 1, &arena, &err))
        must(q.offset >= 0 && q.limit > 0 && q.limit <= KP_DSP_PAGE);
    for (size_t i = 0; i < q.n; i++)
        must(q.n <= KP_DSP_CRITERIA && *q.criteria[i].right);
    kp_arena_free(&arena);
    err = (struct kp_err){ 0 };
    json_decref(kp_dsp_answer("ContractNegotiation", text, size - 1, &err));
    return 0;
}
