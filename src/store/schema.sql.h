/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_STORE_SCHEMA_SQL_H
#define KOPPEL_STORE_SCHEMA_SQL_H
/* Version 1 of the data file. Times are ns since 1970 UTC. A later version is one more script in
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
#endif
