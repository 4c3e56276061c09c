/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>
#include <termios.h>

#include "core/ban.h"

static enum kp_code ask(const char *what, char *out, int size, struct kp_err *err)
{
    struct termios shown, hidden;
    FILE *tty = fopen("/dev/tty", "r+");
    if (!tty) /* no terminal: the first line of the input */
        return fgets(out, size, stdin) ? KP_OK : kp_fail(err, KP_EIO, "no %s came on the input", what);
    tcgetattr(fileno(tty), &shown);
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(fileno(tty), TCSANOW, &hidden);
    fprintf(tty, "%s: ", what);
    fflush(tty);
    bool got = fgets(out, size, tty);
    tcsetattr(fileno(tty), TCSANOW, &shown);
    fprintf(tty, "\n");
    fclose(tty);
    return got ? KP_OK : kp_fail(err, KP_EIO, "no %s was typed", what);
}

enum kp_code kp_read_secret(const char *file, const char *what, char *out, int size, struct kp_err *err)
{
    out[0] = 0;
    if (strcmp(file, "-") == 0) {
        ask(what, out, size, err);
    } else {
        FILE *f = fopen(file, "r");
        if (!f || !fgets(out, size, f))
            kp_fail(err, KP_EIO, "%s: the %s cannot be read", file, what);
        if (f)
            fclose(f);
    }
    out[strcspn(out, "\r\n")] = 0;
    return err->code;
}
