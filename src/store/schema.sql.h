/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_STORE_SCHEMA_SQL_H
#define KOPPEL_STORE_SCHEMA_SQL_H
/* The versions of the data file. Times are ns since 1970 UTC. A later version is one more script in
 * migrations[], never a change of an earlier one. */
static const char schema_v1[] =
    "create table setting(key text primary key, value text) without rowid;"
    "create table secret(name text primary key, data blob not null) without rowid;"
    "create table token(name text primary key, hash blob not null unique, created integer not null) without rowid;"
    "create table certificate(fingerprint text primary key, trusted integer not null default 0,"
    "  first_seen integer not null, coupling text not null, subject text, not_after integer, der blob not null)"
    "  without rowid;"
    "create table asset(id integer primary key, parent integer not null, name text not null, kind text not null,"
    "  label text not null, description text, nameplate text, by_hand integer not null default 0);"
    "create table coupling(id integer primary key autoincrement, name text not null unique, url text not null,"
    "  at text not null, enabled integer not null default 1, filter text, settings text not null default '{}');"
    "create table signal(id integer primary key, asset integer not null, name text not null, type text not null,"
    "  unit text, unit_text text, description text, low real, high real, enums text, role text,"
    "  label text not null, stored integer not null, writable integer not null, coupling integer not null,"
    "  source text, span integer not null default 0);"
    /* The address space a coupling has seen: what could be subscribed. */
    "create table node(coupling integer not null, source text not null, path text not null, type text,"
    "  unit text, description text, access integer not null, role text, primary key(coupling, source)) without rowid;"
    "create index node_path on node(coupling, path);"
    "create table interval(id integer primary key, asset integer not null, kind text not null, start integer not null,"
    "  end integer not null, label text not null, attributes text not null default '{}');"
    "create index interval_time on interval(asset, kind, start);"
    "create index interval_end on interval(end);"
    "create table next_id(kind text primary key, value integer not null) without rowid;"
    /* id = stripe << 48 | commit sequence */
    "create table journal(id integer primary key, data blob not null);"
    "create table seal(stripe integer primary key, cut integer not null, done integer not null);"
    /* last values of each stripe as one journal row, true up to commit sequence `seq` */
    "create table snapshot(stripe integer primary key, seq integer not null, data blob not null);"
    /* id = signal << 36 | eighths of a second since 2000 of t0, or the next free one. seq = the last commit whose
     * points are in it: among equal times the higher one came later. signal.span = the most eighths of a second
     * that a chunk of the signal reaches beyond its id or its id beyond its t0: how far a reader seeks back. */
    "create table chunk(id integer primary key, t0 integer not null, t1 integer not null, seq integer not null,"
    "  n integer not null, good integer not null, vmin real, vmax real, vsum real, vfirst real, vlast real, data blob not null);";

/* Version 2: chunks know the time their values held, so that time-weighted means need no points; rollups, retention,
 * quarantine, backups, consumers. What a chunk of version 1 does not know is null: a reader decodes it. */
static const char schema_v2[] =
    "alter table chunk rename to chunk_v1;"
    /* bad = points with a bad status or no value; area = value times seconds from t0 to t1; good_ns, bad_ns = how long
     * in between the status was good or uncertain, or bad; held = what the last point leaves behind (chunk.h). */
    "create table chunk(id integer primary key, t0 integer not null, t1 integer not null, seq integer not null,"
    "  n integer not null, good integer not null, bad integer, vmin real, vmax real, vsum real, vfirst real, vlast real,"
    "  area real, good_ns integer, bad_ns integer, held integer, data blob not null);"
    "insert into chunk(id, t0, t1, seq, n, good, vmin, vmax, vsum, vfirst, vlast, data)"
    "  select id, t0, t1, seq, n, good, vmin, vmax, vsum, vfirst, vlast, data from chunk_v1 order by id;"
    "drop table chunk_v1;"
    /* id = signal << 36 | level << 35 | number of the block since 2000; see rollup.h */
    "create table rollup(id integer primary key, data blob not null);"
    /* blocks whose rollup is to be made, or made again after late points */
    "create table rollup_due(signal integer not null, block integer not null, primary key(signal, block)) without rowid;"
    /* What the chunks of a signal are in all; writes = how often they were changed; cut = points before this time
     * may have been deleted, so that no rollup can be made of them any more. */
    "create table stored(signal integer primary key, chunks integer not null, points integer not null,"
    "  bytes integer not null, t0 integer not null, t1 integer not null, writes integer not null default 0,"
    "  cut integer);"
    "insert into stored(signal, chunks, points, bytes, t0, t1)"
    "  select id >> 36, count(*), sum(n), sum(length(data)), min(t0), max(t1) from chunk group by 1;"
    /* the few intervals longer than a day: who asks for a day in the middle finds what began long before */
    "create index interval_long on interval(asset, kind, start) where \"end\" - start > 86400000000000;"
    /* Samples whose time cannot be right, see quarantine.h; at = the source time, arrived = the receive time; value is
     * for people, data the sample to the bit: a row of the journal with one point. */
    "create table quarantine(id integer primary key, signal integer not null, coupling integer not null,"
    "  at integer not null, arrived integer not null, type text not null, status integer not null, value text,"
    "  reason text not null, data blob not null);"
    "create index quarantine_signal on quarantine(signal);"
    /* how long history is kept: the first pattern that matches a signal's path counts. Ages in ns, 0 = for ever */
    "create table retention(position integer primary key, pattern text not null unique, raw integer not null,"
    "  rollups integer not null, bytes integer not null);"
    /* the size of what is stored, for the forecast */
    "create table growth(at integer primary key, bytes integer not null, points integer not null);"
    /* Programs that read what is stored by a durable position, the sequence of a commit (position.h). The one with
     * the empty name stands for the file: rows after it are all there. */
    "create table consumer(name text primary key, position integer not null, updated integer not null) without rowid;"
    "create table backup_run(id integer primary key, at integer not null, file text not null, bytes integer not null,"
    "  ms integer not null, error text, proven integer);";

/* Version 3: what a signal's values say of the state of its machine (core/state_rule.h). */
static const char schema_v3[] =
    /* A token with a pattern may post values to the signals it matches, and nothing else. */
    "alter table token add column writes text;"
    /* How far the files of a folder are read (couplings/file). */
    "create table file_read(coupling integer not null, name text not null, inode integer not null, offset integer not null,"
    "  line integer not null, print integer not null, head text, primary key(coupling, name)) without rowid;"
    "alter table node add column kind text;" /* the protocol's own word for what it is */
    "alter table signal add column states text;";

/* Version 4: rows of the journal that belong to no stripe yet (journal.h); an older program would not see them. */
static const char schema_v4[] = "";

/* Version 5: what a token may do (null: everything) and until when (null: for ever); alarms. */
static const char schema_v5[] =
    "alter table token add column role text;"
    "alter table token add column expires integer;"
    /* Alarms (src/alarm): id = the interval's; grp = the first of those that came together; subject = what it is about.
     * Rules are JSON, as REST has them. */
    "create table alarm(id integer primary key, grp integer not null, subject text not null, asset integer not null,"
    "  source integer not null, rule text, text text, priority integer not null, state text not null, active integer not null,"
    "  since integer not null, ended integer, value real, lim real, times integer not null, first_out integer not null,"
    "  who text, acknowledged integer, comment text, shelved integer);"
    "create index alarm_living on alarm(state) where state <> 'normal';"
    "create index alarm_group on alarm(grp desc, id);"
    /* Messages about alarms: waiting, sent, failed or dropped; kept over a restart, and for the log. */
    "create table alarm_outbox(id integer primary key autoincrement, alarm integer not null, person text not null,"
    "  step integer not null, due integer not null, tries integer not null default 0, state text not null default 'waiting',"
    "  error text, done integer);"
    "create index alarm_outbox_due on alarm_outbox(due) where state = 'waiting';"
    "create index alarm_outbox_alarm on alarm_outbox(alarm);"
    "create table alarm_rule(name text primary key, data text not null) without rowid;"
    "insert into alarm_rule values"
    "  ('link down', '{\"name\":\"link down\",\"kind\":\"link-down\",\"delay\":\"1m\",\"priority\":\"medium\"}'),"
    "  ('disk', '{\"name\":\"disk\",\"kind\":\"disk\",\"priority\":\"high\"}'),"
    "  ('backup failed', '{\"name\":\"backup failed\",\"kind\":\"backup-failed\",\"priority\":\"high\"}'),"
    "  ('certificate expires', '{\"name\":\"certificate expires\",\"kind\":\"certificate-expires\",\"delay\":\"30d\",\"priority\":\"medium\"}');";

/* Version 6: people who log in by name (user.h), and the log of who did what (audit.h). */
static const char schema_v6[] =
    /* hash: Argon2id. totp: 0 = none, 1 = shown and not yet confirmed, 2 = asked for; its secret is in the table secret, and
     * no step up to totp_step counts any more. epoch: sessions of an earlier one have ended. */
    "create table user(name text primary key, role text not null, display text, language text, mail text,"
    "  disabled integer not null default 0, hash text not null, must_change integer not null, totp integer not null default 0,"
    "  totp_step integer not null default 0, epoch integer not null, created integer not null, seen integer) without rowid;"
    "create table audit(id integer primary key, at integer not null, user text, via text, origin text, action text not null,"
    "  target text, detail text, result text not null, hash blob not null);"
    /* Where the chain begins (the last row that was cut off) and ends, sealed by node.key. */
    "create table audit_head(one integer primary key check(one = 1), cut integer not null, cut_hash blob not null,"
    "  last integer not null, hash blob not null, seal blob not null);"
    /* The shop floor (src/flex). What a person said of a stop or a state, beside what the machine said; id = the interval's. */
    "create table stop_note(id integer primary key, reason text, state text, comment text, who text, at integer not null);"
    "create table part_by_hand(id integer primary key autoincrement, asset integer not null, at integer not null,"
    "  good integer not null, scrap integer not null, program text, comment text, who text, noted integer not null);"
    "create index part_by_hand_time on part_by_hand(asset, at);"
    /* Days of machines summed up; data null: being made, by who has the mark; sources: a sum over the signals that count. A row is deleted when an interval or a point of
     * its day changes (late points come by rollup_due, whose blocks count from 2000); shop_signal says whose points count. */
    "create table shop_day(asset integer not null, day integer not null, until integer not null, mark integer not null, sources integer not null, data blob,"
    "  primary key(asset, day)) without rowid;"
    "create table shop_signal(signal integer primary key, asset integer not null);"
    "create trigger stop_note_goes after delete on interval begin delete from stop_note where id = old.id; end;"
    "create trigger shop_interval before insert on interval when new.kind in ('state', 'stop') begin"
    "  delete from shop_day where asset = new.asset and day < new.\"end\" and day > new.start - 90000000000000 and until > new.start;"
    "  delete from shop_day where (asset, day) in (select d.asset, d.day from interval i join shop_day d on d.asset = i.asset and"
    "    d.day < i.\"end\" and d.day > i.start - 90000000000000 and d.until > i.start where i.id = new.id); end;"
    "create trigger shop_point before insert on rollup_due when exists(select 1 from shop_signal where signal = new.signal) begin"
    "  delete from shop_day where asset = (select asset from shop_signal where signal = new.signal) and"
    "    day < 946684800000000000 + ((new.block & 34359738367) + 1) * iif(new.block >> 35, 86400000000000, 14400000000000) and"
    "    day > 946684800000000000 + (new.block & 34359738367) * iif(new.block >> 35, 86400000000000, 14400000000000)"
    "    - 90000000000000; end;";

/* Version 7: work orders and what was worked at them (src/flex/order.h). */
static const char schema_v7[] =
    /* print: a hash of what came, so that the same again is seen. told: the confirmation that stands in a reply file of the
     * folder; sent: when the file of an order we place was made durable. document: the UBL as it came. */
    "create table work_order(id integer primary key autoincrement, direction text not null, sender text not null,"
    "  number text not null, print blob not null, customer text, item text, description text, unit text, quantity real,"
    "  due integer, state text not null, confirmation text, promised integer, reply_comment text, folder text, source text,"
    "  document text, received integer not null, changed integer not null, told text, sent integer,"
    "  unique(direction, sender, number));"
    "create index work_order_living on work_order(due) where state in ('open', 'started');"
    "create index work_order_untold on work_order(folder) where confirmation is not told;"
    /* asset 0: at none yet; machine_group: a machine of it is to be chosen. Durations in ns, 0 = not known. */
    "create table operation(id integer primary key autoincrement, work_order integer not null, position integer not null,"
    "  number text not null, name text, asset integer not null, machine_group text, program text, item text,"
    "  quantity real not null, cycle integer not null, setup integer not null, due integer, state text not null, line text,"
    "  unique(work_order, number));"
    "create index operation_living on operation(asset) where state in ('open', 'started', 'interrupted');"
    /* end null: it goes on; a machine works at one operation at a time. running, setup, other: ns in that state. */
    "create table booking(id integer primary key autoincrement, operation integer not null, asset integer not null,"
    "  start integer not null, \"end\" integer, good integer not null default 0, scrap integer not null default 0,"
    "  running integer not null default 0, setup integer not null default 0, other integer not null default 0,"
    "  via text not null, who text, comment text, written integer);"
    "create unique index booking_open on booking(asset) where \"end\" is null;"
    "create index booking_operation on booking(operation);"
    "create index booking_time on booking(start);"
    "create index booking_unwritten on booking(id) where written is null and \"end\" is not null;"
    /* Files of folders: taken in the same transaction as their orders, or refused. Times of a reason are when it was seen. */
    "create table order_file(id integer primary key autoincrement, folder text not null, name text not null, hash blob not null,"
    "  at integer not null, result text not null, orders integer not null default 0, reason text, reason_nl text,"
    "  acknowledged integer, unique(folder, hash));"
    /* The program that was seen last at a machine: only another one begins or interrupts an operation. */
    "create table order_program(asset integer primary key, program text not null, at integer not null);";

/* Sharing with other companies (src/share): the Dataspace Protocol. */
static const char schema_v8[] =
    /* participant: the id it has in the protocol; url: where it is reached; method: how it shows who it is (share/identity.h), by a
     * key (JWK) or by a token, of which only a hash is kept; ca: who vouches for its web server, PEM */
    "create table share_partner(name text primary key, participant text not null unique, url text not null, method text not null,"
    "  key text, hash blob unique, ca text, made integer not null) without rowid;"
    "create table share_dataset(id text primary key, signals text not null, description text, made integer not null) without rowid;"
    /* partner null: for every one; policy: the rules in ODRL, as they were given */
    "create table share_offer(id text primary key, dataset text not null, partner text, policy text not null,"
    "  automatic integer not null, made integer not null) without rowid;"
    "create index share_offer_dataset on share_offer(dataset);"
    /* Negotiations (kind 0) and transfers (kind 1). offer: the newest one, of whom is in `offered`; callback: where the other side
     * wants to hear from us. Words and states are numbers of share/state.h. */
    "create table share_process(id integer primary key autoincrement, kind integer not null, side integer not null, partner text not null,"
    "  pid text not null unique, peer_pid text, callback text not null, state integer not null, automatic integer not null,"
    "  dataset text, offer text, offered integer, agreement text, format text, note text, made integer not null, changed integer not null);"
    "create unique index share_process_peer on share_process(partner, kind, side, peer_pid) where peer_pid is not null;"
    "create index share_process_open on share_process(partner, kind) where state not in (5, 8, 9);"
    "create index share_process_over on share_process(partner, kind, id) where state in (8, 9);"
    /* text: the agreement as it was made; signals: what its dataset was then; active from the end of its negotiation on */
    "create table share_agreement(id text primary key, process integer, side integer not null, partner text not null, dataset text not null,"
    "  text text not null, signals text, active integer not null, made integer not null, ended integer, why text) without rowid;"
    "create index share_agreement_process on share_agreement(process);"
    /* Messages to be said, in order for each process; before, offer: the state and the offer to go back to when the other side refuses. */
    "create table share_outbox(id integer primary key autoincrement, process integer not null, word integer not null, extra text,"
    "  before integer not null, offer text, due integer not null, tries integer not null default 0, since integer not null, error text);"
    "create index share_outbox_due on share_outbox(due);"
    "create index share_outbox_process on share_outbox(process, id);"
    /* Whether anything is secret is asked often, and seldom true. */
    "create index interval_secret on interval(id) where label = 'secret';";

/* Sharing: what goes out under an agreement. */
static const char schema_v9[] =
    /* begun: of a transfer, when its first byte was allowed; then it counts */
    "alter table share_process add column begun integer;"
    /* automatic: its transfers start by themselves */
    "alter table share_agreement add column automatic integer not null default 1;"
    /* content: signals, intervals, figures or capacity; spec: JSON that says which (of signals: null) */
    "alter table share_dataset add column content text not null default 'signals';"
    "alter table share_dataset add column spec text;"
    /* One row for each exit to a partner, there before the first byte. way: pull, live or push; from_at, to_at: of the source times
     * given, signals: JSON list of paths that values went of (the first 1000); hash: SHA-256 of the bytes; why: why it ended */
    "create table share_exit(id integer primary key autoincrement, at integer not null, partner text not null, agreement text not null,"
    "  transfer integer not null, dataset text not null, way text not null, from_at integer, to_at integer, count integer not null default 0,"
    "  intervals integer not null default 0, bytes integer not null default 0, signals text, hash blob, ended integer, why text);"
    "create index share_exit_partner on share_exit(partner, id);"
    "create index share_exit_open on share_exit(id) where ended is null;"
    /* The inventory (src/shield/shield.h): what advisories are matched with. asset: of the model, whose nameplate it has; host: the device it
     * is a part of. by_hand: a bit for each field that a person typed. expected: the firmware that is to come, until then ("" = any).
     * alarm: the open interval that says it changed unexpectedly. weight: how much hangs on it, 0 = as its kind says */
    "create table device(id integer primary key autoincrement, name text not null unique, asset integer, host integer,"
    "  source text not null, by_hand integer not null default 0, manufacturer text, product text, order_code text, serial text,"
    "  hardware text, firmware text, cpe text, purl text, weight integer not null default 0, expected text, expected_until integer,"
    "  alarm integer, made integer not null, changed integer not null);"
    "create unique index device_asset on device(asset) where asset is not null;"
    /* Firmware as it was and became; via: machine, import, hand. seen: when a person said that an unexpected one is right */
    "create table device_version(id integer primary key autoincrement, device integer not null, at integer not null, old text,"
    "  new text, via text not null, expected integer not null, seen integer, who text);"
    "create index device_version_device on device_version(device, id);"
    /* extract: of the document, as JSON, what matching and people need */
    "create table advisory(id text primary key, publisher text, title text, version text, changed text, url text, tlp text,"
    "  extract text not null, made integer not null) without rowid;"
    /* What feeds say of a vulnerability: probability of being exploited (EPSS), known to be (KEV) */
    "create table exploit(cve text primary key, epss real, kev integer not null default 0) without rowid;"
    /* verdict: 0 clear, 1 review, 2 affected, of each vulnerability in holes (JSON). print: what the answer was given to; closed: null
     * while it is open */
    "create table finding(device integer not null, advisory text not null, verdict integer not null, score real, product text not null,"
    "  rule text not null, why text not null, holes text not null, print integer not null, answer text, comment text, who text,"
    "  answered integer, made integer not null, changed integer not null, closed integer, closed_why text,"
    "  primary key(device, advisory)) without rowid;"
    "create index finding_advisory on finding(advisory);";

static const char schema_v10[] =
    /* begun: how many transfers of it have begun, also of those that are forgotten meanwhile */
    "alter table share_agreement add column begun integer not null default 0;"
    /* pushed: of a transfer that this node pushes, the source time before which all was taken by the other side */
    "alter table share_process add column pushed integer;"
    /* What a coupling brings from a partner (couplings/dsp). onward: whether all of it may go to a third company; upto: all of an
     * earlier source time came */
    "create table share_brought(coupling integer primary key, agreement text not null, onward integer not null, upto integer);"
    /* Offers: what a partner is shown is found in the index alone. */
    "drop index share_offer_dataset;"
    "create index share_offer_dataset on share_offer(dataset, partner);"
    /* what went out lately is judged each minute */
    "create index share_exit_at on share_exit(at);"
    /* Feeds of threat information (shield/feed.h). kind: of kp_feed_kinds; settings, state: JSON, of what a person says and of how far it
     * is; every, next: ns; fault: why the last pull failed, note: what a person should know; taken, refused: in all pulls. Passwords
     * and keys are the secret "feed/ID" */
    "create table feed(id integer primary key autoincrement, name text not null unique, kind text not null, url text not null,"
    "  settings text not null default '{}', state text not null default '{}', every integer not null, enabled integer not null default 1,"
    "  next integer not null default 0, tries integer not null default 0, fault text, note text, pulled integer,"
    "  taken integer not null default 0, refused integer not null default 0, made integer not null);"
    /* Objects of STIX (shield/stix_store.h), each version a row. version, created: ns (created null: it says none), stamp: version as it
     * was written; tlp: enum kp_tlp, marked: it says so itself; marks: of a marking definition, what it stands for (-1: no level);
     * source: who brought it; body: its text as it came */
    "create table stix_object(id integer primary key, stix text not null, version integer not null, type text not null,"
    "  spec text not null, stamp text not null, created integer, creator text, revoked integer not null, tlp integer not null,"
    "  marked integer not null, marks integer, source text not null, made integer not null, body text not null);"
    "create unique index stix_object_version on stix_object(stix, version);"
    "create index stix_object_type on stix_object(type, id);"
    "create index stix_object_red on stix_object(id) where tlp >= 4;"
    /* What is shared over TAXII (shield/taxii.h): collections, below one root of the API; tlp: nothing above that goes out of it */
    "create table stix_collection(id integer primary key autoincrement, uuid text not null unique, name text not null unique,"
    "  root text not null, title text not null, description text, tlp integer not null, made integer not null);"
    /* who: 'token NAME', 'partner NAME' or '*'; amber: it is named as one who needs to know */
    "create table stix_member(collection integer not null, who text not null, reads integer not null, writes integer not null,"
    "  amber integer not null, made integer not null, primary key(collection, who)) without rowid;"
    /* added: us, never twice in a collection. flags: 1 the first and 2 the last of its versions there, among those of one version of the
     * standard, 4 of the newest version of the standard */
    "create table stix_entry(collection integer not null, added integer not null, object integer not null, flags integer not null,"
    "  primary key(collection, added)) without rowid;"
    "create unique index stix_entry_object on stix_entry(object, collection);"
    "create index stix_entry_new on stix_entry(collection, added, object) where flags & 6 = 6;"
    /* What became of what was posted; body: JSON */
    "create table stix_status(id text primary key, collection integer not null, who text not null, at integer not null,"
    "  body text not null) without rowid;"
    "create index stix_status_at on stix_status(at);"
    /* What went out to whom: requests and objects a day */
    "create table stix_exit(day integer not null, collection integer not null, who text not null, requests integer not null,"
    "  objects integer not null, last integer not null, primary key(day, collection, who)) without rowid;"
    /* What was seen here of what is known (shield/sighting.h). sighted: the object it is of; object: its sighting, text: what goes out,
     * a list of objects; feed: where it goes, sent: when it went; fault: why it did not */
    "create table sighting(id integer primary key autoincrement, sighted text not null, object text not null, text text not null,"
    "  tlp integer not null, summary text, count integer not null, named integer not null, feed integer, who text, made integer not null,"
    "  sent integer, fault text);"
    "create index sighting_waiting on sighting(feed, id) where sent is null;"
    /* What was brought from an address by a feed (shield/feed_csaf.h), or is a list of it. updated: as the list said; tag, since: as
     * the server said; advisory, version, hash (SHA-256): what was in it; state: enum csaf_state; why: in words */
    "create table feed_document(feed integer not null, url text not null, updated integer, tag text, since text, advisory text,"
    "  version text, hash blob, state integer not null, why text, at integer not null, primary key(feed, url)) without rowid;"
    "create index feed_document_advisory on feed_document(advisory) where advisory is not null;"
    "create index feed_document_state on feed_document(feed, state);";

static const char schema_v11[] =
    /* aware: when somebody here noticed it, from which clocks count; began: when it did; fixed: when a remedy was there; handled: when it
     * was closed. Words of shield/incident_clock.h */
    "create table incident(id integer primary key autoincrement, title text not null, what text, impact text, cause text, measures text,"
    "  indicators text, contact text, states text, category text not null, severity text not null, status text not null,"
    "  significant text not null, product text not null, malicious text not null, cross_border text not null, aware integer not null,"
    "  began integer, fixed integer, handled integer, made integer not null, changed integer not null, who text not null);"
    "create index incident_living on incident(id) where status <> 'closed';"
    /* What it is about: kind 'device' or 'alarm'; asset: of the model; about: JSON, as it was when it was put in */
    "create table incident_thing(incident integer not null, kind text not null, thing integer not null, asset integer not null,"
    "  about text not null, primary key(incident, kind, thing)) without rowid;"
    /* What was done, by whom and when (at: as he says; noted: when he said it). Nobody changes it afterwards. */
    "create table incident_log(id integer primary key autoincrement, incident integer not null, at integer not null, noted integer not null,"
    "  who text not null, kind text not null, text text not null);"
    "create index incident_log_of on incident_log(incident, id);"
    "create trigger incident_log_change before update on incident_log begin select raise(abort, 'what was noted is not changed'); end;"
    "create trigger incident_log_remove before delete on incident_log begin select raise(abort, 'what was noted is not removed'); end;"
    /* What goes to whom by law: texts as people edited them (JSON), and that and when a person sent it */
    "create table incident_stage(incident integer not null, stage text not null, sent integer, reference text, who text, texts text,"
    "  primary key(incident, stage)) without rowid;"
    /* Indicators that were met (shield/observe.h), a row for each and the thing it was about. name, source, tlp: of the indicator; kind,
     * what, fields, asset: of what was seen last (enum kp_observed_kind, a sentence, JSON); alarm: its interval while it is open; told: how
     * many of them sightings have told that are out of this node's hands, told_at: when the last one was made, sighting: that one */
    "create table stix_hit(id integer primary key autoincrement, object text not null, thing text not null, name text not null,"
    "  source text not null, tlp integer not null, kind integer not null, what text not null, fields text not null, asset integer not null,"
    "  count integer not null, first integer not null, last integer not null, alarm integer, told integer not null default 0, told_at integer,"
    "  sighting integer, ignored integer not null default 0, comment text, who text, unique(object, thing));"
    "create index stix_hit_sighting on stix_hit(sighting) where sighting is not null;"
    "create index stix_hit_alarm on stix_hit(alarm) where alarm is not null;"
    /* What people answered to findings, each time (shield/shield.h); answer: of kp_shield_answers, 'open': taken back */
    "create table finding_answer(id integer primary key, device integer not null, advisory text not null, at integer not null,"
    "  answer text not null, comment text, who text);"
    "create index finding_answer_of on finding_answer(advisory, device);"
    /* Watches (watch/watches.h): what people set, as JSON; a post is one thing that a watch looks at (subject: "s12" a signal,
     * "a5" a machine, "g" its group), with what it knows of it. */
    "create table watch(name text primary key, data text not null) without rowid;"
    "create table watch_post(id integer primary key autoincrement, watch text not null, subject text not null,"
    "  kept integer, memory blob, unique(watch, subject));"
    "create table watch_feedback(id integer primary key, post integer not null, at integer not null, verdict text not null,"
    "  user text, comment text, score real);"
    "create index watch_feedback_post on watch_feedback(post, id);";
#endif
