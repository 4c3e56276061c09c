/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CORE_LOG_H
#define KOPPEL_CORE_LOG_H
/* logfmt lines on stderr with journald's priority in front:
 *   <6>ts=2026-11-24T10:02:31.500Z level=info part=opcua msg="connected" coupling=dmu50
 * Off a terminal or under journald the "<6>" stands; on a terminal it is left out.
 * Each call site may write KP_LOG_BURST lines in ten seconds; what is held back is counted and said.
 * Never pass a secret. */

enum kp_log_level { KP_LOG_ERROR = 3, KP_LOG_WARN = 4, KP_LOG_INFO = 6, KP_LOG_DEBUG = 7 };
enum { KP_LOG_BURST = 20 };

struct kp_log_site {
    long long window; /* start of the ten seconds, monotonic ns */
    int count, held;
};

void kp_log_setup(enum kp_log_level most, int fd);
/* `fields` is a printf format of further logfmt pairs, "coupling=%s n=%d", or "". Values with spaces
 * or quotes: use "%s" of kp_log_quote(). */
void kp_log_write(struct kp_log_site *, enum kp_log_level, const char *part, const char *msg,
                  const char *fields, ...) __attribute__((format(printf, 5, 6)));
/* Quotes a value for logfmt into one of a few per-thread buffers. */
const char *kp_log_quote(const char *);

#define KP_LOG(level, part, msg, ...)                                         \
    do {                                                                      \
        static struct kp_log_site site_;                                      \
        kp_log_write(&site_, (level), (part), (msg), __VA_ARGS__);            \
    } while (0)
#define kp_error(part, msg, ...) KP_LOG(KP_LOG_ERROR, part, msg, __VA_ARGS__)
#define kp_warn(part, msg, ...) KP_LOG(KP_LOG_WARN, part, msg, __VA_ARGS__)
#define kp_info(part, msg, ...) KP_LOG(KP_LOG_INFO, part, msg, __VA_ARGS__)
#define kp_debug(part, msg, ...) KP_LOG(KP_LOG_DEBUG, part, msg, __VA_ARGS__)
#endif
