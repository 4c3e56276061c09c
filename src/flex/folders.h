/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_FLEX_FOLDERS_H
#define KOPPEL_FLEX_FOLDERS_H
/* Folders in which orders come as files and bookings and answers go out, one per order program or
 * partner: what their files look like and whose words they use. */
#include "core/err.h"
#include "core/text.h"

enum {
    KP_FOLDERS_MAX = 50,
    KP_FOLDER_WORDS_MAX = 2000, /* machines and units of all folders */
    KP_FOLDERS_TEXT = 256 << 10
};

enum kp_order_column {
    KP_COLUMN_NUMBER,
    KP_COLUMN_QUANTITY, /* these two must be there */
    KP_COLUMN_CUSTOMER,
    KP_COLUMN_ITEM,
    KP_COLUMN_DESCRIPTION,
    KP_COLUMN_UNIT,
    KP_COLUMN_DUE,
    KP_COLUMN_OPERATION,
    KP_COLUMN_NAME,
    KP_COLUMN_MACHINE,
    KP_COLUMN_GROUP,
    KP_COLUMN_PROGRAM,
    KP_COLUMN_CYCLE,
    KP_COLUMN_SETUP,
    KP_ORDER_COLUMNS
};
extern const char *const kp_order_column_words[]; /* "number", "quantity" ...; ends with NULL */

enum kp_folder_format { KP_FOLDER_CSV, KP_FOLDER_UBL21, KP_FOLDER_PEPPOL };
enum kp_folder_encoding { KP_ENCODING_AUTO, KP_ENCODING_UTF8, KP_ENCODING_1252 };
enum kp_folder_dates { KP_DATES_AUTO, KP_DATES_DMY, KP_DATES_MDY };

struct kp_folder_word {
    const char *theirs, *ours;
};
struct kp_party { /* NULL: not said */
    const char *name, *endpoint, *scheme, *country, *registration;
};
struct kp_folder {
    const char *name, *path, *sender; /* path NULL: orders/NAME in the node's folder */
    enum kp_folder_format format;
    enum kp_folder_encoding encoding;
    enum kp_folder_dates dates;
    char separator, decimal;               /* of the cells; 0: as the file shows */
    int64_t times;                         /* ns that a bare number of a time means; 0: not said */
    const char *columns[KP_ORDER_COLUMNS]; /* NULL: by the usual words */
    size_t n_machines, n_units;
    struct kp_folder_word *machines, *units;
    struct kp_party own, partner;
    const char *currency;
    bool dutch, replace, acknowledge, bookings;
    int64_t quiet;    /* a file that did not change for so long is whole */
    int64_t patience; /* for one that is cut off */
};
struct kp_folders { /* texts live in the document behind it */
    void *document;
    size_t n;
    struct kp_folder *of;
    struct kp_folder_word *words;
};

/* Checks everything. Free it, also after a failure. */
enum kp_code kp_folders_parse(const char *json, struct kp_folders *, struct kp_err *);
void kp_folders_free(struct kp_folders *);
const struct kp_folder *kp_folders_named(const struct kp_folders *, const char *name);
/* Ours for theirs; NULL: it is not in the list. In upper or lower case. */
const char *kp_folder_word(const struct kp_folder_word *, size_t n, const char *theirs);
#endif
