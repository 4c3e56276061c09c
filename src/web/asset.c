/* SPDX-License-Identifier: Apache-2.0 */
#include "web/asset.h"

#include "core/ban.h"

/* The assembler finds the files by the compiler's include path. */
#define FILE_AS(symbol, file)                                         \
    __asm__(".pushsection .rodata\n"                                  \
            ".global " #symbol "\n" #symbol ":\n"                     \
            ".incbin \"" file "\"\n"                                  \
            ".byte 0\n"                                               \
            ".popsection\n")

FILE_AS(kp_asset_page, "web/page.html");
FILE_AS(kp_asset_openapi, "web/openapi.json");
