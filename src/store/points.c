/* SPDX-License-Identifier: Apache-2.0 */
#include "store/engine.h"

#include <string.h>

#include "core/ban.h"

static bool is_sorted(const struct kp_sample *p, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (p[i].at < p[i - 1].at)
            return false;
    return true;
}

static void merge(const struct kp_sample *a, size_t n, const struct kp_sample *b, size_t m, struct kp_sample *out)
{
    while (n && m) {
        if (b->at < a->at) {
            *out++ = *b++;
            m--;
        } else {
            *out++ = *a++;
            n--;
        }
    }
    memcpy(out, n ? a : b, (n + m) * sizeof *out);
}

bool kp_points_sort(struct kp_sample *points, size_t n)
{
    if (is_sorted(points, n))
        return true;
    struct kp_sample *other = kp_alloc(n * sizeof *other), *from = points, *to = other;
    if (!other)
        return false;
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t i = 0; i < n; i += 2 * width) {
            size_t left = n - i < width ? n - i : width, right = n - i - left < width ? n - i - left : width;
            merge(from + i, left, from + i + left, right, to + i);
        }
        struct kp_sample *swap = from;
        from = to;
        to = swap;
    }
    if (from != points)
        memcpy(points, from, n * sizeof *points);
    kp_free(other);
    return true;
}

size_t kp_points_unique(struct kp_sample *p, size_t n, uint64_t *same, uint64_t *replaced)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        bool again = i + 1 < n && p[i + 1].at == p[i].at;
        if (again && p[i].status == p[i + 1].status && kp_value_equal(&p[i].value, &p[i + 1].value))
            ++*same;
        else if (again)
            ++*replaced;
        else
            p[kept++] = p[i];
    }
    return kept;
}
