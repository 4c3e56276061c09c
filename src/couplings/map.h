/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_MAP_H
#define KOPPEL_COUPLINGS_MAP_H
/* Maps: CSV text that says what stands where in a machine that cannot tell itself. The first line
 * names the columns, in any order; a class adds columns of its own to the common ones. A map is a
 * setting of the coupling (`map`), so it is checked whole before it is in force. */
#include "core/model.h"

enum { KP_MAP_ROWS_MAX = 20000, KP_MAP_TEXT_MAX = 1 << 20, KP_MAP_COLUMNS_MAX = 32 };

/* The columns every map may have; a class's own follow from KP_MAP_COMMON on. */
enum kp_map_column {
    KP_MAP_PATH,        /* where the signal is to be, below the coupling's `at`; needed */
    KP_MAP_TYPE,        /* in the protocol's own words */
    KP_MAP_UNIT,        /* "CEL", "°C", "kWh" */
    KP_MAP_SCALE,       /* value = raw * scale + offset */
    KP_MAP_OFFSET,
    KP_MAP_DESCRIPTION,
    KP_MAP_ROLE,        /* "state", "part-count" ... */
    KP_MAP_STATES,      /* rule of states, core/state_rule.h */
    KP_MAP_ENUMS,       /* "0=off 1=on" */
    KP_MAP_LOW,         /* the expected range */
    KP_MAP_HIGH,
    KP_MAP_COMMON,
};

struct kp_map_row {
    uint64_t line;
    const char *cell[KP_MAP_COLUMNS_MAX]; /* by column; NULL = empty or not there */
};
struct kp_map {
    struct kp_arena arena; /* what the rows' texts live in */
    struct kp_map_row *rows;
    size_t n;
};

struct kp_map_form {
    const char *const *columns; /* the class's own, NULL-ended */
    unsigned needed;            /* of them, bit per column that every row must have */
};
/* Reads and checks what is common to all maps. Errors name line and column. */
enum kp_code kp_map_read(struct kp_map *, const struct kp_map_form *, const char *text,
                         struct kp_err *);
/* The same of lines, as a profile holds them (kp_profile_map). */
enum kp_code kp_map_read_lines(struct kp_map *, const struct kp_map_form *, const char *const *lines,
                               struct kp_err *);
void kp_map_free(struct kp_map *);

/* Fills unit, description, role, states, enums and range from a row; texts live as long as the map. */
enum kp_code kp_map_info(struct kp_map *, const struct kp_map_row *, struct kp_signal_info *,
                         struct kp_err *);
/* Scale (1 when not given) and offset (0) of a row; true when either is given. */
bool kp_map_scale(const struct kp_map_row *, double *scale, double *offset);
/* "map: line 7: ..." in front of a recorded failure; returns its code. */
enum kp_code kp_map_context(const struct kp_map_row *, struct kp_err *);
#endif
