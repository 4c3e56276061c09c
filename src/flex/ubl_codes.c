/* SPDX-License-Identifier: Apache-2.0 */
/* Code lists: ISO 4217 currencies, ISO 3166-1 countries, kinds of documents (UNTDID 1001), schemes
 * of addresses and identifiers (EAS, ISO 6523), units (UN/ECE recommendations 20 and 21). */
#include "flex/ubl_private.h"

#include <ctype.h>
#include <string.h>

#include "core/ban.h"

static const char currencies[] = " AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF "
                                 "BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE"
                                 " CHF CHW CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK DOP DZD "
                                 "EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ"
                                 " GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES "
                                 "KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL"
                                 " LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN "
                                 "NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN"
                                 " PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS "
                                 "SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD"
                                 " TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF "
                                 "XAG XAU XBA XBB XBC XBD XCD XDR XOF XPD XPF XPT XSU"
                                 " XTS XUA XXX YER ZAR ZMW ZWL ";
static const char countries[] = " 1A AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE "
                                "BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC"
                                " CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM "
                                "DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD"
                                " GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT "
                                "HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH"
                                " KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC "
                                "MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW"
                                " MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH "
                                "PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC"
                                " SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF "
                                "TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY"
                                " UZ VA VC VE VG VI VN VU WF WS XI XK YE YT ZA ZM ZW ";
static const char invoices[] = " 71 80 82 84 102 130 202 203 204 211 218 219 295 325 326 331 380 "
                               "382 383 384 385 386 387 388 389 390 393 394 395 456 457"
                               " 527 553 575 623 633 751 780 817 870 875 876 877 935 ";
static const char payments[] = " 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 "
                               "26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44"
                               " 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64 65 66 "
                               "67 68 70 74 75 76 77 78 91 92 93 94 95 96 97 98 99 ZZZ ";
static const char orders[] = " 105 220 221 226 227 228 229 230 231 348 402 ";
static const char addresses[] = " AN AQ AS AU EM ";
/* Words of order programs and of other lists that look like units. */
static const char mistaken_units[] = " PCE PCS STK STU UUR PC EUR USD GBP ";

static bool is_in(const char *list, const char *code)
{
    size_t n = strlen(code);
    const char *at = n && !strchr(code, ' ') ? strstr(list, code) : NULL;
    while (at && !(at[-1] == ' ' && at[n] == ' '))
        at = strstr(at + 1, code);
    return at != NULL;
}

bool ubl_is_code(enum ubl_list list, const char *code)
{
    bool four = strlen(code) == 4 && strspn(code, "0123456789") == 4;
    switch (list) {
    case UBL_CURRENCY:
        return is_in(currencies, code);
    case UBL_COUNTRY:
        return is_in(countries, code);
    case UBL_INVOICE_TYPE:
        return is_in(invoices, code);
    case UBL_PAYMENT:
        return is_in(payments, code);
    case UBL_ORDER_TYPE:
        return is_in(orders, code);
    case UBL_ADDRESS_SCHEME:
        return four || is_in(addresses, code);
    case UBL_ID_SCHEME: /* SEPA: of a creditor */
        return (four && code[0] == '0') || strcmp(code, "SEPA") == 0;
    default:
        return false;
    }
}

bool ubl_is_unit(const char *code)
{
    size_t n = strlen(code);
    for (const char *p = code; *p; p++)
        if (!isdigit((unsigned char)*p) && !(*p >= 'A' && *p <= 'Z'))
            return false;
    return n >= 2 && n <= 3 && !is_in(mistaken_units, code);
}

/* GS1, as the public rules have it: weights 1 and 3 from the right, whatever the length. */
bool ubl_is_gln(const char *code)
{
    size_t n = strlen(code);
    unsigned sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (unsigned)(code[n - 1 - i] - '0') * (i % 2 ? 3 : 1);
    return n && strspn(code, "0123456789") == n && sum % 10 == 0;
}
