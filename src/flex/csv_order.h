/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_FLEX_CSV_ORDER_H
#define KOPPEL_FLEX_CSV_ORDER_H
/* What the files that read CSV of order programs share. */
#include "core/csv.h"
#include "flex/order_reading.h"

enum { CSV_HEADERS_MAX = 200 };

struct csv_row {
    unsigned line;
    char *cell[KP_ORDER_COLUMNS]; /* NULL: no such column, or nothing stands there */
};
struct csv_sheet {
    struct kp_order_reading *r;
    struct kp_csv csv;
    struct kp_sheet_style style;
    size_t place[KP_ORDER_COLUMNS]; /* SIZE_MAX: the file has no such column */
    int64_t unit[KP_ORDER_COLUMNS]; /* ns, as the header says it: "cycle (min)" */
    size_t n_headers;
    const char *header[CSV_HEADERS_MAX + 1]; /* as it stands there; NULL at the end */
    size_t n, room;
    struct csv_row *rows;
};

/* ---- csv_order_columns.c ---- */
/* Of the record in hand. False: nothing below can be understood. */
bool csv_read_header(struct csv_sheet *);

/* ---- csv_order_cells.c: each tells what is wrong, and leaves *out when nothing stands there ----
 */
enum csv_kind { CSV_NUMBER, CSV_DATE, CSV_DURATION };
void csv_cell_fault(struct csv_sheet *, const struct csv_row *, enum kp_order_column, enum csv_kind,
                    enum kp_sheet_cell what);
void csv_number(struct csv_sheet *, const struct csv_row *, enum kp_order_column, double *out);
void csv_due(struct csv_sheet *, const struct csv_row *, int64_t *out);
void csv_duration(struct csv_sheet *, const struct csv_row *, enum kp_order_column, int64_t *out);
/* A machine, or a group of which one is to be chosen. */
void csv_place(struct csv_sheet *, const struct csv_row *, enum kp_order_column,
               struct kp_operation_in *);
const char *csv_unit(struct csv_sheet *, const struct csv_row *);
#endif
