/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_TESTS_SHOP_SCRIPTS_H
#define KOPPEL_TESTS_SHOP_SCRIPTS_H
/* Days of the machine in shop.h. What is called a fault is to be found before the tenth hour ends;
 * before it begins, and on days without one, there is to be no alarm. */
#include "shop.h"

static const struct shop_script shop_scripts[] = {
    { "a usual day", SHOP_NORMAL, 0, 0, 1 },
    { "another usual day", SHOP_NORMAL, 0, 0, 2 },
    { "a third usual day", SHOP_NORMAL, 0, 0, 3 },
    { "tool wears by 20 % in 100 parts", SHOP_WEAR, 0.2, 6, 11 },
    { "tool wears by 30 % in 100 parts", SHOP_WEAR, 0.3, 6.5, 12 },
    { "tool wears by 45 % in 100 parts", SHOP_WEAR, 0.45, 7, 13 },
    { "tool wears by 60 % in 100 parts", SHOP_WEAR, 0.6, 7.5, 14 },
    { "tool wears twice as fast as that", SHOP_WEAR, 1.2, 8, 15 },
    { "tool breaks, nothing is cut", SHOP_BREAKAGE, 0, 6, 21 },
    { "tool breaks, a third is cut", SHOP_BREAKAGE, 0.33, 6.3, 22 },
    { "tool breaks, half is cut", SHOP_BREAKAGE, 0.5, 7.1, 23 },
    { "an edge breaks, 75 % is cut", SHOP_BREAKAGE, 0.75, 7.7, 24 },
    { "an edge builds up, 130 % load", SHOP_BREAKAGE, 1.3, 8.2, 25 },
    { "feed left at 50 %", SHOP_OVERRIDE, 0.5, 6, 31 },
    { "feed left at 70 %", SHOP_OVERRIDE, 0.7, 6.6, 32 },
    { "feed left at 85 %", SHOP_OVERRIDE, 0.85, 7, 33 },
    { "feed left at 95 %", SHOP_OVERRIDE, 0.95, 7.5, 34 },
    { "feed left at 120 %", SHOP_OVERRIDE, 1.2, 8, 35 },
    { "a bearing warms by 4 degrees an hour", SHOP_BEARING, 4, 5.5, 41 },
    { "a bearing warms by 6 degrees an hour", SHOP_BEARING, 6, 6, 42 },
    { "a bearing warms by 10 degrees an hour", SHOP_BEARING, 10, 6.5, 43 },
    { "a bearing warms by 15 degrees an hour", SHOP_BEARING, 15, 7, 44 },
    { "a bearing warms by 30 degrees an hour", SHOP_BEARING, 30, 8, 45 },
    { "coolant at 90 %", SHOP_STEP, 0.9, 6, 51 },
    { "coolant at 75 %", SHOP_STEP, 0.75, 6.5, 52 },
    { "coolant at 50 %", SHOP_STEP, 0.5, 7, 53 },
    { "no coolant", SHOP_STEP, 0.05, 8, 54 },
    { "coolant swings by 5 %", SHOP_OSCILLATES, 0.05, 6, 61 },
    { "coolant swings by 15 %", SHOP_OSCILLATES, 0.15, 7, 62 },
    { "coolant swings by 40 %", SHOP_OSCILLATES, 0.4, 8, 63 },
    { "temperature is stuck", SHOP_STUCK, 0, 6.2, 71 },
    { "vibration is stuck", SHOP_STUCK, 1, 7.2, 72 },
    { "pressure is stuck", SHOP_STUCK, 2, 8.1, 73 },
    { "cycles get 10 % longer in 100 parts", SHOP_CREEP, 0.1, 6, 81 },
    { "cycles get 25 % longer in 100 parts", SHOP_CREEP, 0.25, 7, 82 },
    { "load swings by 30 % in a cut", SHOP_CHATTER, 0.3, 6.4, 91 },
    { "load swings by 60 % in a cut", SHOP_CHATTER, 0.6, 7.4, 92 },
    { "a new program", SHOP_NEW_PROGRAM, 0, 5, 101 },
    { "a new program late in the day", SHOP_NEW_PROGRAM, 0, 8, 102 },
    { "a sharper tool for the same program", SHOP_NEW_TOOL, 0.7, 6, 103 },
    { "a coarser tool for the same program", SHOP_NEW_TOOL, 1.5, 7, 104 },
    { "half an hour's pause", SHOP_PAUSE, 0.5, 6, 105 },
    { "two hours' pause", SHOP_PAUSE, 2, 6, 106 },
    { "jobs of one to three parts", SHOP_SINGLES, 0, 6, 107 },
};
#endif
