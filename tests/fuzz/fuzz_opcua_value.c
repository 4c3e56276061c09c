/* SPDX-License-Identifier: Apache-2.0 */
/* What a server may put on the wire as a value: decoded by the library, then turned into a sample.
 * The sample must be well formed, printable and the same when asked twice. */
#include "couplings/opcua/opcua_private.h"

#include "core/json.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const struct kp_sample *s)
{
    char text[200];
    struct kp_buf out;
    assert(kp_value_valid(&s->value));
    kp_value_print(&s->value, text, sizeof text);
    kp_buf_init(&out, 64 << 20);
    struct kp_json j = kp_json(&out);
    kp_json_value(&j, &s->value);
    kp_buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    UA_ByteString in = { .length = size };
    memcpy(&in.data, &data, sizeof in.data); /* only read */
    UA_DataValue dv;
    if (UA_decodeBinary(&in, &dv, &UA_TYPES[UA_TYPES_DATAVALUE], NULL) != UA_STATUSCODE_GOOD)
        return 0;
    struct kp_buf room, again;
    struct kp_sample first = { .signal = 1 }, second = { .signal = 1 };
    kp_opcua_room(&room);
    kp_opcua_room(&again);
    kp_opcua_sample(&dv, 0, &room, &first);
    kp_opcua_sample(&dv, 0, &again, &second);
    use(&first);
    assert(first.at == second.at && first.status == second.status);
    assert(kp_value_equal(&first.value, &second.value));
    kp_buf_free(&room);
    kp_buf_free(&again);
    UA_DataValue_clear(&dv);
    return 0;
}
