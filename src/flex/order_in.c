/* SPDX-License-Identifier: Apache-2.0 */
/* What an order says before it is taken: read from JSON, and checked, whoever brings it. */
#include "flex/order_private.h"

#include "core/hub.h"
#include "flex/ubl_private.h"
#include "net/json_members.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/ban.h"

enum { PLACE = 40, DATE = 10 };
static const double quantity_most = 1e9;
#define DURATION_MOST (INT64_C(400) * 86400 * KP_SECOND)

/* ---- reading ---- */
bool kp_due_parse(const char *text, int64_t *at)
{
    unsigned y = 0, m = 0, d = 0;
    int end = 0;
    if (!kp_time_parse(text, at))
        return false;
    if (strlen(text) != DATE || sscanf(text, "%4u-%2u-%2u%n", &y, &m, &d, &end) != 3 || end != DATE)
        return true;
    struct tm tm = { .tm_year = (int)y - 1900, .tm_mon = (int)m - 1, .tm_mday = (int)d + 1 };
    tm.tm_isdst = -1;
    *at = (int64_t)mktime(&tm) * KP_SECOND - KP_SECOND;
    return true;
}

static enum kp_code read_due(const json_t *o, const char *where, int64_t *due, struct kp_err *err)
{
    const char *text;
    *due = KP_NO_TIME;
    if (kp_member_text(o, where, "due", false, &text, err) || !text)
        return err->code;
    if (!kp_due_parse(text, due))
        kp_fail(err, KP_EINVALID,
                "%s.due: '%.40s' is not a date such as 2026-12-01, or a time such as "
                "2026-12-01T14:00:00Z",
                where, text);
    return err->code;
}

static enum kp_code read_operation(const json_t *o, const char *where, struct kp_operation_in *op,
                                   struct kp_err *err)
{
    static const char *const known[] = { "number",  "name", "asset",    "machineGroup",
                                         "program", "item", "quantity", "cycle",
                                         "setup",   "due",  "line",     NULL };
    if (kp_members_known(o, where, known, err) ||
        kp_member_text(o, where, "number", true, &op->number, err) ||
        kp_member_text(o, where, "name", false, &op->name, err) ||
        kp_member_text(o, where, "asset", false, &op->asset, err) ||
        kp_member_text(o, where, "machineGroup", false, &op->group, err) ||
        kp_member_text(o, where, "program", false, &op->program, err) ||
        kp_member_text(o, where, "item", false, &op->item, err) ||
        kp_member_text(o, where, "line", false, &op->line, err) ||
        kp_member_number(o, where, "quantity", 0, quantity_most, &op->quantity, err) ||
        kp_member_duration(o, where, "cycle", &op->cycle, err) ||
        kp_member_duration(o, where, "setup", &op->setup, err))
        return err->code;
    return read_due(o, where, &op->due, err);
}

static enum kp_code read_operations(const json_t *o, struct kp_arena *arena, struct kp_order_in *in,
                                    struct kp_err *err)
{
    const json_t *list;
    if (kp_member_list(o, "order", "operations", KP_OPERATIONS_MAX, &list, err))
        return err->code;
    size_t n = json_array_size(list);
    struct kp_operation_in *ops = n ? kp_arena_alloc(arena, n * sizeof *ops) : NULL;
    if (n && !ops)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    in->operations = ops;
    for (; in->n < n && !err->code; in->n++) {
        char where[PLACE];
        snprintf(where, sizeof where, "operations[%zu]", in->n);
        read_operation(json_array_get(list, in->n), where, &ops[in->n], err);
    }
    return err->code;
}

enum kp_code kp_order_parse(const void *json, struct kp_arena *arena, struct kp_order_in *in,
                            bool *replace, struct kp_err *err)
{
    static const char *const known[] = { "direction", "sender",      "number",  "customer",
                                         "item",      "description", "unit",    "quantity",
                                         "due",       "folder",      "replace", "operations",
                                         NULL };
    const json_t *o = json, *again = json_object_get(o, "replace");
    const char *direction;
    *in = (struct kp_order_in){ 0 };
    if (kp_members_known(o, "order", known, err) ||
        kp_member_text(o, "order", "number", true, &in->number, err) ||
        kp_member_text(o, "order", "direction", false, &direction, err) ||
        kp_member_text(o, "order", "sender", false, &in->sender, err) ||
        kp_member_text(o, "order", "customer", false, &in->customer, err) ||
        kp_member_text(o, "order", "item", false, &in->item, err) ||
        kp_member_text(o, "order", "description", false, &in->description, err) ||
        kp_member_text(o, "order", "unit", false, &in->unit, err) ||
        kp_member_text(o, "order", "folder", false, &in->folder, err) ||
        kp_member_number(o, "order", "quantity", 0, quantity_most, &in->quantity, err) ||
        read_due(o, "order", &in->due, err))
        return err->code;
    if (direction && strcmp(direction, "in") != 0 && strcmp(direction, "out") != 0)
        return kp_fail(err, KP_EINVALID, "order.direction: '%.20s' is neither in nor out",
                       direction);
    if (again && !json_is_null(again) && !json_is_boolean(again))
        return kp_fail(err, KP_EINVALID, "order.replace: must be true or false");
    in->out = direction && strcmp(direction, "out") == 0;
    *replace = json_is_true(again);
    return read_operations(o, arena, in, err);
}

/* ---- checking ---- */
/* Also what comes from files: nothing that breaks a line, a table or a name. */
static enum kp_code check_text(const char *where, const char *key, const char *text, size_t most,
                               struct kp_err *err)
{
    if (!text)
        return KP_OK;
    size_t n = strlen(text);
    if (n > most || !kp_utf8_valid(text, n))
        return kp_fail(err, KP_EINVALID, "%s.%s: must be UTF-8, %zu bytes at most", where, key,
                       most);
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return kp_fail(err, KP_EINVALID, "%s.%s: must be one line of text", where, key);
    return KP_OK;
}

static enum kp_code check_quantity(const char *where, double q, bool needed, struct kp_err *err)
{
    if (needed && q == 0)
        return kp_fail(err, KP_EINVALID, "%s.quantity is missing: how many are to be made?", where);
    if (!isfinite(q) || q < 0 || q > quantity_most)
        return kp_fail(err, KP_EINVALID, "%s.quantity: must be a number above 0, up to %.0f", where,
                       quantity_most);
    return KP_OK;
}

static enum kp_code check_duration(const char *where, const char *key, int64_t ns,
                                   struct kp_err *err)
{
    return ns >= 0 && ns <= DURATION_MOST
               ? KP_OK
               : kp_fail(err, KP_EINVALID, "%s.%s: must be a time up to 400 days", where, key);
}

static enum kp_code check_place(struct kp_shop *s, const struct kp_settings *settings,
                                const char *where, const struct kp_operation_in *op,
                                struct kp_err *err)
{
    if (op->asset && !order_asset(s, op->asset))
        return kp_fail(err, KP_EINVALID, "%s.asset: there is no machine '%.120s'", where,
                       op->asset);
    if (!op->group || kp_settings_group(settings, op->group))
        return KP_OK;
    return kp_fail(err, KP_EINVALID,
                   "%s.machineGroup: there is no group '%.60s'; groups stand in the settings of "
                   "the shop floor",
                   where, op->group);
}

static enum kp_code check_operation(struct kp_shop *s, const struct kp_settings *settings,
                                    const char *where, const struct kp_order_in *in,
                                    const struct kp_operation_in *op, struct kp_err *err)
{
    if (!op->number || !*op->number)
        return kp_fail(err, KP_EINVALID, "%s.number is missing", where);
    if (check_text(where, "number", op->number, KP_NAME_MAX - 1, err) ||
        check_text(where, "name", op->name, KP_MEMBER_TEXT, err) ||
        check_text(where, "program", op->program, KP_NAME_MAX - 1, err) ||
        check_text(where, "item", op->item, KP_MEMBER_TEXT, err) ||
        check_text(where, "line", op->line, KP_NAME_MAX - 1, err) ||
        check_quantity(where, op->quantity, in->quantity == 0, err) ||
        check_duration(where, "cycle", op->cycle, err) ||
        check_duration(where, "setup", op->setup, err))
        return err->code;
    for (const struct kp_operation_in *o = in->operations; o < op; o++)
        if (strcmp(o->number, op->number) == 0)
            return kp_fail(err, KP_EINVALID, "%s.number: there are two operations '%.60s'", where,
                           op->number);
    return check_place(s, settings, where, op, err);
}

static enum kp_code check_order(struct kp_shop *s, const struct kp_settings *settings,
                                const struct kp_order_in *in, struct kp_err *err)
{
    if (!in->number || !*in->number)
        return kp_fail(err, KP_EINVALID, "order.number is missing");
    if (check_text("order", "number", in->number, KP_NAME_MAX - 1, err) ||
        check_text("order", "sender", in->sender, KP_NAME_MAX - 1, err) ||
        check_text("order", "customer", in->customer, KP_MEMBER_TEXT, err) ||
        check_text("order", "item", in->item, KP_MEMBER_TEXT, err) ||
        check_text("order", "description", in->description, KP_MEMBER_TEXT, err) ||
        check_text("order", "folder", in->folder, KP_NAME_MAX - 1, err) ||
        check_quantity("order", in->quantity, !in->n, err))
        return err->code;
    if (in->unit && !ubl_is_unit(in->unit))
        return kp_fail(err, KP_EINVALID,
                       "order.unit: '%.20s' is no code of UN/ECE recommendation 20, such as H87 "
                       "(piece) or KGM",
                       in->unit);
    if (in->n > KP_OPERATIONS_MAX)
        return kp_fail(err, KP_EFULL, "order.operations: more than %d", KP_OPERATIONS_MAX);
    for (size_t i = 0; i < in->n && !err->code; i++) {
        char where[PLACE];
        snprintf(where, sizeof where, "operations[%zu]", i);
        check_operation(s, settings, where, in, &in->operations[i], err);
    }
    return err->code;
}

enum kp_code order_check_all(struct kp_shop *s, const struct kp_order_in *list, size_t n,
                             struct kp_err *err)
{
    struct shop_rules rules;
    if (n > KP_ORDERS_AT_ONCE)
        return kp_fail(err, KP_EFULL, "more than %d orders at once", KP_ORDERS_AT_ONCE);
    shop_rules(s, &rules, err);
    for (size_t i = 0; i < n && !err->code; i++)
        if (check_order(s, &rules.settings, &list[i], err) && n > 1)
            kp_context(err, "order %.60s", list[i].number ? list[i].number : "without a number");
    shop_rules_free(&rules);
    return err->code;
}

enum kp_code kp_order_check(struct kp_shop *s, const struct kp_order_in *in, struct kp_err *err)
{
    return order_check_all(s, in, 1, err);
}

kp_asset order_asset(struct kp_shop *s, const char *path)
{
    struct kp_model *m = kp_hub_model(s->hub);
    kp_model_lock(m);
    kp_asset id = *path ? kp_model_find_asset(m, path) : 0;
    kp_model_unlock(m);
    return id;
}

/* ---- a hash of what it says ---- */
static void add_text(struct order_print *p, const char *text)
{
    *p = (struct order_print){ kp_hash(p->h, text ? text : "", text ? strlen(text) + 1 : 1) };
}

static void add_number(struct order_print *p, const void *data, size_t n)
{
    *p = (struct order_print){ kp_hash(p->h, data, n) };
}

struct order_print order_print(const struct kp_order_in *in)
{
    struct order_print p = { KP_HASH_START };
    const char *const texts[] = { in->customer, in->item, in->description, in->unit };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        add_text(&p, texts[i]);
    add_number(&p, &in->quantity, sizeof in->quantity);
    add_number(&p, &in->due, sizeof in->due);
    for (size_t i = 0; i < in->n; i++) {
        const struct kp_operation_in *o = &in->operations[i];
        const char *const of[] = { o->number,  o->name, o->asset, o->group,
                                   o->program, o->item, o->line };
        for (size_t k = 0; k < sizeof of / sizeof *of; k++)
            add_text(&p, of[k]);
        add_number(&p, &o->quantity, sizeof o->quantity);
        add_number(&p, &o->cycle, sizeof o->cycle);
        add_number(&p, &o->setup, sizeof o->setup);
        add_number(&p, &o->due, sizeof o->due);
    }
    return p;
}
