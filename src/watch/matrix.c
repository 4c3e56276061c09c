/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/matrix.h"

#include <assert.h>
#include <math.h>

#include "core/ban.h"

/* The routines as gfortran names them: all by reference, a length for each character behind. They
 * see our rows as columns, so what we mean by the lower half they call the upper one. */
void dsyrk_(const char *half, const char *turned, const int *d, const int *n, const double *by,
            const double *rows, const int *rows_stride, const double *keep, double *out,
            const int *out_stride, size_t, size_t);
void dpotrf2_(const char *half, const int *d, double *, const int *stride, int *fault, size_t);
void dtrsv_(const char *half, const char *turned, const char *diagonal, const int *d,
            const double *root, const int *stride, double *v, const int *step, size_t, size_t,
            size_t);
/* What they call when an argument makes no sense. Theirs would bring Fortran's whole input and
 * output along. */
void xerbla_(const char *routine, const int *argument, size_t);

static const int each = 1;

void xerbla_(const char *routine, const int *argument, size_t n)
{
    (void)routine;
    (void)argument;
    (void)n;
    assert(!"an argument that BLAS does not take");
}

void kp_matrix_add_products(double *square, const double *rows, size_t n, size_t d)
{
    const int wide = (int)d, many = (int)n;
    const double one = 1;
    dsyrk_("U", "N", &wide, &many, &one, rows, &wide, &one, square, &wide, 1, 1);
}

bool kp_matrix_factor(double *square, size_t d)
{
    const int wide = (int)d;
    int fault = 0;
    dpotrf2_("U", &wide, square, &wide, &fault, 1);
    return fault == 0;
}

double kp_matrix_distance(const double *root, double *v, size_t d)
{
    const int wide = (int)d;
    double sum = 0;
    dtrsv_("U", "T", "N", &wide, root, &wide, v, &each, 1, 1, 1);
    for (size_t i = 0; i < d; i++)
        sum += v[i] * v[i];
    return sum;
}

void kp_matrix_add_to_factor(double *root, double *v, size_t d)
{
    for (size_t k = 0; k < d; k++) {
        double was = root[k * d + k], is = hypot(was, v[k]), cos = is / was, sin = v[k] / was;
        root[k * d + k] = is;
        for (size_t i = k + 1; i < d; i++) {
            root[i * d + k] = (root[i * d + k] + sin * v[i]) / cos;
            v[i] = cos * v[i] - sin * root[i * d + k];
        }
    }
}

void kp_matrix_finish(const double *root, double *v, size_t d)
{
    const int wide = (int)d;
    dtrsv_("U", "N", "N", &wide, root, &wide, v, &each, 1, 1, 1);
}
