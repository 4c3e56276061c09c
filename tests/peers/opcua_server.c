/* SPDX-License-Identifier: Apache-2.0 */
/* An OPC UA server for tests and figures, on loopback:
 *   --port N          (4860)
 *   --vars N --rate R N doubles, each written R times a second (10, 1)
 *   --nodes N         N more variables that never change, in folders of 1,000
 *   --faults          a variable that answers Bad, one of an unreadable level, a name that is not
 * UTF-8, an array, a string, a structure, two brothers of one name
 *   --secure DIR      only protected endpoints; writes the certificate to DIR/server.der and trusts
 * DIR/client.der
 *   --plain           with --secure: an unprotected endpoint too
 *   --user NAME:PW    demands that user
 *   --years N         source times N years off
 *   --max-references N  answers to Browse are cut there (continuation points)
 * Prints READY when it accepts connections. */
#include <open62541/plugin/accesscontrol_default.h>
#include <open62541/plugin/certificategroup_default.h>
#include <open62541/plugin/create_certificate.h>
#include <open62541/plugin/log_stdout.h>
#include <open62541/server.h>
#include <open62541/server_config_default.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

struct arguments {
    int port, vars, nodes, years, max_references;
    double rate;
    bool faults, plain;
    const char *secure, *user;
};

static volatile UA_Boolean running = true;

static void stop(int signal_number)
{
    (void)signal_number;
    running = false;
}

static UA_String text(const char *s)
{
    union {
        const char *in;
        UA_Byte *out;
    } cast = { .in = s };
    return (UA_String){ strlen(s), cast.out };
}

/* ---- nodes ---- */
static UA_NodeId add_folder(UA_Server *s, UA_NodeId parent, const char *name)
{
    UA_ObjectAttributes a = UA_ObjectAttributes_default;
    UA_NodeId id;
    a.displayName.text = text(name);
    UA_Server_addObjectNode(s, UA_NODEID_NULL, parent, UA_NS0ID(ORGANIZES),
                            (UA_QualifiedName){ 1, text(name) }, UA_NS0ID(FOLDERTYPE), a, NULL,
                            &id);
    return id;
}

static UA_NodeId add_variable(UA_Server *s, UA_NodeId parent, const char *id, const char *name,
                              const void *value, const UA_DataType *type, size_t array)
{
    UA_VariableAttributes a = UA_VariableAttributes_default;
    UA_NodeId node = { 1, UA_NODEIDTYPE_STRING, { .string = text(id) } };
    a.displayName.text = text(name);
    a.dataType = type->typeId;
    a.accessLevel = UA_ACCESSLEVELMASK_READ | UA_ACCESSLEVELMASK_WRITE;
    UA_UInt32 dimension = (UA_UInt32)array;
    union {
        const void *in;
        void *out;
    } cast = { .in = value };
    if (array) {
        UA_Variant_setArray(&a.value, cast.out, array, type);
        a.valueRank = UA_VALUERANK_ONE_DIMENSION;
        a.arrayDimensions = &dimension;
        a.arrayDimensionsSize = 1;
    } else {
        UA_Variant_setScalar(&a.value, cast.out, type);
    }
    UA_StatusCode code = UA_Server_addVariableNode(s, node, parent, UA_NS0ID(HASCOMPONENT),
                                                   (UA_QualifiedName){ 1, text(name) },
                                                   UA_NS0ID(BASEDATAVARIABLETYPE), a, NULL, NULL);
    if (code != UA_STATUSCODE_GOOD)
        fprintf(stderr, "%s: %s\n", id, UA_StatusCode_name(code));
    return node;
}

static void add_live(UA_Server *s, const struct arguments *a)
{
    UA_NodeId folder = add_folder(s, UA_NS0ID(OBJECTSFOLDER), "Live");
    for (int i = 0; i < a->vars; i++) {
        char name[32];
        double zero = 0;
        snprintf(name, sizeof name, "v%d", i);
        add_variable(s, folder, name, name, &zero, &UA_TYPES[UA_TYPES_DOUBLE], 0);
    }
}

static void add_still(UA_Server *s, const struct arguments *a)
{
    UA_NodeId root = add_folder(s, UA_NS0ID(OBJECTSFOLDER), "Still"), folder = root;
    for (int i = 0; i < a->nodes; i++) {
        char id[32], name[32];
        double value = i;
        snprintf(name, sizeof name, "folder%d", i / 1000);
        if (i % 1000 == 0)
            folder = add_folder(s, root, name);
        snprintf(id, sizeof id, "s%d", i);
        snprintf(name, sizeof name, "s%d", i % 1000);
        add_variable(s, folder, id, name, &value, &UA_TYPES[UA_TYPES_DOUBLE], 0);
    }
}

static void add_faults(UA_Server *s)
{
    static const float spectrum[] = { 0.1f, 0.2f, 0.3f };
    UA_NodeId folder = add_folder(s, UA_NS0ID(OBJECTSFOLDER), "Faults");
    double zero = 0;
    UA_String name = text("O1000.NC");
    UA_String broken = text("caf\xe9");
    UA_Range range = { 1, 2 };
    UA_DataValue bad = { .hasValue = true,
                         .hasStatus = true,
                         .status = UA_STATUSCODE_BADSENSORFAILURE };
    UA_Variant_setScalar(&bad.value, &zero, &UA_TYPES[UA_TYPES_DOUBLE]);
    UA_NodeId id = add_variable(s, folder, "bad", "Bad", &zero, &UA_TYPES[UA_TYPES_DOUBLE], 0);
    UA_StatusCode code = UA_Server_writeDataValue(s, id, bad);
    if (code != UA_STATUSCODE_GOOD)
        fprintf(stderr, "bad: %s\n", UA_StatusCode_name(code));
    id = add_variable(s, folder, "hidden", "Hidden", &zero, &UA_TYPES[UA_TYPES_DOUBLE], 0);
    UA_Server_writeAccessLevel(s, id, 0);
    add_variable(s, folder, "latin", "caf\xe9", &broken, &UA_TYPES[UA_TYPES_STRING], 0);
    add_variable(s, folder, "twin1", "Twin", &zero, &UA_TYPES[UA_TYPES_DOUBLE], 0);
    add_variable(s, folder, "twin2", "Twin", &zero, &UA_TYPES[UA_TYPES_DOUBLE], 0);
    add_variable(s, folder, "array", "Array", spectrum, &UA_TYPES[UA_TYPES_FLOAT], 3);
    add_variable(s, folder, "text", "Text", &name, &UA_TYPES[UA_TYPES_STRING], 0);
    add_variable(s, folder, "structure", "Structure", &range, &UA_TYPES[UA_TYPES_RANGE], 0);
    UA_Int16 small = 7;
    id = add_variable(s, folder, "int16", "Int16", &small, &UA_TYPES[UA_TYPES_INT16], 0);
    add_variable(s, id, "int16.part", "Part", &small, &UA_TYPES[UA_TYPES_INT16], 0);
    UA_Boolean yes = true;
    id = add_variable(s, folder, "locked", "Locked", &yes, &UA_TYPES[UA_TYPES_BOOLEAN], 0);
    UA_Server_writeAccessLevel(s, id, UA_ACCESSLEVELMASK_READ);
}

/* ---- configuration ---- */
static bool load(const char *dir, const char *name, UA_ByteString *out)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "rb");
    if (!f)
        return false;
    UA_ByteString_allocBuffer(out, 1 << 16);
    out->length = fread(out->data, 1, out->length, f);
    fclose(f);
    return true;
}

static void save(const char *dir, const char *name, const UA_ByteString *data)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    if (f) {
        fwrite(data->data, 1, data->length, f);
        fclose(f);
    }
}

static void make_certificate(const char *dir, UA_ByteString *certificate, UA_ByteString *key)
{
    UA_String subject[] = { text("O=koppel tests"), text("CN=opcua_server") };
    UA_String names[] = { text("DNS:localhost"), text("URI:urn:koppel:tests:opcua_server") };
    UA_UInt16 bits = 2048;
    UA_KeyValueMap *map = UA_KeyValueMap_new();
    char key_size[] = "key-size-bits";
    UA_KeyValueMap_setScalar(map, UA_QUALIFIEDNAME(0, key_size), &bits, &UA_TYPES[UA_TYPES_UINT16]);
    UA_CreateCertificate(UA_Log_Stdout, subject, 2, names, 2, UA_CERTIFICATEFORMAT_DER, map, key,
                         certificate);
    UA_KeyValueMap_delete(map);
    save(dir, "server.der", certificate);
    save(dir, "server.key", key);
}

/* Trusts only client.der, and nobody when there is none. */
static void trust_client(UA_ServerConfig *c, const char *dir)
{
    UA_TrustListDataType list;
    UA_TrustListDataType_init(&list);
    UA_ByteString client = UA_BYTESTRING_NULL;
    list.specifiedLists = UA_TRUSTLISTMASKS_ALL;
    if (load(dir, "client.der", &client))
        UA_Array_appendCopy((void **)&list.trustedCertificates, &list.trustedCertificatesSize,
                            &client, &UA_TYPES[UA_TYPES_BYTESTRING]);
    UA_NodeId group = UA_NS0ID(SERVERCONFIGURATION_CERTIFICATEGROUPS_DEFAULTAPPLICATIONGROUP);
    c->secureChannelPKI.clear(&c->secureChannelPKI);
    UA_CertificateGroup_Memorystore(&c->secureChannelPKI, &group, &list, c->logging, NULL);
    UA_TrustListDataType_clear(&list);
    UA_ByteString_clear(&client);
}

static void configure(UA_ServerConfig *c, const struct arguments *a)
{
    UA_ByteString certificate = UA_BYTESTRING_NULL, key = UA_BYTESTRING_NULL;
    static UA_Logger quiet;
    quiet = UA_Log_Stdout_withLevel(UA_LOGLEVEL_ERROR);
    c->logging = &quiet;
    if (a->secure) {
        if (!load(a->secure, "server.der", &certificate) || !load(a->secure, "server.key", &key))
            make_certificate(a->secure, &certificate, &key);
        UA_ServerConfig_setDefaultWithSecurityPolicies(c, (UA_UInt16)a->port, &certificate, &key,
                                                       NULL, 0, NULL, 0, NULL, 0);
        c->securityPolicyNoneDiscoveryOnly = !a->plain;
        for (size_t i = 0; i < c->endpointsSize && !a->plain; i++)
            if (c->endpoints[i].securityMode == UA_MESSAGESECURITYMODE_NONE) {
                UA_EndpointDescription_clear(&c->endpoints[i]);
                c->endpoints[i] = c->endpoints[--c->endpointsSize];
            }
        trust_client(c, a->secure);
    } else {
        UA_ServerConfig_setMinimal(c, (UA_UInt16)a->port, NULL);
    }
    UA_String_clear(&c->applicationDescription.applicationUri);
    c->applicationDescription.applicationUri = UA_STRING_ALLOC("urn:koppel:tests:opcua_server");
    c->maxReferencesPerNode = (UA_UInt32)a->max_references;
    c->samplingIntervalLimits.min = 1;
    c->publishingIntervalLimits.min = 5;
    c->queueSizeLimits.max = 1000;
    if (a->user) {
        c->allowNonePolicyPassword = !a->secure; /* as careless servers do */
        char *copy = strdup(a->user), *colon = strchr(copy, ':');
        *colon = 0;
        UA_UsernamePasswordLogin login = { UA_STRING_ALLOC(copy), UA_STRING_ALLOC(colon + 1) };
        UA_AccessControl_default(c, false, NULL, 1, &login);
        UA_String_clear(&login.username);
        UA_String_clear(&login.password);
        free(copy);
    }
}

/* ---- running ---- */
struct ticker {
    const struct arguments *a;
    int64_t k;
};

static void tick(UA_Server *s, void *arg)
{
    struct ticker *t = arg;
    UA_DateTime now = UA_DateTime_now() + (UA_DateTime)t->a->years * 31556952 * UA_DATETIME_SEC;
    t->k++;
    for (int i = 0; i < t->a->vars; i++) {
        char name[32];
        double value = (double)(t->k * 1000 + i % 1000);
        UA_DataValue dv = { .hasValue = true, .hasSourceTimestamp = true, .sourceTimestamp = now };
        snprintf(name, sizeof name, "v%d", i);
        UA_Variant_setScalar(&dv.value, &value, &UA_TYPES[UA_TYPES_DOUBLE]);
        UA_Server_writeDataValue(
            s, (UA_NodeId){ 1, UA_NODEIDTYPE_STRING, { .string = text(name) } }, dv);
    }
}

static bool parse(int argc, char **argv, struct arguments *a)
{
    *a = (struct arguments){ .port = 4860, .vars = 10, .rate = 1 };
    for (int i = 1; i < argc; i++) {
        const char *key = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";
        bool flag = true;
        if (strcmp(key, "--faults") == 0)
            a->faults = true;
        else if (strcmp(key, "--plain") == 0)
            a->plain = true;
        else
            flag = false;
        if (flag)
            continue;
        i++;
        if (strcmp(key, "--port") == 0)
            a->port = (int)strtol(value, NULL, 10);
        else if (strcmp(key, "--vars") == 0)
            a->vars = (int)strtol(value, NULL, 10);
        else if (strcmp(key, "--rate") == 0)
            a->rate = strtod(value, NULL);
        else if (strcmp(key, "--nodes") == 0)
            a->nodes = (int)strtol(value, NULL, 10);
        else if (strcmp(key, "--secure") == 0)
            a->secure = value;
        else if (strcmp(key, "--user") == 0 && strchr(value, ':'))
            a->user = value;
        else if (strcmp(key, "--years") == 0)
            a->years = (int)strtol(value, NULL, 10);
        else if (strcmp(key, "--max-references") == 0)
            a->max_references = (int)strtol(value, NULL, 10);
        else
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct arguments a;
    if (!parse(argc, argv, &a)) {
        fprintf(stderr, "see the head of opcua_server.c for the options\n");
        return 2;
    }
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    UA_ServerConfig config;
    memset(&config, 0, sizeof config);
    configure(&config, &a);
    UA_Server *server = UA_Server_newWithConfig(&config);
    if (!server)
        return 1;
    add_live(server, &a);
    add_still(server, &a);
    if (a.faults)
        add_faults(server);
    struct ticker ticker = { .a = &a };
    UA_Server_addRepeatedCallback(server, tick, &ticker, 1000.0 / a.rate, NULL);
    if (UA_Server_run_startup(server) != UA_STATUSCODE_GOOD)
        return 1;
    printf("READY opc.tcp://127.0.0.1:%d variables=%d\n", a.port, a.vars + a.nodes);
    fflush(stdout);
    while (running)
        UA_Server_run_iterate(server, true);
    UA_Server_run_shutdown(server);
    UA_Server_delete(server);
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    printf("cpu=%.3f\n", (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                             (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
    return 0;
}
