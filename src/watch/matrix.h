/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WATCH_MATRIX_H
#define KOPPEL_WATCH_MATRIX_H
/* The few things done with matrices, by LAPACK's and BLAS's reference routines, which are linked
 * in: one that the system picks by its processor would round differently from machine to machine,
 * and the same rows must give the same alarms. Matrices are d x d, of doubles, in one piece; only
 * the half that these functions write is looked at. */
#include <stdbool.h>
#include <stddef.h>

/* square += the products of n rows of d values, each with each: rows' rows. */
void kp_matrix_add_products(double *square, const double *rows, size_t n, size_t d);
/* Replaces a symmetric matrix by its Cholesky factor. False: it is not positive definite. */
bool kp_matrix_factor(double *square, size_t d);
/* v = root^-1 v, then v'v: the square of a distance whose measure was factored to `root`. */
double kp_matrix_distance(const double *root, double *v, size_t d);
/* The factor of the same measure with v v' added; v is used up. LAPACK has no such routine. */
void kp_matrix_add_to_factor(double *root, double *v, size_t d);
/* v = root'^-1 v: after kp_matrix_distance, v is the inverse of the measure times what it was. */
void kp_matrix_finish(const double *root, double *v, size_t d);
#endif
