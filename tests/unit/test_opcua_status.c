/* SPDX-License-Identifier: Apache-2.0 */
/* Our table of status codes beside the one that open62541 makes from the standard's StatusCode.csv.
 */
#include "core_kit.h"

#include "core/value.h"

#include <open62541/types.h>

#include "core/ban.h"

static void every_code_has_the_name_of_the_standard_or_of_its_severity(void **state)
{
    (void)state;
    static const char *const severities[] = { "Good", "Uncertain", "Bad", "Bad" };
    int named = 0;
    for (uint32_t high = 0; high < 0x10000; high++) {
        uint32_t code = high << 16;
        const char *ours = kp_status_name(code), *theirs = UA_StatusCode_name(code);
        if (strcmp(ours, theirs) == 0)
            named++;
        else if (strcmp(ours, severities[kp_status_severity(code)]) != 0)
            fail_msg("0x%08x is %s in the standard, not %s", (unsigned)code, theirs, ours);
    }
    assert_true(named >= 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_the_name_of_the_standard_or_of_its_severity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
