/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_FLEX_ORDER_READING_H
#define KOPPEL_FLEX_ORDER_READING_H
/* A file with orders being read: the orders in it, or all that is wrong with it in words for the
 * person who made the file. A file is taken whole or not at all. */
#include "core/mem.h"
#include "flex/folders.h"
#include "flex/order.h"

enum {
    KP_ORDER_FILE_MAX = 16 << 20,
    KP_ORDER_ROWS_MAX = 20000,
    KP_ORDER_FAULTS_MAX = 100 /* the others are counted only */
};

struct kp_order_fault {
    unsigned line, column; /* from 1; 0: of the whole file, of the whole line */
    const char *header;    /* of the column; NULL: there is none */
    const char *en, *nl;
};
/* What a supplier says to an order of ours. */
struct kp_order_answer {
    const char *number; /* of our order; NULL: the file is no answer */
    struct kp_confirm says;
};
/* Whether a word is a machine's path, or a group of machines. */
struct kp_order_places {
    bool (*is_machine)(void *arg, const char *word);
    bool (*is_group)(void *arg, const char *word);
    void *arg;
};
struct kp_order_reading {
    const struct kp_folder *folder;
    const struct kp_order_places *places; /* NULL: every word is a machine */
    struct kp_arena arena;                /* of everything that comes out */
    size_t n, room, lines_room;
    struct kp_order_in *orders;
    unsigned *lines; /* where each begins */
    struct kp_order_answer answer;
    size_t n_faults; /* all there are; KP_ORDER_FAULTS_MAX of them at most are in `faults` */
    struct kp_order_fault faults[KP_ORDER_FAULTS_MAX];
    bool starved; /* out of memory: nothing here counts */
};

void kp_order_reading_begin(struct kp_order_reading *, const struct kp_folder *,
                            const struct kp_order_places *);
void kp_order_reading_free(struct kp_order_reading *);
/* Both sentences take the same arguments. */
void kp_order_fault(struct kp_order_reading *, unsigned line, unsigned column, const char *header,
                    const char *en, const char *nl, ...)
    __attribute__((format(printf, 5, 7), format(printf, 6, 7)));
/* Ready sentences. */
void kp_order_fault_texts(struct kp_order_reading *, unsigned line, unsigned column,
                          const char *header, const char *en, const char *nl);
/* Another order, empty; NULL: out of memory. */
struct kp_order_in *kp_order_reading_add(struct kp_order_reading *, unsigned line);
/* All faults as the lines of a text. */
void kp_order_faults_print(const struct kp_order_reading *, bool dutch, struct kp_buf *);

/* ---- CSV: a line per operation; lines with the same number make an order ---- */
/* Changes the text. */
void kp_csv_orders(struct kp_order_reading *, struct kp_buf *text);

/* ---- cells, as people and spreadsheets of several countries write them ---- */
enum kp_sheet_cell {
    KP_CELL_GOOD,
    KP_CELL_WRONG,
    KP_CELL_AMBIGUOUS, /* it may mean two things; the file does not show which */
    KP_CELL_SHORTENED, /* 1,23E+12: the spreadsheet threw digits away */
    KP_CELL_BROKEN     /* #N/A, #####: the spreadsheet's own fault */
};
/* How the cells of a file are written, as far as they prove it. */
struct kp_sheet_style {
    char decimal;               /* ',' or '.'; 0: nothing proves either */
    enum kp_folder_dates dates; /* KP_DATES_AUTO: nothing proves which */
};
void kp_sheet_trim(char **cell); /* spaces of all kinds, and the quotes of ="00123" */
bool kp_sheet_broken(const char *cell);
void kp_sheet_learn_number(struct kp_sheet_style *, const char *cell);
void kp_sheet_learn_date(struct kp_sheet_style *, const char *cell);
enum kp_sheet_cell kp_sheet_number(const struct kp_sheet_style *, const char *cell, double *out);
/* ns; a date alone is the end of that day, as kp_due_parse has it. Also the serial numbers of
 * spreadsheets. */
enum kp_sheet_cell kp_sheet_time(const struct kp_sheet_style *, const char *cell, int64_t *out);
/* "190s", "3m", "0:03:10", or a number of `unit`; unit 0: a bare number is KP_CELL_AMBIGUOUS. */
enum kp_sheet_cell kp_sheet_duration(const struct kp_sheet_style *, const char *cell, int64_t unit,
                                     int64_t *out);

/* ---- UBL: an Order, an operation per line, or an OrderResponse to an order of ours ---- */
void kp_ubl_orders(struct kp_order_reading *, const char *xml, size_t len);
/* The reply to an order that came as UBL, by its confirmation; the order we place, each of its
 * operations a line. What comes out was judged by kp_ubl_check; a fault is KP_EINVALID. */
enum kp_code kp_ubl_response(const struct kp_folder *, const struct kp_order *, const char *id,
                             int64_t now, struct kp_buf *out, struct kp_err *);
enum kp_code kp_ubl_order(const struct kp_folder *, const struct kp_order *, int64_t now,
                          struct kp_buf *out, struct kp_err *);
#endif
