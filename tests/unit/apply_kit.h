/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_TESTS_APPLY_KIT_H
#define KOPPEL_TESTS_APPLY_KIT_H
/* A node of its own, to apply files to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "config/apply.h"
#include "net/json_memory.h"
#include "store/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KIT __attribute__((unused)) static

struct place {
    char dir[64], node[80], file[96];
    struct kp_node *n;
    struct kp_err err;
    struct kp_buf plan; /* of the last apply */
};

KIT void open_node(struct place *p)
{
    p->n = kp_node_open(p->node, &(struct kp_node_options){ 0 }, &p->err);
    assert_string_equal(p->err.text, "");
}

KIT int setup(void **state)
{
    struct kp_first first = { 0 };
    struct place *p = calloc(1, sizeof *p);
    snprintf(p->dir, sizeof p->dir, "/tmp/koppel-apply-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    snprintf(p->node, sizeof p->node, "%s/node", p->dir);
    snprintf(p->file, sizeof p->file, "%s/password", p->dir);
    kp_node_create(p->node, "test", &first, &p->err);
    open_node(p);
    assert_int_equal(kp_node_start(p->n, &p->err), KP_OK);
    *state = p;
    return 0;
}

KIT int teardown(void **state)
{
    struct place *p = *state;
    char command[128];
    kp_node_stop(p->n);
    kp_node_free(p->n);
    kp_buf_free(&p->plan);
    snprintf(command, sizeof command, "rm -rf '%s'", p->dir);
    int failed = system(command); /* NOLINT(cert-env33-c): our own scratch folder */
    free(p);
    return failed;
}

KIT enum kp_code apply(struct place *p, const char *yaml, bool dry_run, bool prune)
{
    kp_buf_free(&p->plan);
    kp_buf_init(&p->plan, 1 << 20);
    p->err = (struct kp_err){ 0 };
    return kp_apply(p->n, (struct kp_applier){ KP_TO_NODE, KP_OWNER }, yaml, strlen(yaml), "f.yaml", dry_run, prune, &p->plan, &p->err);
}

KIT void applied(struct place *p, const char *yaml, bool prune, const char *plan)
{
    apply(p, yaml, false, prune);
    assert_string_equal(p->err.text, "");
    assert_string_equal(kp_buf_text(&p->plan), plan);
}

KIT void write_secret(const struct place *p, const char *text)
{
    FILE *f = fopen(p->file, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}
#endif
