/* SPDX-License-Identifier: Apache-2.0 */
/* The status codes machines really send, by the names of OPC UA Part 6 (StatusCode.csv), ascending.
 */
#include "core/value.h"

#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

static const struct {
    uint32_t code;
    const char *name;
} codes[] = {
    { 0x00000000, "Good" },
    { 0x002F0000, "GoodOverload" },
    { 0x00300000, "GoodClamped" },
    { 0x00960000, "GoodLocalOverride" },
    { 0x00A20000, "GoodEntryInserted" },
    { 0x00A30000, "GoodEntryReplaced" },
    { 0x00A50000, "GoodNoData" },
    { 0x00A60000, "GoodMoreData" },
    { 0x40000000, "Uncertain" },
    { 0x408F0000, "UncertainNoCommunicationLastUsableValue" },
    { 0x40900000, "UncertainLastUsableValue" },
    { 0x40910000, "UncertainSubstituteValue" },
    { 0x40920000, "UncertainInitialValue" },
    { 0x40930000, "UncertainSensorNotAccurate" },
    { 0x40940000, "UncertainEngineeringUnitsExceeded" },
    { 0x40950000, "UncertainSubNormal" },
    { 0x40A40000, "UncertainDataSubNormal" },
    { 0x40C00000, "UncertainNotAllNodesAvailable" },
    { 0x80000000, "Bad" },
    { 0x80010000, "BadUnexpectedError" },
    { 0x80020000, "BadInternalError" },
    { 0x80030000, "BadOutOfMemory" },
    { 0x80040000, "BadResourceUnavailable" },
    { 0x80050000, "BadCommunicationError" },
    { 0x80060000, "BadEncodingError" },
    { 0x80070000, "BadDecodingError" },
    { 0x800A0000, "BadTimeout" },
    { 0x800B0000, "BadServiceUnsupported" },
    { 0x800C0000, "BadShutdown" },
    { 0x800D0000, "BadServerNotConnected" },
    { 0x800E0000, "BadServerHalted" },
    { 0x800F0000, "BadNothingToDo" },
    { 0x80100000, "BadTooManyOperations" },
    { 0x80110000, "BadDataTypeIdUnknown" },
    { 0x80120000, "BadCertificateInvalid" },
    { 0x80130000, "BadSecurityChecksFailed" },
    { 0x80140000, "BadCertificateTimeInvalid" },
    { 0x80150000, "BadCertificateIssuerTimeInvalid" },
    { 0x80160000, "BadCertificateHostNameInvalid" },
    { 0x80170000, "BadCertificateUriInvalid" },
    { 0x80180000, "BadCertificateUseNotAllowed" },
    { 0x80190000, "BadCertificateIssuerUseNotAllowed" },
    { 0x801A0000, "BadCertificateUntrusted" },
    { 0x801B0000, "BadCertificateRevocationUnknown" },
    { 0x801C0000, "BadCertificateIssuerRevocationUnknown" },
    { 0x801D0000, "BadCertificateRevoked" },
    { 0x801E0000, "BadCertificateIssuerRevoked" },
    { 0x801F0000, "BadUserAccessDenied" },
    { 0x80200000, "BadIdentityTokenInvalid" },
    { 0x80210000, "BadIdentityTokenRejected" },
    { 0x80220000, "BadSecureChannelIdInvalid" },
    { 0x80250000, "BadSessionIdInvalid" },
    { 0x80260000, "BadSessionClosed" },
    { 0x80280000, "BadSubscriptionIdInvalid" },
    { 0x80310000, "BadNoCommunication" },
    { 0x80320000, "BadWaitingForInitialData" },
    { 0x80330000, "BadNodeIdInvalid" },
    { 0x80340000, "BadNodeIdUnknown" },
    { 0x80350000, "BadAttributeIdInvalid" },
    { 0x80360000, "BadIndexRangeInvalid" },
    { 0x803A0000, "BadNotReadable" },
    { 0x803B0000, "BadNotWritable" },
    { 0x803C0000, "BadOutOfRange" },
    { 0x803D0000, "BadNotSupported" },
    { 0x803E0000, "BadNotFound" },
    { 0x803F0000, "BadObjectDeleted" },
    { 0x80400000, "BadNotImplemented" },
    { 0x80410000, "BadMonitoringModeInvalid" },
    { 0x80440000, "BadMonitoredItemFilterUnsupported" },
    { 0x80540000, "BadSecurityModeRejected" },
    { 0x80550000, "BadSecurityPolicyRejected" },
    { 0x80560000, "BadTooManySessions" },
    { 0x80570000, "BadUserSignatureInvalid" },
    { 0x80740000, "BadTypeMismatch" },
    { 0x80770000, "BadTooManySubscriptions" },
    { 0x80780000, "BadTooManyPublishRequests" },
    { 0x80790000, "BadNoSubscription" },
    { 0x80850000, "BadRequestTimeout" },
    { 0x80890000, "BadConfigurationError" },
    { 0x808A0000, "BadNotConnected" },
    { 0x808B0000, "BadDeviceFailure" },
    { 0x808C0000, "BadSensorFailure" },
    { 0x808D0000, "BadOutOfService" },
    { 0x808E0000, "BadDeadbandFilterInvalid" },
    { 0x809B0000, "BadNoData" },
    { 0x809D0000, "BadDataLost" },
    { 0x809E0000, "BadDataUnavailable" },
    { 0x80AC0000, "BadConnectionRejected" },
    { 0x80AD0000, "BadDisconnect" },
    { 0x80AE0000, "BadConnectionClosed" },
    { 0x80AF0000, "BadInvalidState" },
    { 0x80DB0000, "BadTooManyMonitoredItems" },
    { 0x810D0000, "BadCertificateChainIncomplete" },
    { 0x81140000, "BadCertificatePolicyCheckFailed" },
};
enum { CODES = sizeof codes / sizeof codes[0] };

const char *kp_status_name(uint32_t status)
{
    static const char *const severities[] = { "Good", "Uncertain", "Bad", "Bad" };
    uint32_t code = status & 0xffff0000u; /* without the flag bits */
    size_t low = 0, high = CODES;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (codes[middle].code == code)
            return codes[middle].name;
        if (codes[middle].code < code)
            low = middle + 1;
        else
            high = middle;
    }
    return severities[kp_status_severity(status)];
}

bool kp_status_parse(const char *text, uint32_t *status)
{
    for (size_t i = 0; i < CODES; i++)
        if (strcmp(codes[i].name, text) == 0) {
            *status = codes[i].code;
            return true;
        }
    size_t digits = strlen(text) - 2;
    if (strncmp(text, "0x", 2) != 0 || digits < 1 || digits > 8 ||
        strspn(text + 2, "0123456789abcdefABCDEF") != digits)
        return false;
    *status = (uint32_t)strtoul(text, NULL, 16);
    return true;
}
