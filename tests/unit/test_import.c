/* SPDX-License-Identifier: Apache-2.0 */
/* Import texts: what they say arrives whole, exact and once, and a fault anywhere leaves everything as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "net/json_memory.h"
#include "node/import.h"
#include "store/internal.h"
#include "store/history.h"
#include "store/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct place {
    char dir[64], node[80];
    struct kp_node *n;
    struct kp_err err;
};

static int setup(void **state)
{
    struct kp_first first = { 0 };
    struct place *p = calloc(1, sizeof *p);
    snprintf(p->dir, sizeof p->dir, "/tmp/koppel-import-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    snprintf(p->node, sizeof p->node, "%s/node", p->dir);
    kp_node_create(p->node, "test", &first, &p->err);
    p->n = kp_node_open(p->node, &(struct kp_node_options){ .commit_every = KP_MILLISECOND }, &p->err);
    assert_int_equal(kp_node_start(p->n, &p->err), KP_OK);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    char command[128];
    kp_node_stop(p->n);
    kp_node_free(p->n);
    snprintf(command, sizeof command, "rm -rf '%s'", p->dir);
    int failed = system(command); /* NOLINT(cert-env33-c): our own scratch folder */
    free(p);
    return failed;
}

static struct kp_import_count import(struct place *p, const struct kp_import_options *o, const char *text)
{
    struct kp_import_count n = { 0 };
    p->err = (struct kp_err){ 0 };
    kp_node_import(p->n, text, strlen(text), o, &n, &p->err);
    return n;
}

static struct kp_import_count fine(struct place *p, const struct kp_import_options *o, const char *text)
{
    struct kp_import_count n = import(p, o, text);
    assert_string_equal(p->err.text, "");
    return n;
}

/* "time value status, ..." of a signal */
static const char *history(struct place *p, const char *path)
{
    static char out[4096];
    size_t n = 0;
    struct kp_model *model = kp_hub_model(kp_node_hub(p->n));
    kp_model_lock(model);
    kp_signal id = kp_model_find_signal(model, path);
    kp_model_unlock(model);
    struct kp_db *db = kp_store_reader(kp_node_store(p->n), &p->err);
    struct kp_history *h = kp_history_open(db, id, INT64_MIN, INT64_MAX, &p->err);
    struct kp_sample s;
    out[0] = 0;
    while (h && kp_history_next(h, &s, &p->err)) {
        char at[KP_TIME_TEXT], value[100];
        kp_time_print(s.at, at);
        kp_value_print(&s.value, value, sizeof value);
        n += (size_t)snprintf(out + n, sizeof out - n, "%s%s %s %s", n ? ", " : "", at, kp_type_name(s.value.type), value);
        if (s.status)
            n += (size_t)snprintf(out + n, sizeof out - n, " 0x%x", s.status);
    }
    kp_history_close(h);
    kp_store_reader_done(kp_node_store(p->n), db);
    assert_string_equal(p->err.text, "");
    return out;
}

static int64_t count(struct place *p, const char *sql)
{
    struct kp_db *db = kp_store_reader(kp_node_store(p->n), &p->err);
    int64_t n = -1;
    kp_db_number(db, sql, -1, &n, &p->err);
    kp_store_reader_done(kp_node_store(p->n), db);
    assert_string_equal(p->err.text, "");
    return n;
}

/* ---- CSV ---- */

static const struct kp_import_options csv = { .format = KP_IMPORT_CSV };

static void a_point_per_line_keeps_its_status_and_its_text(void **state)
{
    struct place *p = *state;
    struct kp_import_count n = fine(p, &csv,
                                    "signal,time,value,status\r\n"
                                    "hall/m/a,2026-01-05T06:00:00Z,0.1,0\r\n"
                                    "hall/m/a,2026-01-05T06:00:00.000000001Z,,2150694912\r\n"
                                    "hall/m/p,2026-01-05T06:00:00+01:00,\"say \"\"hi\"\",\nall\",Uncertain\r\n"
                                    "\r\n"
                                    "hall/m/b,2026-01-05T06:00:00Z,true,\r\n");
    assert_int_equal(n.points, 4);
    assert_int_equal(n.signals, 3);
    assert_int_equal(n.made, 3);
    assert_string_equal(history(p, "hall/m/a"), "2026-01-05T06:00:00Z double 0.1, 2026-01-05T06:00:00.000000001Z null - 0x80310000");
    assert_string_equal(history(p, "hall/m/p"), "2026-01-05T05:00:00Z string say \"hi\", all 0x40000000");
    assert_string_equal(history(p, "hall/m/b"), "2026-01-05T06:00:00Z bool true");
}

static void a_column_per_signal_as_a_spreadsheet_with_decimal_commas_writes_it(void **state)
{
    struct place *p = *state;
    struct kp_import_options o = { .at = "hall/m" };
    fine(p, &o,
         "\xef\xbb\xbfTijd;Spindel/Toeren;Temp;Programma;\n"
         "05-01-2026 07:00;12000;31,5;O1004;x\n"
         "05/01/2026 07:01:30,25;;-0,5;\"O;1\";\n");
    assert_string_equal(history(p, "hall/m/Spindel/Toeren"), "2026-01-05T07:00:00Z double 12000");
    assert_string_equal(history(p, "hall/m/Temp"), "2026-01-05T07:00:00Z double 31.5, 2026-01-05T07:01:30.250Z double -0.5");
    assert_string_equal(history(p, "hall/m/Programma"),
                        "2026-01-05T07:00:00Z string O1004, 2026-01-05T07:01:30.250Z string O;1");
}

static void times_are_numbers_or_of_the_clock_on_the_wall(void **state)
{
    struct place *p = *state;
    setenv("TZ", "Europe/Amsterdam", 1);
    tzset();
    fine(p, &csv, "time,h/a\n1767592800,1\n1767592801000,2\n1767592802000000,3\n1767592803000000000,4\n");
    assert_string_equal(history(p, "h/a"), "2026-01-05T06:00:00Z double 1, 2026-01-05T06:00:01Z double 2, "
                                           "2026-01-05T06:00:02Z double 3, 2026-01-05T06:00:03Z double 4");
    struct kp_import_options o = { .local = true, .column = "when" };
    fine(p, &o, ",when,h/b\n9,2026-01-05 07:00:00,1\n9,2026-07-05 07:00,2\n9,2026-07-05T07:00:00Z,3\n");
    assert_string_equal(history(p, "h/b"), "2026-01-05T06:00:00Z double 1, 2026-07-05T05:00:00Z double 2, 2026-07-05T07:00:00Z double 3");
    o = (struct kp_import_options){ .unit = KP_MILLISECOND };
    fine(p, &o, "time,h/c\n-5,1\n");
    assert_string_equal(history(p, "h/c"), "1969-12-31T23:59:59.995Z double 1");
    unsetenv("TZ");
    tzset();
}

static void words_decide_the_type_of_a_new_signal_only(void **state)
{
    struct place *p = *state;
    fine(p, &csv, "time,h/truth,h/mixed,h/words,h/number\n2026-01-05,true,true,1,1e3\n2026-01-06,false,1,x,0x10\n");
    assert_string_equal(history(p, "h/truth"), "2026-01-05T00:00:00Z bool true, 2026-01-06T00:00:00Z bool false");
    assert_string_equal(history(p, "h/mixed"), "2026-01-05T00:00:00Z string true, 2026-01-06T00:00:00Z string 1");
    assert_string_equal(history(p, "h/words"), "2026-01-05T00:00:00Z string 1, 2026-01-06T00:00:00Z string x");
    assert_string_equal(history(p, "h/number"), "2026-01-05T00:00:00Z string 1e3, 2026-01-06T00:00:00Z string 0x10");
    import(p, &csv, "time,h/truth\n2026-01-07,2\n");
    assert_string_equal(p->err.text, "line 2: h/truth is of type bool, which '2' is not");
}

/* ---- line protocol ---- */

static const struct kp_import_options lines = { .format = KP_IMPORT_LINES };

static void lines_keep_types_escapes_and_quotes(void **state)
{
    struct place *p = *state;
    fine(p, &lines,
         "# a remark\n"
         "spindle,machine=mill\\ 1,site=e\\,hv load=12.5,n=3i,u=18446744073709551615u,on=T 1767592800000000000\n"
         "\n"
         "spin\\ dle,x=a\\=b text=\"a, b=\\\"c\\\" \\\\\",off=false 1767592800000000001\r\n"
         "plain v=-1.5e3 1767592800000000002");
    assert_string_equal(history(p, "spindle/mill 1/e,hv/load"), "2026-01-05T06:00:00Z double 12.5");
    assert_string_equal(history(p, "spindle/mill 1/e,hv/n"), "2026-01-05T06:00:00Z int64 3");
    assert_string_equal(history(p, "spindle/mill 1/e,hv/u"), "2026-01-05T06:00:00Z uint64 18446744073709551615");
    assert_string_equal(history(p, "spindle/mill 1/e,hv/on"), "2026-01-05T06:00:00Z bool true");
    assert_string_equal(history(p, "spin dle/a=b/text"), "2026-01-05T06:00:00.000000001Z string a, b=\"c\" \\");
    assert_string_equal(history(p, "spin dle/a=b/off"), "2026-01-05T06:00:00.000000001Z bool false");
    assert_string_equal(history(p, "plain/v"), "2026-01-05T06:00:00.000000002Z double -1500");
}

static void a_form_makes_the_paths(void **state)
{
    struct place *p = *state;
    struct kp_import_options o = { .format = KP_IMPORT_LINES, .at = "ehv", .path = "{machine}/{measurement}.{field}", .unit = KP_SECOND };
    fine(p, &o, "spindle,machine=a/b,x=1 load=1 1767592800\n");
    assert_string_equal(history(p, "ehv/a_b/spindle.load"), "2026-01-05T06:00:00Z double 1");
    import(p, &o, "spindle,x=1 load=1 1767592800\n");
    assert_string_equal(p->err.text, "line 1: it has no tag 'machine' for its path");
}

/* ---- the whole ---- */

static void sent_again_nothing_is_doubled_and_the_newest_is_the_latest_value(void **state)
{
    struct place *p = *state;
    struct kp_model *model = kp_hub_model(kp_node_hub(p->n));
    for (int i = 0; i < 3; i++)
        fine(p, &csv, "time,h/a\n2026-01-05T06:00:02Z,2\n2026-01-05T06:00:03Z,3\n2026-01-05T06:00:01Z,1\n");
    assert_string_equal(history(p, "h/a"), "2026-01-05T06:00:01Z double 1, 2026-01-05T06:00:02Z double 2, 2026-01-05T06:00:03Z double 3");
    kp_model_lock(model);
    struct kp_now now = kp_model_now(model, kp_model_find_signal(model, "h/a"));
    kp_model_unlock(model);
    assert_true(now.known && now.sample.value.d == 3 && now.sample.status == KP_GOOD);
    fine(p, &csv, "time,h/a\n2025-01-05,0\n2025-01-06,0\n2025-01-07,0\n2025-01-08,0\n");
    now = kp_model_now(model, 1);
    assert_true(now.sample.value.d == 3); /* old points are no clock set back */
    assert_int_equal(count(p, "select count(*) from history where signal = 'h/a' and status <> 0"), 0);
}

static void a_text_of_many_points_arrives_whole(void **state)
{
    struct place *p = *state;
    enum { N = 60000 };
    struct kp_buf text;
    kp_buf_init(&text, 4 << 20);
    for (int i = 0; i < N; i++)
        kp_buf_printf(&text, "m,t=%d v=%d.5 %lld000000000\n", i % 300, i, 1760000000LL + i);
    struct kp_import_count n = fine(p, &lines, kp_buf_text(&text));
    assert_int_equal(n.points, N);
    assert_int_equal(n.made, 300);
    int64_t all = 0;
    for (int i = 0; i < 300; i += 50) {
        char sql[100];
        snprintf(sql, sizeof sql, "select count(*) from history where signal = 'm/%d/v'", i);
        all += count(p, sql);
    }
    assert_int_equal(all, 6 * N / 300);
    kp_buf_free(&text);
}

static void a_dry_run_changes_nothing(void **state)
{
    struct place *p = *state;
    struct kp_import_options o = { .dry = true };
    struct kp_import_count n = fine(p, &o, "time,h/a\n2026-01-05,1\n");
    assert_int_equal(n.points, 1);
    assert_int_equal(n.made, 1);
    assert_int_equal(count(p, "select count(*) from signal"), 0);
}

struct fault {
    const struct kp_import_options *o;
    const char *text, *said;
};

static void a_fault_names_its_line_and_changes_nothing(void **state)
{
    struct place *p = *state;
    static const struct kp_import_options piece = { .first = 500 }, below = { .at = "h/a" };
    static const struct fault faults[] = {
        { &csv, "", "line 1: there is nothing" },
        { &csv, "a,b\n1,2\n", "line 1: no column is called time; say which one it is" },
        { &csv, "time,h/b\n2026-01-05,1\n2026-01-06\n", "line 3: 1 columns where the first line has 2" },
        { &csv, "time,h/b\n2026-01-05,1\nsoon,2\n", "line 3: this is no time such as 2026-11-24T10:02:31Z: 'soon'" },
        { &csv, "time,h/b\n2026-01-05,\"1\n", "line 2: a quote opens here that nothing closes" },
        { &csv, "time,h/b\n2026-01-05,\"1\"2\n", "line 2: behind a cell cannot stand '2'" },
        { &csv, "time,h/b,h/b\n", "line 1: two columns are called 'h/b'" },
        { &csv, "time,h/b\n2126-01-05,1\n", "line 2: its time, 2126-01-05T00:00:00Z, is more than a day ahead of now" },
        { &csv, "time,h/b\n2026-01-05,1\n2026-01-05,\"a\nb\"\nx,1\n", "line 5: this is no time such as 2026-11-24T10:02:31Z: 'x'" },
        { &csv, "time,signal,value,status\n2026-01-05,h/b,1,Fine\n", "line 2: this is no status such as Good or BadSensorFailure: 'Fine'" },
        { &csv, "time,b\n2026-01-05,1\n", "line 1: 'b' would be no signal of any asset; say below which one" },
        { &csv, "time,h/b,h//b\n2026-01-05,1,2\n", "line 1: there is another 'h/b'" },
        { &csv, "time,new/hall/b,new/c,new/hall//b\n2026-01-05,1,2,3\n", "line 1: there is another 'new/hall/b'" },
        { &csv, "time,h/a\n2026-01-05,1\n2026-01-06,x\n", "line 3: h/a is of type double, which 'x' is not" },
        { &csv, "time,h\n2026-01-05,1\n", "line 1: 'h' is an asset, not a signal" },
        { &piece, "time,h/b\nx,1\n", "line 500: this is no time such as 2026-11-24T10:02:31Z: 'x'" },
        { &below, "time,b\n2026-01-05,1\n", NULL },
        { &lines, "h,x=1 b=1\nh,x=1\n", "line 2: no field: 'h,x=1'" },
        { &lines, "h b=1 1\nh b=x 1\n", "line 2: neither a number, true, false nor a text in double quotes: 'x'" },
        { &lines, "h b=1 1\nh b=\"x 1\n", "line 2: no closing quote: '\"x 1'" },
        { &lines, "h b=1 1.5\n", "line 1: not a time that history can hold: '1.5'" },
        { &lines, "h b=1 99999999999999999999\n", "line 1: not a time that history can hold: '99999999999999999999'" },
        { &lines, "h b=1i 1\nh b=1.5 1\n", "line 2: h/b is of type int64, which '1.5' is not" },
        { &lines, ",x=1 b=1\n", "line 1: a line begins with a measurement: ',x=1 b=1'" },
        { &lines, "h b= 1\n", "line 1: a field without a value: 'b= 1'" },
        { &lines, "h\xff b=1\n", "the text is not UTF-8" },
    };
    fine(p, &csv, "time,h/a\n2026-01-04,1\n");
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        import(p, faults[i].o, faults[i].text);
        if (!p->err.code || (faults[i].said && strcmp(p->err.text, faults[i].said) != 0))
            fail_msg("%s\nsaid: %s\nnot:  %s", faults[i].text, p->err.text, faults[i].said);
        p->err = (struct kp_err){ 0 };
        assert_int_equal(count(p, "select count(*) from signal"), 1);
        assert_int_equal(count(p, "select count(*) from asset"), 1);
        assert_string_equal(history(p, "h/a"), "2026-01-04T00:00:00Z double 1");
    }
}

/* ---- intervals ---- */

static const char *text_of(struct place *p, const char *sql)
{
    static char out[2000];
    size_t n = 0;
    struct kp_db *db = kp_store_reader(kp_node_store(p->n), &p->err);
    struct kp_stmt *s = kp_db_prepare(db, sql, &p->err);
    out[0] = 0;
    while (s && kp_step(s, &p->err) && n < sizeof out)
        n += (size_t)snprintf(out + n, sizeof out - n, "%s%s", n ? "; " : "", kp_column_text(s, 0));
    kp_store_reader_done(kp_node_store(p->n), db);
    return out;
}

static const char of_all[] = "select format('%s %s %d-%s %s %s', a.name, i.kind, (i.start - 1767592800000000000) / 1000000000,"
                             " iif(i.\"end\" = 9223372036854775807, 'open', (i.\"end\" - 1767592800000000000) / 1000000000),"
                             " i.label, attributes) from interval i join asset a on a.id = asset order by i.start, i.id";

static void intervals_are_taken_with_a_column_for_each_attribute(void **state)
{
    struct place *p = *state;
    struct kp_import_options below = { .at = "hall" };
    struct kp_import_count n = fine(p, &below,
                                    "asset;kind;start;end;state;reason;n\r\n"
                                    "mill;state;2026-01-05T06:00:00Z;2026-01-05T06:10:00Z;running;;\r\n"
                                    "mill;stop;1767593400;1767593460;;tool change;3\r\n"
                                    "\r\n"
                                    "mill;state;2026-01-05 06:10;;idle;;\r\n");
    assert_int_equal(n.intervals, 3);
    assert_int_equal(n.points, 0);
    assert_string_equal(text_of(p, of_all), "mill state 0-600 inherit {\"state\":\"running\"}; mill state 600-open inherit "
                                            "{\"state\":\"idle\"}; mill stop 600-660 inherit {\"reason\":\"tool change\",\"n\":3}");
    assert_int_equal(n.from, INT64_C(1767592800000000000));
    assert_int_equal(n.to, INT64_C(1767593460000000000));
}

static void intervals_sent_again_are_there_once_with_the_end_said_last(void **state)
{
    struct place *p = *state;
    static const char first[] = "number,asset,kind,start,end,label,attributes\n"
                                "7,h/m,job,2026-01-05T06:00:00Z,2026-01-05T06:01:00Z,inherit,\"{\"\"name\"\":\"\"A\"\"}\"\n"
                                "8,h/m,job,2026-01-05T06:02:00Z,,secret,\"{\"\"name\"\":\"\"B\"\"}\"\n"
                                "8,h/m,job,2026-01-05T06:02:00Z,,secret,\"{\"\"name\"\":\"\"B\"\"}\"\n";
    static const char once[] = "m job 0-60 inherit {\"name\":\"A\"}; m job 120-open secret {\"name\":\"B\"}";
    fine(p, &csv, first);
    assert_string_equal(text_of(p, of_all), once);
    fine(p, &csv, first);
    assert_string_equal(text_of(p, of_all), once);
    fine(p, &csv,
         "asset,kind,start,end,name\nh/m,job,2026-01-05T06:02:00Z,2026-01-05T06:05:00Z,B\n"
         "h/m,job,2026-01-05T06:00:00Z,2026-01-05T06:01:30Z,A\n");
    assert_string_equal(text_of(p, of_all), "m job 0-90 inherit {\"name\":\"A\"}; m job 120-300 inherit {\"name\":\"B\"}");
    fine(p, &csv, "asset,kind,start,end,name\nh/m,job,2026-01-05T06:02:00Z,open,B\n"); /* what has ended stays so */
    assert_string_equal(text_of(p, of_all), "m job 0-90 inherit {\"name\":\"A\"}; m job 120-300 inherit {\"name\":\"B\"}");
}

static void many_intervals_arrive_whole_and_a_dry_run_brings_none(void **state)
{
    struct place *p = *state;
    struct kp_buf text;
    struct kp_import_options dry = { .dry = true };
    kp_buf_init(&text, 1 << 20);
    kp_buf_str(&text, "path,kind,from,to,state\n");
    for (int i = 0; i < 10000; i++)
        kp_buf_printf(&text, "h/m%d,state,%d,%d,%s\n", i % 7, 1767592800 + i, 1767592801 + i, i % 2 ? "running" : "idle");
    assert_int_equal(fine(p, &dry, kp_buf_text(&text)).intervals, 10000);
    assert_int_equal(count(p, "select count(*) from interval"), 0);
    assert_int_equal(count(p, "select count(*) from asset"), 0);
    assert_int_equal(fine(p, &csv, kp_buf_text(&text)).intervals, 10000);
    assert_int_equal(count(p, "select count(*) from interval where kind = 'state' and attributes = '{\"state\":\"running\"}'"), 5000);
    assert_int_equal(count(p, "select count(*) from asset where name like 'm_'"), 7);
    kp_buf_free(&text);
}

static void no_body_at_all_is_refused(void **state)
{
    struct place *p = *state;
    struct kp_import_count n;
    assert_int_equal(kp_node_import(p->n, NULL, 0, &csv, &n, &p->err), KP_EPARSE);
    assert_string_equal(p->err.text, "line 1: there is nothing");
}

static void a_fault_in_intervals_names_its_line_and_stores_none(void **state)
{
    struct place *p = *state;
#define HEAD "asset,kind,start,end,label,attributes\nh/x,stop,2026-01-05,2026-01-06,,\n"
    static const char *const faults[][2] = {
        { HEAD "h/m,nap,2026-01-05,2026-01-06,,\n", "line 3: this is no kind of interval: 'nap'" },
        { HEAD "h/m,alarm,2026-01-05,2026-01-06,,\n", "line 3: alarms are raised, not imported" },
        { HEAD "h/m,stop,soon,2026-01-06,,\n", "line 3: this is no time such as 2026-11-24T10:02:31Z: 'soon'" },
        { HEAD "h/m,stop,2026-01-05,later,,\n", "line 3: this is no time such as 2026-11-24T10:02:31Z: 'later'" },
        { HEAD "h/m,stop,2026-01-05,2026-01-04,,\n", "line 3: the interval ends before it starts: '2026-01-04'" },
        { HEAD "h/m,stop,2026-01-05,2026-01-06,mine,\n", "line 3: this is no label: 'mine'" },
        { HEAD "h/m,stop,2026-01-05,2026-01-06,,[1]\n", "line 3: the attributes are not a JSON object: '[1]'" },
        { HEAD "h//m,stop,2026-01-05,2026-01-06,,\n", "line 3: this cannot be the path of an asset: 'h//m'" },
        { HEAD "h/m,stop,2026-01-05\n", "line 3: 3 columns where the first line has 6" },
        { HEAD "h/a,stop,2026-01-05,2026-01-06,,\n", "line 3: 'h/a' is a signal, not an asset" },
    };
    fine(p, &csv, "time,h/a\n2026-01-04,1\n");
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        import(p, &csv, faults[i][0]);
        assert_string_equal(p->err.text, faults[i][1]);
        p->err = (struct kp_err){ 0 };
        assert_int_equal(count(p, "select count(*) from interval"), 0);
        assert_int_equal(count(p, "select count(*) from asset"), 1);
    }
}

static void each_allocation_may_fail_while_intervals_are_read(void **state)
{
    (void)state;
    static const char text[] = "asset,kind,start,end,label,attributes,n,name\n"
                               "h/m,job,2026-01-05,2026-01-06,secret,\"{\"\"a\"\":[1,2]}\",3,x\n"
                               "h/m,stop,2026-01-05,,,,true,\n";
    kp_json_memory_init();
    long n = 0, live = kp_mem_live();
    for (bool failed = true; failed;) {
        struct kp_err err = { 0 };
        struct kp_import_count count = { 0 };
        long before = kp_mem_count();
        kp_mem_fail_at(++n);
        enum kp_code code = kp_import_check(text, strlen(text), &csv, 0, &count, &err);
        kp_mem_fail_at(0);
        failed = kp_mem_count() - before >= n;
        if (code && code != KP_ENOMEM)
            fail_msg("allocation %ld: code %d: %s", n, code, err.text);
        if (!code)
            assert_int_equal(count.intervals, 2);
        assert_int_equal(kp_mem_live(), live);
    }
    assert_true(n > 10);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_point_per_line_keeps_its_status_and_its_text),
        T(a_column_per_signal_as_a_spreadsheet_with_decimal_commas_writes_it),
        T(times_are_numbers_or_of_the_clock_on_the_wall),
        T(words_decide_the_type_of_a_new_signal_only),
        T(lines_keep_types_escapes_and_quotes),
        T(a_form_makes_the_paths),
        T(sent_again_nothing_is_doubled_and_the_newest_is_the_latest_value),
        T(a_text_of_many_points_arrives_whole),
        T(a_dry_run_changes_nothing),
        T(a_fault_names_its_line_and_changes_nothing),
        T(intervals_are_taken_with_a_column_for_each_attribute),
        T(intervals_sent_again_are_there_once_with_the_end_said_last),
        T(many_intervals_arrive_whole_and_a_dry_run_brings_none),
        T(no_body_at_all_is_refused),
        cmocka_unit_test(each_allocation_may_fail_while_intervals_are_read),
        T(a_fault_in_intervals_names_its_line_and_stores_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
