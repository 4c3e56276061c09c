/* SPDX-License-Identifier: Apache-2.0 */
/* Files of orders: the first byte chooses the folder, the rest is the file. Any bytes give orders
 * or faults; faults are texts of one line in two languages, orders have what an order needs; what
 * an order in UBL is answered with is a document that can be read. */
#include "flex/order_reading.h"
#include "net/json_memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char settings[] =
    "{\"folders\":[{\"name\":\"a\"},"
    "{\"name\":\"b\",\"columns\":{\"number\":\"nr\",\"due\":\"datum\"},\"machines\":{\"M\":\"hall/"
    "m\"},"
    "\"units\":{\"D\":\"XBX\"},\"decimal\":\",\",\"dates\":\"dmy\",\"times\":\"minutes\"},"
    "{\"name\":\"c\",\"encoding\":\"windows-1252\",\"separator\":\";\"},"
    "{\"name\":\"d\",\"encoding\":\"utf-8\",\"dates\":\"mdy\"},"
    "{\"name\":\"e\",\"format\":\"ubl21\"},"
    "{\"name\":\"f\",\"format\":\"peppol\",\"own\":{\"name\":\"Z\",\"endpoint\":\"8712345000004\","
    "\"scheme\":\"0088\",\"country\":\"NL\"},\"partner\":{\"name\":\"N\",\"endpoint\":\"12345678\","
    "\"scheme\":\"0106\",\"country\":\"NL\"}}]}";

static bool is_machine(void *arg, const char *word)
{
    (void)arg;
    return strchr(word, '/') != NULL;
}

static bool is_group(void *arg, const char *word)
{
    (void)arg;
    return *word == 'g';
}

static void check_faults(const struct kp_order_reading *r)
{
    for (size_t i = 0; i < r->n_faults && i < KP_ORDER_FAULTS_MAX; i++) {
        const struct kp_order_fault *f = &r->faults[i];
        assert(*f->en && *f->nl && !strchr(f->en, '\n') && !strchr(f->nl, '\n'));
        assert(kp_utf8_valid(f->en, strlen(f->en)) && kp_utf8_valid(f->nl, strlen(f->nl)));
    }
}

static void check_order(const struct kp_order_in *o)
{
    double sum = o->quantity;
    assert(o->number && *o->number && o->sender && *o->sender && o->folder && o->n);
    for (size_t i = 0; i < o->n; i++) {
        const struct kp_operation_in *op = &o->operations[i];
        assert(op->number && *op->number && op->cycle >= 0 && op->setup >= 0 && op->quantity >= 0);
        sum += op->quantity;
    }
    assert(sum > 0);
}

/* Of what came, as if it had been taken. */
static void answer(const struct kp_folder *f, const struct kp_order_in *in)
{
    struct kp_operation op = { .number = in->operations->number,
                               .line = in->operations->line,
                               .quantity = 1,
                               .state = "open",
                               .due = KP_NO_TIME };
    struct kp_order o = { .number = in->number,
                          .confirmation = "changed",
                          .document = in->document,
                          .promised = INT64_C(1790000000) * KP_SECOND,
                          .due = KP_NO_TIME,
                          .n = 1,
                          .operations = &op };
    struct kp_err err = { 0 };
    struct kp_buf out;
    kp_buf_init(&out, 16 << 20);
    if (!kp_ubl_response(f, &o, "OR-1", INT64_C(1790000000) * KP_SECOND, &out, &err)) {
        struct kp_order_reading *r = calloc(1, sizeof *r);
        assert(r);
        kp_order_reading_begin(r, f, NULL);
        kp_ubl_orders(r, out.data, out.len);
        assert(r->n_faults || strcmp(r->answer.says.answer, "changed") == 0);
        kp_order_reading_free(r);
        free(r);
    } else {
        assert(*err.text);
    }
    kp_buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct kp_order_places places = { is_machine, is_group, NULL };
    static struct kp_folders folders;
    struct kp_err err = { 0 };
    if (!folders.n) {
        kp_json_memory_init();
        kp_folders_parse(settings, &folders, &err);
        assert(!err.code && folders.n == 6);
    }
    struct kp_order_reading *r = calloc(1, sizeof *r);
    struct kp_buf text;
    if (!size || !r) {
        free(r);
        return 0;
    }
    const struct kp_folder *f = &folders.of[data[0] % folders.n];
    kp_order_reading_begin(r, f, &places);
    kp_buf_init(&text, size);
    kp_buf_add(&text, data + 1, size - 1);
    if (f->format == KP_FOLDER_CSV)
        kp_csv_orders(r, &text);
    else
        kp_ubl_orders(r, text.data ? text.data : "", text.len);
    kp_buf_free(&text);
    check_faults(r);
    for (size_t i = 0; i < r->n && !r->n_faults && !r->starved; i++)
        check_order(&r->orders[i]);
    if (f->format != KP_FOLDER_CSV && r->n && !r->n_faults && !r->starved)
        answer(f, r->orders);
    kp_order_reading_free(r);
    free(r);
    return 0;
}
