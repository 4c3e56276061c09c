/* SPDX-License-Identifier: Apache-2.0 */
/* A coupling to a real server, in this process, while one allocation after the other fails: it
 * never crashes, never leaks, and when it says it is online it has all its signals; alarms come, or
 * come at the next try. */
#include "store_kit.h"

#include "couplings/all.h"
#include "couplings/opcua/opcua.h"
#include "store/secret.h"

#include <arpa/inet.h>
#include <open62541/server.h>
#include <open62541/server_config_default.h>
#include <pthread.h>
#include <sys/socket.h>

enum { VARIABLES = 12, SLACK = 24 };

/* ---- the server ---- */
static volatile UA_Boolean running = true;
static int port;

static UA_String view(const char *s)
{
    UA_String v = { .length = strlen(s) };
    memcpy(&v.data, &s, sizeof v.data);
    return v;
}

static void add(UA_Server *s, UA_NodeId parent, UA_UInt32 reference, const char *name, void *value,
                int type)
{
    UA_VariableAttributes a = UA_VariableAttributes_default;
    UA_Variant_setScalar(&a.value, value, &UA_TYPES[type]);
    a.dataType = UA_TYPES[type].typeId;
    UA_Server_addVariableNode(s, UA_NODEID_NUMERIC(1, 0), parent, UA_NODEID_NUMERIC(0, reference),
                              (UA_QualifiedName){ 1, view(name) },
                              UA_NODEID_NUMERIC(0, UA_NS0ID_BASEDATAVARIABLETYPE), a, NULL, NULL);
}

static UA_NodeId object(UA_Server *s, UA_NodeId parent, const char *name)
{
    UA_NodeId id;
    UA_Server_addObjectNode(
        s, UA_NODEID_NUMERIC(1, 0), parent, UA_NODEID_NUMERIC(0, UA_NS0ID_ORGANIZES),
        (UA_QualifiedName){ 1, view(name) }, UA_NODEID_NUMERIC(0, UA_NS0ID_BASEOBJECTTYPE),
        UA_ObjectAttributes_default, NULL, &id);
    return id;
}

static void furnish(UA_Server *s)
{
    UA_NodeId mill = object(s, UA_NODEID_NUMERIC(0, UA_NS0ID_OBJECTSFOLDER), "Mill"),
              plate = object(s, mill, "Identification");
    UA_String text = view("BM-4711"), broken = view("caf\xe9");
    UA_Range range = { 0, 1 };
    double zero = 0;
    add(s, plate, UA_NS0ID_HASPROPERTY, "SerialNumber", &text, UA_TYPES_STRING);
    add(s, mill, UA_NS0ID_HASCOMPONENT, "Broken", &broken, UA_TYPES_STRING);
    add(s, mill, UA_NS0ID_HASCOMPONENT, "Range", &range, UA_TYPES_RANGE);
    for (int i = 2; i < VARIABLES; i++) {
        char name[16];
        snprintf(name, sizeof name, "v%d", i);
        add(s, mill, UA_NS0ID_HASCOMPONENT, name, &zero, UA_TYPES_DOUBLE);
    }
}

static void quiet(void *context, UA_LogLevel level, UA_LogCategory category, const char *msg,
                  va_list args)
{
    (void)context;
    (void)level;
    (void)category;
    (void)msg;
    (void)args;
}

static void raise_event(UA_Server *s)
{
    UA_Server_createEvent(s, UA_NODEID_NUMERIC(0, UA_NS0ID_SERVER),
                          UA_NODEID_NUMERIC(0, UA_NS0ID_BASEEVENTTYPE), 700,
                          (UA_LocalizedText){ view("en"), view("oil is low") }, NULL, NULL, NULL);
}

static void *serve(void *server)
{
    for (unsigned turn = 0; running; turn++) {
        UA_Server_run_iterate(server, true);
        if (turn % 8 == 0)
            raise_event(server);
    }
    return NULL;
}

static int free_port(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    close(fd);
    return ntohs(a.sin_port);
}

static UA_Server *server_new(void)
{
    static UA_Logger logger = { .log = quiet };
    UA_ServerConfig config;
    memset(&config, 0, sizeof config);
    config.logging = &logger;
    port = free_port();
    assert_int_equal(UA_ServerConfig_setMinimal(&config, (UA_UInt16)port, NULL),
                     UA_STATUSCODE_GOOD);
    config.publishingIntervalLimits.min = 5;
    config.samplingIntervalLimits.min = 1;
    config.maxReferencesPerNode = 5; /* answers in pieces */
    UA_Server *s = UA_Server_newWithConfig(&config);
    assert_non_null(s);
    furnish(s);
    assert_int_equal(UA_Server_run_startup(s), UA_STATUSCODE_GOOD);
    return s;
}

/* ---- one coupling, from nothing to online or its first failure ---- */
struct outcome {
    bool online, failed;
    struct kp_coupling_status status;
};

static bool alarm_came(struct kp_subscriber *s)
{
    bool came = false;
    for (struct kp_msg *m; (m = kp_subscriber_next(s, 0)); kp_batch_drop(m))
        came = came || (m->kind == KP_MSG_INTERVAL &&
                        ((struct kp_interval_msg *)m)->interval.kind == KP_INTERVAL_ALARM);
    return came;
}

static bool take(void *self, struct kp_batch *b)
{
    (void)self;
    kp_batch_free(b);
    return true;
}

static struct outcome couple(struct kit *k, int fail_at)
{
    static const char *const keys[] = { "publishing", "sampling" }, *const values[] = { "10ms",
                                                                                        "10ms" };
    struct kp_err err = { 0 };
    struct outcome o = { 0 };
    bool alarm = false;
    char url[64];
    snprintf(url, sizeof url, "opc.tcp://127.0.0.1:%d", port);
    struct kp_hub *h = kp_hub_new(&(struct kp_hub_options){ .context = k->store }, &err);
    kit_ok(&err);
    kp_hub_set_sink(h, (struct kp_sink){ .take = take });
    struct kp_coupling_def def = { .id = 1,
                                   .name = "m",
                                   .url = url,
                                   .at = "m",
                                   .enabled = true,
                                   .class = &kp_opcua,
                                   .n = 2,
                                   .keys = keys,
                                   .values = values };
    kp_hub_add_coupling(h, &def, &err);
    kit_ok(&err);
    kp_hub_start(h, &err);
    kit_ok(&err);
    struct kp_subscriber *s =
        kp_hub_subscribe(h, &(struct kp_subscriber_def){ .intervals = true }, &err);
    kit_ok(&err);
    kp_mem_fail_at(fail_at);
    for (int i = 0; i < 4000 && !o.online && !o.failed; i++) {
        usleep(2500);
        assert_true(kp_hub_coupling_status(h, 1, &o.status));
        o.failed = o.status.failures > 0;
        alarm = alarm_came(s) || alarm;
        o.online = o.status.link == KP_LINK_ONLINE && o.status.samples >= VARIABLES && alarm;
    }
    kp_mem_fail_at(0);
    kp_hub_unsubscribe(h, s);
    kp_hub_stop(h);
    kp_hub_free(h);
    return o;
}

static void without_memory_a_link_fails_and_tries_again_or_is_whole(void **state)
{
    struct kit *k = *state;
    struct outcome o = couple(k, 0);
    assert_string_equal(o.failed ? o.status.detail : "", "");
    assert_int_equal(o.status.items, VARIABLES);
    kit_sync(k);
    long needed = kp_mem_count(), live;
    couple(k, 0);
    kit_sync(k);
    needed = kp_mem_count() - needed;
    live = kp_mem_live();
    int failed = 0;
    for (int n = 1; n < needed; n++) {
        o = couple(k, n);
        if (!o.failed && !o.online)
            fail_msg("allocation %d: %s: %s", n, kp_link_name(o.status.link), o.status.detail);
        if (o.online)
            assert_int_equal(o.status.items, VARIABLES);
        failed += o.failed;
        kit_sync(k);
        if (kp_mem_live() > live + SLACK) /* statements stay prepared */
            fail_msg("allocation %d: %ld blocks leaked", n, kp_mem_live() - live);
    }
    assert_true(failed > 20);
    print_message("opcua link: %ld failed allocations survived, %d of them ended the link\n",
                  needed - 1, failed);
}

static int setup(void **state)
{
    struct kp_err err = { 0 };
    struct kit *k = kit_new();
    kp_key_create(k->dir, &err);
    kit_ok(&err);
    kit_open(k);
    kp_key_load(k->store, k->dir, &err);
    kit_ok(&err);
    kp_store_start(k->store, &err);
    kit_ok(&err);
    kp_couplings_make_identity(k->store, "test", &err);
    kit_ok(&err);
    *state = k;
    return 0;
}

static int teardown(void **state)
{
    struct kit *k = *state;
    kp_store_stop(k->store);
    kit_free(k);
    return 0;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_memory_a_link_fails_and_tries_again_or_is_whole,
                                        setup, teardown),
    };
    pthread_t thread;
    UA_Server *server = server_new();
    pthread_create(&thread, NULL, serve, server);
    int failed = cmocka_run_group_tests_name("opcua memory", tests, NULL, NULL);
    running = false;
    pthread_join(thread, NULL);
    UA_Server_run_shutdown(server);
    UA_Server_delete(server);
    return failed;
}
