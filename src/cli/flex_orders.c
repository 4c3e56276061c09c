/* SPDX-License-Identifier: Apache-2.0 */
/* flex orders: work orders, what is done at their operations, bookings. */
#include "cli/flex.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { URL = 4096 };

/* ---- asking ---- */
static json_t *ask(struct kp_cli *c, const char *url, const char *const *flags, struct kp_err *err)
{
    struct kp_buf text;
    json_t *j = NULL;
    kp_buf_init(&text, URL);
    kp_buf_str(&text, url);
    for (; *flags && !err->code; flags++)
        if (kp_flag(c, *flags) && !kp_url_flag(c, &text, *flags))
            kp_fail(err, KP_EINVALID, "--%s: '%.60s' is not a time such as -7d or 14:30", *flags,
                    kp_flag(c, *flags));
    if (!err->code && text.failed)
        kp_fail(err, KP_EINVALID, "that is too long for one question");
    if (!err->code)
        j = kp_client_get(c, kp_buf_text(&text), err);
    kp_buf_free(&text);
    return j;
}

/* ---- tables ---- */
static void id_text(const json_t *o, char out[KP_CELL])
{
    snprintf(out, KP_CELL, "%" PRId64, kp_integer(o, "id"));
}

static void print_more(const json_t *j)
{
    if (json_is_true(json_object_get(j, "more")))
        printf("there are more: --limit shows them\n");
}

static void quantity_text(const json_t *operation, char out[KP_CELL])
{
    snprintf(out, KP_CELL, "%" PRId64 "/%.10g", kp_integer(operation, "good"),
             kp_number(operation, "quantity"));
}

static void add_operation(struct kp_table *t, const json_t *order, const json_t *operation,
                          bool first)
{
    char id[KP_CELL], due[KP_CELL], of[KP_CELL], parts[KP_CELL], left[KP_CELL] = "-";
    const char *place = kp_text(operation, "asset");
    const json_t *remaining = json_object_get(operation, "remainingSeconds");
    id_text(order, id);
    id_text(operation, of);
    kp_cell_time(json_object_get(operation, "due") ? operation : order, "due", due);
    quantity_text(operation, parts);
    if (remaining)
        kp_cell_hours(json_number_value(remaining), left);
    kp_table_row(
        t, 11,
        (const char *[]){ first ? id : "", first ? kp_text(order, "number") : "",
                          first ? kp_text(order, "customer") : "",
                          first && json_is_true(json_object_get(order, "late")) ? "LATE" : "", due,
                          of, kp_text(operation, "number"),
                          *place ? place : kp_text(operation, "machineGroup"),
                          kp_text(operation, "state"), parts, left });
}

static void add_order(struct kp_table *t, const json_t *order)
{
    json_t *operation;
    size_t i;
    json_array_foreach(json_object_get(order, "operations"), i, operation)
        add_operation(t, order, operation, i == 0);
}

static const char *const order_head[] = { "id", "order", "customer", "",     "due",    "operation",
                                          "nr", "where", "state",    "good", "to do h" };
#define ORDER_RIGHT "rlllllllllr"

static void print_orders(struct kp_cli *c, const json_t *j)
{
    struct kp_table t = { 0 };
    json_t *order;
    size_t i;
    json_array_foreach(json_object_get(j, "orders"), i, order) add_order(&t, order);
    if (i)
        kp_table_print(c, &t, order_head, ORDER_RIGHT);
    else
        printf("no such orders\n");
    print_more(j);
}

static void print_order(struct kp_cli *c, const json_t *o)
{
    struct kp_table t = { 0 };
    char due[KP_CELL], promised[KP_CELL];
    const char *by = *kp_text(o, "customer") ? kp_text(o, "customer") : kp_text(o, "sender");
    kp_cell_time(o, "due", due);
    kp_cell_time(o, "promised", promised);
    printf("%s%s%s %s%s%s, %s, due %s%s\n", kp_style(c, "1"), kp_text(o, "number"),
           kp_style(c, "0"), kp_text(o, "item"), *by ? " for " : "", by, kp_text(o, "state"), due,
           json_is_true(json_object_get(o, "late")) ? ", LATE" : "");
    if (*kp_text(o, "confirmation"))
        printf("%s; promised %s %s\n", kp_text(o, "confirmation"), promised, kp_text(o, "comment"));
    add_order(&t, o);
    kp_table_print(c, &t, order_head, ORDER_RIGHT);
}

static void print_bookings(struct kp_cli *c, const json_t *j)
{
    static const char *const head[] = { "id",   "order", "nr",      "where", "from", "to",
                                        "good", "scrap", "running", "setup", "by",   "comment" };
    struct kp_table t = { 0 };
    json_t *b;
    size_t i;
    json_array_foreach(json_object_get(j, "bookings"), i, b)
    {
        char id[KP_CELL], from[KP_CELL], to[KP_CELL], good[KP_CELL], scrap[KP_CELL],
            running[KP_CELL], setup[KP_CELL];
        id_text(b, id);
        kp_cell_time(b, "start", from);
        kp_cell_time(b, "end", to);
        kp_cell_number(b, "good", 0, good);
        kp_cell_number(b, "scrap", 0, scrap);
        kp_cell_hours(kp_number(b, "runningSeconds"), running);
        kp_cell_hours(kp_number(b, "setupSeconds"), setup);
        kp_table_row(&t, 12,
                     (const char *[]){ id, kp_text(b, "number"), kp_text(b, "operationNumber"),
                                       kp_text(b, "asset"), from, to, good, scrap, running, setup,
                                       *kp_text(b, "who") ? kp_text(b, "who") : kp_text(b, "via"),
                                       kp_text(b, "comment") });
    }
    if (i)
        kp_table_print(c, &t, head, "rlllllrrrrll");
    else
        printf("no such bookings\n");
    print_more(j);
}

/* ---- words ---- */
static int list(struct kp_cli *c)
{
    static const char *const flags[] = { "state", "asset", "direction", "sender",
                                         "find",  "limit", NULL };
    struct kp_err err = { 0 };
    return kp_flex_show(c, ask(c, "/api/v1/orders", flags, &err), &err, print_orders);
}

static int bookings(struct kp_cli *c)
{
    static const char *const flags[] = { "from", "to", "asset", "limit", NULL };
    struct kp_err err = { 0 };
    struct kp_buf url;
    kp_buf_init(&url, URL);
    kp_buf_str(&url, "/api/v1/bookings");
    if (c->argc > 2)
        kp_url_add(&url, "order", c->argv[2]);
    json_t *j = ask(c, kp_buf_text(&url), flags, &err);
    kp_buf_free(&url);
    return kp_flex_show(c, j, &err, print_bookings);
}

static int show_one(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    json_t *j = kp_client_at(c, "GET", "orders", c->argv[2], NULL, NULL, &err);
    return kp_flex_show(c, j, &err, print_order);
}

static bool take_one(struct kp_cli *c, json_t *order)
{
    struct kp_err err = { 0 };
    if (kp_flag(c, "replace"))
        json_object_set_new(order, "replace", json_true());
    json_t *j = kp_client_send(c, "POST", "/api/v1/orders", json_incref(order), &err);
    if (!j)
        return kp_fault(c, &err) == KP_DONE;
    if (c->json)
        kp_print_json(j);
    else
        printf("%s %s: %" PRId64 "\n", kp_text(json_object_get(j, "order"), "number"),
               json_is_true(json_object_get(j, "repeated"))   ? "is there already"
               : json_is_true(json_object_get(j, "replaced")) ? "replaced"
                                                              : "taken",
               kp_integer(j, "id"));
    json_decref(j);
    return true;
}

/* One order, or a list of them. */
static int take(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    json_t *file = kp_read_json(c->argv[2], &err), *one;
    size_t i, taken = 0;
    if (!file)
        return kp_fault(c, &err);
    if (!json_is_array(file)) {
        bool good = take_one(c, file);
        json_decref(file);
        return good ? KP_DONE : KP_FAILED;
    }
    json_array_foreach(file, i, one) taken += take_one(c, one);
    json_decref(file);
    return taken == i ? KP_DONE : KP_FAILED;
}

static int cancel(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    return kp_flex_show(c, kp_client_at(c, "POST", "orders", c->argv[2], "cancel", NULL, &err),
                        &err, print_order);
}

static int confirm(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    if (c->argc < 4)
        return kp_complain(c, KP_MISUSE,
                           "with which answer? flex orders confirm 12 accepted --promised "
                           "2026-12-01; accepted, changed or rejected");
    json_t *body = json_pack("{s:s}", "answer", c->argv[3]);
    kp_set_text(body, "promised", kp_flag(c, "promised"));
    kp_set_text(body, "comment", kp_flag(c, "comment"));
    return kp_flex_show(c, kp_client_at(c, "POST", "orders", c->argv[2], "confirm", body, &err),
                        &err, print_order);
}

static void print_acted(struct kp_cli *c, const json_t *j)
{
    if (json_object_get(j, "interrupted"))
        printf("operation %" PRId64 " ran there and is interrupted\n",
               kp_integer(j, "interrupted"));
    print_order(c, json_object_get(j, "order"));
}

static int act(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    json_t *body = json_object();
    kp_set_text(body, "asset", kp_flag(c, "asset"));
    kp_set_text(body, "comment", kp_flag(c, "comment"));
    if (!kp_set_counts(c, body)) {
        json_decref(body);
        return kp_complain(c, KP_MISUSE, "--good and --scrap take whole numbers, --at a time");
    }
    return kp_flex_show(c,
                        kp_client_at(c, "POST", "operations", c->argv[2], c->argv[1], body, &err),
                        &err, print_acted);
}

int kp_flex_orders(struct kp_cli *c)
{
    static const struct {
        const char *word, *needs;
        int (*run)(struct kp_cli *);
    } words[] = { { "list", NULL, list },
                  { "show", "the id of an order", show_one },
                  { "take", "a file, or - for the standard input", take },
                  { "cancel", "the id of an order", cancel },
                  { "confirm", "the id of an order", confirm },
                  { "start", "the id of an operation", act },
                  { "interrupt", "the id of an operation", act },
                  { "finish", "the id of an operation", act },
                  { "bookings", NULL, bookings } };
    const char *word = c->argc > 1 ? c->argv[1] : "list";
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].word, word) == 0)
            return words[i].needs && c->argc < 3
                       ? kp_complain(c, KP_MISUSE, "flex orders %s needs %s", word, words[i].needs)
                       : words[i].run(c);
    return kp_complain(c, KP_MISUSE,
                       "there is no 'flex orders %s'; it takes list, show, take, cancel, confirm, "
                       "start, interrupt, finish, bookings",
                       word);
}
