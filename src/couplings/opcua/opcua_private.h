/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_OPCUA_PRIVATE_H
#define KOPPEL_COUPLINGS_OPCUA_PRIVATE_H
/* What the files of this folder share; the only place that knows open62541. All of it runs in the
 * coupling's own thread, but wake, and the flag `look` that browse sets.
 *
 * Life of a link: connect (session.c), learn limits (limits.c), when nothing is known yet look at
 * everything (browse.c, attributes.c, publish.c), subscribe (subscribe.c), go online; then in each
 * step iterate, and take slices of a new look or of history to fill in. close frees everything. */
#include "core/coupling.h"
#include "core/log.h"
#include "couplings/catalogue.h"
#include "couplings/profile.h"
#include "couplings/opcua/opcua.h"

#include <open62541/client.h>
#include <open62541/client_config_default.h>
#include <open62541/client_highlevel_async.h>
#include <open62541/client_subscriptions.h>
#include <stdatomic.h>

enum {
    OPCUA_NODES_MAX = 200000, /* of an address space that are looked at */
    OPCUA_DEPTH_MAX = 12,     /* levels below Objects; the model has 16 in all */
    OPCUA_ID_MAX = 4096,      /* bytes of a node id as text */
    OPCUA_NONE = -1,
};

struct opcua_settings {
    char *security, *user, *password, *user_certificate, *user_key, *subscribe, *browse_root,
        *profile, *events;
    bool allow_plain_password;
    int64_t publishing, sampling, timeout, watchdog, history; /* ns */
    int64_t queue, items_max, rate_max, events_from;
};

struct opcua_spaces { /* the server's namespaces, by index in this session */
    UA_String *uris;
    size_t n;
};

/* ---- limits.c: what this server bears ---- */
struct opcua_limits {
    uint32_t browse, read, monitor, history; /* nodes in one call */
    uint32_t calls;                          /* requests under way at once */
    uint32_t items, rate;                    /* items, items a second; rate 0 = no limit known */
    char software[KP_NAME_MAX];              /* BuildInfo, for the nameplate */
};

/* ---- subscribe.c ---- */
struct opcua_item {
    kp_signal id;
    bool refused;       /* by the server, or its address means nothing there */
    bool keeps_history; /* the server has history for it */
    bool seen;          /* a first value has come in this session */
    int64_t since;      /* latest time known before this session, KP_NO_TIME = none */
    int64_t first;      /* source time of the first value */
    const char *source;
};
struct opcua_asked { /* items of the CreateMonitoredItems under way, by place; NULL: the clock */
    const uint32_t *items;
    size_t n;
};
struct opcua_items {
    struct kp_arena text;
    struct opcua_item *list;
    size_t n, capacity;
    uint32_t subscription;
    uint32_t accepted, refused;
    int64_t beat;  /* monotonic: when the server's clock was last seen to move */
    int64_t drift; /* ns the machine's clock is ahead, when more than a day; else 0 */
    int64_t publishing_ms;
    char first_refusal[KP_ERR_TEXT];
    bool watched;  /* the server lets its clock be watched */
    bool answered; /* the request under way */
    UA_StatusCode status;
    struct opcua_asked asked;
};

/* ---- client.c: requests ---- */
struct opcua;
/* Reads many attributes with several requests under way; give it turns until it is done, then free
 * it. */
struct opcua_reader {
    struct opcua *o;
    void *arg;
    void (*fill)(void *arg, size_t i,
                 UA_ReadValueId *); /* copies nothing: the id must live until the turn ends */
    void (*take)(void *arg, size_t i, UA_DataValue *); /* may move what it wants out of the value */
    size_t n, next;
    uint32_t batch, outstanding;
    struct opcua_range {
        size_t from, to;
    } * again;                /* ranges the server found too long */
    struct opcua_part *parts; /* under way */
    size_t n_again, again_capacity;
    enum kp_code failed;
};

/* ---- the state of one coupling ---- */
struct opcua_browse;
struct opcua_history;
struct opcua_trust;
struct opcua_events;
struct opcua_source;
struct opcua {
    struct kp_coupling *c;
    const struct opcua_settings *set;
    UA_EventLoop *loop; /* read by wake under a lock */
    UA_Client *client;
    struct opcua_trust *trust;
    struct opcua_spaces spaces;
    struct opcua_limits limits;
    struct opcua_items items;
    struct opcua_browse *browse;
    struct opcua_history *history;
    struct opcua_events *events; /* NULL: not listened to */
    struct opcua_source *sources; /* of events, as far as their places were asked for */
    size_t n_sources, sources_capacity;
    struct kp_buf room;    /* data of the value being reported */
    struct kp_err failure; /* met inside a callback; the next iterate returns it */
    int64_t now;           /* ns UTC at the start of this iterate */
    unsigned hangups;      /* times the server closed the link while it was being secured */
    bool secured, inactive, closing;
    char link[64];    /* "Basic256Sha256, signed and encrypted" */
    char found[160];  /* what the last look came to, for the note */
    atomic_bool look; /* a person asked for a new look */
    UA_Logger logger;
};

static inline int kp_opcua_ms(int64_t ns)
{
    return (int)(ns / KP_MILLISECOND);
}

/* ---- opcua.c ---- */
/* Shows what the link is and what it leaves to be done. */
void kp_opcua_describe(struct opcua *);

/* ---- client.c ---- */
/* A client with its event loop and logger; nothing is connected yet. */
enum kp_code kp_opcua_client(struct opcua *, UA_ClientConfig *, struct kp_err *);
void kp_opcua_client_free(struct opcua *);
void kp_opcua_wake(struct kp_coupling *);
/* Waits up to ms for something and handles it. KP_ESTOPPED when the coupling is to end. */
enum kp_code kp_opcua_iterate(struct opcua *, int ms, struct kp_err *);
/* One request, waited for no longer than the setting `timeout`; the response is the caller's to
 * clear. A failure of the service as a whole is an error too. */
enum kp_code kp_opcua_call(struct opcua *, const void *request, const UA_DataType *request_type,
                           void *response, const UA_DataType *response_type, struct kp_err *);
void kp_opcua_fail(struct opcua *, enum kp_code, const char *text); /* from inside a callback */
/* Whether smaller requests may work where this one did not. */
bool kp_opcua_too_much(UA_StatusCode);
enum kp_code kp_opcua_reader_turn(struct opcua_reader *, struct kp_err *);
bool kp_opcua_reader_done(const struct opcua_reader *);
void kp_opcua_reader_free(struct opcua_reader *);
/* Turns until it is done. */
enum kp_code kp_opcua_read_all(struct opcua_reader *, struct kp_err *);

/* ---- session.c ---- */
enum kp_code kp_opcua_connect(struct opcua *, struct kp_err *);
/* A sentence for a status that ended the link. */
enum kp_code kp_opcua_explain(struct opcua *, UA_StatusCode, struct kp_err *);

/* ---- endpoint.c ---- */
/* Which of the endpoints to take: its index, or OPCUA_NONE with the reason. */
int kp_opcua_choose(const UA_EndpointDescription *, size_t n, const struct opcua_settings *,
                    bool loopback, struct kp_err *);
bool kp_opcua_loopback(const char *url);
UA_UserTokenType kp_opcua_login(const struct opcua_settings *);

/* ---- identity.c ---- */
enum kp_code kp_opcua_identity(struct kp_store *, struct kp_arena *, UA_ByteString *certificate,
                               UA_ByteString *key, UA_String *uri, struct kp_err *);
/* Reads a certificate or key file, PEM or DER, as DER; the caller clears it. */
enum kp_code kp_opcua_der_file(const char *file, UA_ByteString *der, struct kp_err *);

/* ---- trust.c: only certificates a person trusts ---- */
enum kp_code kp_opcua_trust_load(struct opcua *, struct kp_err *);
void kp_opcua_trust_free(struct opcua *);
/* Puts koppel's own check into the configuration; never the library's accept-all. `any` for a link
 * that protects nothing anyway. */
void kp_opcua_trust_install(struct opcua *, UA_CertificateGroup *, bool any);
/* The fingerprint of a certificate refused since the load, or NULL. */
const char *kp_opcua_trust_refused(const struct opcua *);

/* ---- limits.c ---- */
enum kp_code kp_opcua_learn_limits(struct opcua *, struct kp_err *);
/* Of the kind of server that has this in its product name. */
void kp_opcua_limits_of(const char *product, struct opcua_limits *);

/* ---- nodeid.c ---- */
UA_String kp_opcua_text(const char *); /* a view, for what the library only reads */
/* False for an id without a text form (invalid UTF-8, too long) or, with out->failed, out of
 * memory. */
bool kp_opcua_print_id(const UA_NodeId *, const struct opcua_spaces *, struct kp_buf *out);
enum kp_code kp_opcua_parse_id(const char *text, const struct opcua_spaces *, UA_NodeId *,
                               struct kp_err *);

/* ---- value.c ---- */
uint8_t kp_opcua_type(unsigned type_kind); /* UA_DataTypeKind to enum kp_type */
bool kp_opcua_time(UA_DateTime, int64_t *ns);
UA_DateTime kp_opcua_date(int64_t ns);
void kp_opcua_room(struct kp_buf *);
/* Data lies in the variant or in the room, until the next call. False: out of memory or far too
 * long. */
bool kp_opcua_value(const UA_Variant *, struct kp_buf *room, struct kp_value *);
/* Sets everything but the signal's number. */
void kp_opcua_sample(const UA_DataValue *, int64_t arrived, struct kp_buf *room,
                     struct kp_sample *);
bool kp_opcua_overflowed(
    uint32_t status); /* samples were lost at the source just before this one */

/* ---- write.c ---- */
enum kp_code kp_opcua_write(struct kp_coupling *, const struct kp_sample *, struct kp_err *);
/* A value as the node's built-in type wants it; the variant is the caller's to clear. */
enum kp_code kp_opcua_variant(const struct kp_value *, const UA_DataType *, bool array,
                              UA_Variant *, struct kp_err *);

/* ---- tree.c: the nodes met on a look ---- */
enum opcua_class { OPCUA_OBJECT, OPCUA_VARIABLE };
enum opcua_flag {
    OPCUA_HIDDEN = 1,   /* a mere container: its name is not part of paths */
    OPCUA_PROPERTY = 2, /* reached by HasProperty */
    OPCUA_META = 4,     /* a property that describes its variable (EURange ...) */
    OPCUA_IDENTITY = 8, /* belongs to a nameplate */
    OPCUA_ARRAY = 16,
    OPCUA_HISTORIC = 32, /* the server says it keeps history */
    OPCUA_LEAF = 64,     /* nothing can be below */
};
struct opcua_node {
    UA_NodeId id;
    const char *name, *description, *unit_text, *enums; /* in the tree's arena */
    double low, high;
    uint32_t parent, type; /* type: index into the browse's data types */
    char unit[4];          /* UN/CEFACT code or "" */
    uint8_t class, flags, depth, access;
};
struct opcua_tree {
    struct kp_arena text;
    struct opcua_node *list; /* [0] is where the look began */
    size_t n, capacity;
    uint32_t *by_id, *by_name, slots; /* open hash tables of index + 1 */
};
/* Adds a node met below `parent`, moving the id. Sets *index to it, or to OPCUA_NONE when it was
 * met before. False: out of memory. */
bool kp_tree_add(struct opcua_tree *, UA_NodeId *id, uint32_t parent, const char *name, size_t len,
                 uint8_t class, uint8_t flags, long *index);
/* The names from the start down, joined by '/', and by '.' below a variable: a signal has no
 * children. False when it is too long for a path or a name in it. */
bool kp_tree_path(const struct opcua_tree *, uint32_t node, char out[KP_PATH_MAX]);
uint32_t kp_tree_find(const struct opcua_tree *, const UA_NodeId *); /* UINT32_MAX: not met */
void kp_tree_free(struct opcua_tree *);

/* ---- browse.c ---- */
struct opcua_data_type { /* a data type the address space uses */
    UA_NodeId id, parent;
    const char *enums; /* JSON, in the tree's arena */
    uint8_t type;      /* enum kp_type; KP_NULL = not known yet */
    bool structure;
};
struct opcua_job { /* an attribute to be read */
    uint32_t node;
    uint32_t attribute; /* UA_ATTRIBUTEID_... */
};
struct opcua_property { /* one entry of a nameplate as the machine says it */
    uint32_t node;
    char *text; /* in the tree's arena */
};
struct opcua_browse {
    struct opcua *o;
    struct opcua_tree tree;
    enum { OPCUA_WALK, OPCUA_READ, OPCUA_TYPES, OPCUA_LOOKED } phase;
    size_t next;     /* first node whose children were not asked for */
    uint32_t *again; /* nodes to be asked alone */
    size_t n_again, again_capacity;
    struct opcua_point {
        uint32_t node;
        UA_ByteString point;
    } * points; /* answers to be continued */
    size_t n_points, points_capacity;
    uint32_t batch, outstanding, refused;
    bool cut; /* there was more than is looked at */
    size_t noted;
    struct opcua_job *jobs;
    size_t n_jobs, jobs_capacity;
    struct opcua_reader reader;
    struct opcua_data_type *types;
    size_t n_types, types_capacity, types_asked;
    struct opcua_property *properties;
    size_t n_properties, properties_capacity;
    enum kp_code failed;
};
enum kp_code kp_opcua_browse_start(struct opcua *, struct kp_err *);
/* A slice of work that does not wait; *done when all was looked at. */
enum kp_code kp_opcua_browse_turn(struct opcua *, bool *done, struct kp_err *);
/* Whether it can go on only when the server has answered. */
bool kp_opcua_browse_waits(const struct opcua *);
void kp_opcua_browse_free(struct opcua *); /* after the client */

/* ---- attributes.c ---- */
enum kp_code kp_opcua_attributes_start(struct opcua_browse *, struct kp_err *);
/* Texts of an enumeration as a JSON object in the tree's arena; NULL when the value holds none. */
const char *kp_opcua_enums(struct opcua_browse *, const UA_Variant *);
const char *kp_opcua_enum_definition(struct opcua_browse *, const UA_EnumDefinition *);

/* ---- types.c ---- */
/* One round of learning what the data types met are; *done when there is nothing more to learn. */
enum kp_code kp_opcua_types_turn(struct opcua_browse *, bool *done, struct kp_err *);
/* Teaches the client the server's own structures, so that they arrive decoded. */
enum kp_code kp_opcua_load_structures(struct opcua *, struct kp_err *);

/* ---- publish.c ---- */
/* Writes the catalogue and nameplates and, with `declare`, makes the signals the profile names. */
enum kp_code kp_opcua_publish(struct opcua *, bool declare, struct kp_err *);

/* The profiles that apply to this server; `arena` must live as long. */
enum kp_code kp_opcua_profiles(struct opcua *, struct kp_arena *, struct kp_profiles *,
                               struct kp_err *);

/* ---- event.c: what an event says ---- */
enum opcua_event_field {
    OPCUA_EVENT_TYPE,
    OPCUA_EVENT_SOURCE_NODE,
    OPCUA_EVENT_SOURCE_NAME,
    OPCUA_EVENT_TIME,
    OPCUA_EVENT_MESSAGE,
    OPCUA_EVENT_SEVERITY,
    OPCUA_EVENT_BASE_FIELDS, /* what every event has */
    OPCUA_EVENT_CONDITION_ID = OPCUA_EVENT_BASE_FIELDS,
    OPCUA_EVENT_CONDITION_NAME,
    OPCUA_EVENT_BRANCH_ID,
    OPCUA_EVENT_RETAIN,
    OPCUA_EVENT_ACTIVE,
    OPCUA_EVENT_ACKED,
    OPCUA_EVENT_FIELDS,
};
struct opcua_event_place {
    uint32_t type;        /* whose component the field is */
    const char *names[2]; /* the way to it; none: the node's own id */
};
extern const struct opcua_event_place kp_opcua_event_fields[OPCUA_EVENT_FIELDS];

enum opcua_event_kind {
    OPCUA_PLAIN,
    OPCUA_CONDITION,
    OPCUA_REFRESH_START,
    OPCUA_REFRESH_END,
    OPCUA_REFRESH_NEEDED
};
enum { OPCUA_EVENT_TEXT = 512 };
struct opcua_event {
    enum opcua_event_kind kind;
    bool lasts, acked, acked_known;
    bool of_machine; /* it tells of a machine or system, not of the server's own doings */
    bool earlier;    /* an earlier state of a condition, which waits to be acknowledged */
    uint16_t severity;
    int64_t at;       /* KP_NO_TIME: it does not say */
    UA_NodeId source; /* the reader clears it */
    char key[OPCUA_EVENT_TEXT], name[KP_NAME_MAX], text[OPCUA_EVENT_TEXT],
        source_name[KP_NAME_MAX]; /* valid UTF-8 */
};
/* From the fields in the order of enum opcua_event_field: all, or the first of every event.
 * KP_EPEER when there are more or fewer, KP_ENOMEM; e->source is to be cleared all the same. */
enum kp_code kp_opcua_event_read(const struct opcua_spaces *, const UA_Variant *fields, size_t n,
                                 struct opcua_event *e);

/* ---- events.c: alarms ---- */
/* Listens to what the server sends of events; one that has none is no error. */
enum kp_code kp_opcua_events_start(struct opcua *, struct kp_err *);
/* Reports what has come since the last turn. */
enum kp_code kp_opcua_events_turn(struct opcua *, struct kp_err *);
void kp_opcua_events_free(struct opcua *); /* after the client */

/* ---- source.c ---- */
/* The path of the object this node is or belongs to; "" when it stands nowhere below the root. */
enum kp_code kp_opcua_source_path(struct opcua *, const UA_NodeId *, char path[KP_PATH_MAX],
                                  struct kp_err *);
void kp_opcua_sources_free(struct opcua *);

/* ---- nameplate.c ---- */
enum kp_code kp_opcua_nameplate(struct opcua_browse *, struct kp_err *);
/* The field a property's name stands for, or OPCUA_NONE. */
int kp_opcua_nameplate_field(const char *property);

/* ---- subscribe.c ---- */
/* Subscribes to every signal the core knows of this coupling; once a session. */
enum kp_code kp_opcua_subscribe(struct opcua *, struct kp_err *);
/* KP_EPEER when the server has not been heard of for too long. */
enum kp_code kp_opcua_watch(struct opcua *, struct kp_err *);
const struct opcua_item *kp_opcua_item(const struct opcua *, kp_signal);
void kp_opcua_items_free(struct opcua *);

/* ---- history.c: fills the gap an outage left ---- */
enum kp_code kp_opcua_history_turn(struct opcua *, struct kp_err *);
void kp_opcua_history_free(struct opcua *); /* after the client */
#endif
