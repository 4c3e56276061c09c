/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CORE_BAN_H
#define KOPPEL_CORE_BAN_H
/* Functions that overflow, hide state or report no error. Include last in a .c file. */
#pragma GCC poison strcpy strcat sprintf vsprintf strncpy strncat strtok gmtime localtime
#pragma GCC poison asctime ctime atoi atol atoll atof gets
#endif
