/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "core/text.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/ban.h"

/* ---- the table ---- */
static const struct kp_flag init_flags[] = { { "name", "NAME", "the node's name (default: the folder's)" },
                                             { "owner", "NAME", "the first user (default: owner)" },
                                             { 0 } };
static const struct kp_flag run_flags[] = {
    { "listen", "ADDRESS:PORT", "where the page and the API are served, loopback only (127.0.0.1:8420)" },
    { "no-http", NULL, "no TCP port: the Unix socket only" },
    { "verbose", NULL, "log more" },
    { 0 },
};
static const struct kp_flag status_flags[] = { { "url", NULL, "print a link to the page that logs you in, valid for a minute" },
                                               { 0 } };
static const struct kp_flag ls_flags[] = { { "recursive", NULL, "everything below" },
                                           { "long", NULL, "with type, source and description" },
                                           { 0 } };
static const struct kp_flag tail_flags[] = {
    { "every", "TIME", "at most one value per signal in this time" },
    { "deadband", "X", "a number must change by more than this" },
    { 0 },
};
static const struct kp_flag set_flags[] = {
    { "path", "NEW", "rename or move; history comes along" },
    { "label", "LABEL", "public, partner, internal, secret or inherit" },
    { "description", "TEXT", "what it is" },
    { "kind", "KIND", "of an asset: machine, line, area, site ..." },
    { "field", "NAME=VALUE", "of an asset: a field of the nameplate; an empty value gives it back to the machine" },
    { "unit", "CODE", "of a signal: UN/CEFACT code, such as CEL" },
    { "unit-text", "TEXT", "of a signal: the unit as people read it" },
    { "role", "ROLE", "of a signal: what it means: state, program, part-count, load ..." },
    { "states", "RULE", "of a signal: what its values say of its machine, 'running>=1500; idle', or 'learn' of a power or current" },
    { "low", "X", "of a signal: expected range" },
    { "high", "X", "of a signal: the other end of that range" },
    { "stored", "on|off", "of a signal: kept in the history" },
    { "writable", "on|off", "of a signal: opened for writing to the machine" },
    { 0 },
};
static const struct kp_flag couple_flags[] = {
    { "name", "NAME", "what to call it (default: from the URL)" },
    { "at", "PATH", "the asset under which its things appear (default: the name)" },
    { "user", "USER", "the user to log in as; anonymous without" },
    { "password-file", "FILE", "a file with the password, - asks for it" },
    { "set", "KEY=VALUE", "a setting of the protocol; koppel help couple lists them" },
    { "map", "FILE", "a CSV file that says what stands where, for machines that cannot tell" },
    { "profile", "NAME", "what its values mean; koppel profile list" },
    { "include", "PATTERNS", "only these signals" },
    { "exclude", "PATTERNS", "not these" },
    { "every", "TIME", "at most one value per signal in this time" },
    { "deadband", "X", "a number must change by more than this; 2% of its range" },
    { "nodes", "FILE", "subscribe the nodes of this CSV file: node id, path" },
    { "all", NULL, "subscribe everything the server offers" },
    { "no-wait", NULL, "do not wait for the first values" },
    { 0 },
};
static const struct kp_flag couplings_flags[] = {
    { "nodes", NULL, "the address space; a second argument is a pattern" },
    { "add", "PATTERN|NODE", "subscribe these nodes" },
    { "path", "PATH", "with --add of one node: its path" },
    { "import", "FILE", "subscribe the nodes of this CSV file: node id, path" },
    { "set", "KEY=VALUE", "change a setting, or name, url, at, include, exclude, every, deadband, clock" },
    { "map", "FILE", "take this CSV file as the map of what stands where" },
    { "profile", "NAME", "take this profile; koppel profile list" },
    { "password-file", "FILE", "a file with the password, - asks for it" },
    { "browse", NULL, "look at the address space again" },
    { "reconnect", NULL, "drop the link and make it again" },
    { "on", NULL, "switch on" },
    { "off", NULL, "switch off" },
    { 0 },
};
static const struct kp_flag discover_flags[] = {
    { "ports", "LIST", "only these ports, 502,4840 (default: the usual ones)" },
    { "units", "RANGE", "Modbus units to ask, 1-10 (default: 1 and 255)" },
    { "parallel", "N", "that many addresses at a time (8)" },
    { "cancel", NULL, "end the look that runs" },
    { 0 },
};
static const struct kp_flag token_flags[] = {
    { "role", "ROLE", "with add: viewer, operator, engineer, owner (without it), or member: only of collections" },
    { "expires", "TIME", "with add: it opens nothing from then on, such as 90d or 2027-01-31" },
    { "write", "PATTERN", "with add: it may post values to these signals, and nothing else" },
    { 0 },
};
static const struct kp_flag user_flags[] = {
    { "role", "ROLE", "with add and set: viewer, operator, engineer, owner, or member: only of collections" },
    { "display", "TEXT", "with add and set: what people call them" },
    { "language", "CODE", "with add and set: of the console, nl or en" },
    { "mail", "ADDRESS", "with add and set: their mail address" },
    { "password-file", "FILE", "with add and password: from a file, - asks for it; without, one is made and shown once" },
    { "must-change", NULL, "with --password-file: to be changed at the first log-in" },
    { 0 },
};
static const struct kp_flag listen_flags[] = {
    { "lan", NULL, "let other machines in, over HTTPS; NAME is how they call this one, besides its host name and addresses" },
    { "partners", NULL, "let partners in (the Dataspace Protocol and nothing else), at a port of their own; with the others: for that listener" },
    { "plain", NULL, "with --partners: HTTP at a loopback address, for a reverse proxy that speaks HTTPS" },
    { "url", "URL", "with --partners: how they reach it, when that is not https://NAME:PORT" },
    { "port", "PORT", "with --lan or --partners: another one than 8443 or 8444" },
    { "address", "ADDRESS", "with them: only at this address of the machine, or all" },
    { "new-ca", NULL, "with them: make a new CA, to be installed on the PCs again" },
    { "off", NULL, "this machine only" },
    { "ca", "FILE", "write the node's CA certificate, to be installed on the PCs; - prints it" },
    { "csr", "FILE", "write a request for the CA of the company" },
    { "certificate", "FILE", "take what that CA has signed, with the certificates between" },
    { "key", "FILE", "with --certificate: its key, when it was not asked for with --csr" },
    { "own", NULL, "back to a certificate by the node's own CA" },
    { 0 },
};
static const struct kp_flag partner_flags[] = {
    { "card", "FILE", "with add: the card he has sent; - reads it" },
    { "id", "ID", "with add: what he is called in the protocol; with card: what this node is called from now on" },
    { "url", "URL", "with add: where he is reached" },
    { "token", "FILE", "with add: a token that both of you know, instead of his key; - asks for it" },
    { "ca", "FILE", "with add: the CA that vouches for his web server" },
    { "name", "NAME", "with add URL: what you call him (default: the host)" },
    { "fingerprint", "F", "with add: trust when this is what his card's fingerprint reads, and else do not" },
    { "yes", NULL, "with add URL: trust without a question, for a network that nobody else is in" },
    { 0 },
};
static const struct kp_flag offer_flags[] = {
    { "to", "PARTNER", "for him alone (default: for every partner)" },
    { "until", "DATE", "with PATH: until when it may be had" },
    { "from", "DATE", "with PATH: from when on" },
    { "every", "STEP", "with PATH: not each value but one of each step, such as 1m; with --fn" },
    { "fn", "LIST", "with PATH: of each step min, mean, max, last, count; such as mean,max" },
    { "delay", "TIME", "with PATH: only what is older than this, such as 1h" },
    { "purpose", "TEXT", "with PATH: what for; more than once" },
    { "count", "N", "with PATH: at most so many transfers" },
    { "distribute", NULL, "with PATH: he may hand it on" },
    { "capacity", NULL, "with PATH: not signals, but the free hours of these machines" },
    { "weeks", "N", "with --capacity: of so many weeks (default: 8)" },
    { "figures", NULL, "with PATH: not signals, but OEE and what it is made of" },
    { "by", "STEP", "with --figures: of each shift or day (default: day)" },
    { "name", "DATASET", "with PATH: what the dataset is called (default: the last name of the first path)" },
    { "dry-run", NULL, "with PATH: only say what would be offered and what it reveals" },
    { "utc", NULL, "with PATH: dates are meant as UTC" },
    { "signals", "PATTERN", "with add: what is in the dataset; more than once" },
    { "policy", "FILE", "with add: the terms, ODRL in JSON (default: to use)" },
    { "description", "TEXT", "for your own list" },
    { "id", "ID", "what the offer is called (default: made up)" },
    { "by-hand", NULL, "nothing is agreed to without a person" },
    { 0 },
};
static const struct kp_flag negotiate_flags[] = {
    { "policy", "FILE", "the terms to ask for, or with counter to offer; ODRL in JSON" },
    { "by-hand", NULL, "go on only when a person says so" },
    { "as-provider", NULL, "begin with an offer of this node's own" },
    { "reason", "TEXT", "with terminate: why" },
    { "wait", NULL, "until it is over, at most a minute" },
    { 0 },
};
static const struct kp_flag agreements_flags[] = { { "reason", "TEXT", "with end: why" }, { 0 } };
static const struct kp_flag pull_flags[] = {
    { "from", "TIME", "of source times; without it all that was agreed" },
    { "to", "TIME", "up to, but without" },
    { "jsonl", NULL, "JSON lines" },
    { "csv", NULL, "CSV, without intervals" },
    { "output", "FILE", "into a file, which is there when it is whole" },
    { "follow", NULL, "then what is new as it comes, as JSON lines" },
    { "host", "NAME", "another server than the partner's own that may have the data" },
    { 0 },
};
static const struct kp_flag transfers_flags[] = {
    { "address", "FILE", "with start: where the data is when it is not here, a dataAddress in JSON" },
    { "push", NULL, "with AGREEMENT: he sends it to this node" },
    { "reason", "TEXT", "with suspend or terminate: why" },
    { 0 },
};
static const struct kp_flag mcp_flags[] = {
    { "url", "URL", "a node elsewhere, https://node.plant.example:8443; without, the one in the folder" },
    { "token", "FILE", "ask with the rights of this token (koppel token add); needed with --url" },
    { "ca", "FILE", "with --url: the CA that vouches for the node (koppel listen --ca)" },
    { "recipient", "WHO", "with set: what assistants are: off, cloud (another company runs them) or inside" },
    { "open", "TOOL", "with set: let them use this tool, which writes; more than once" },
    { "close", "TOOL", "with set: no more" },
    { 0 },
};
static const struct kp_flag oidc_flags[] = {
    { "issuer", "URL", "with set: the address of the identity provider, as it calls itself" },
    { "client-id", "ID", "with set: what it calls this node" },
    { "secret", "FILE", "with set: the secret it gave, from a file, - asks for it" },
    { "name", "TEXT", "with set: what the console calls it" },
    { "claim", "CLAIM", "with set: who somebody is: email (of a user here; so it is), preferred_username or sub" },
    { "role", "CLAIM=VALUE:ROLE", "with set: who is no user here enters with this role, 'groups=maintenance:operator'; may be repeated" },
    { 0 },
};
static const struct kp_flag audit_flags[] = {
    { "from", "TIME", "-1h, -2d, 14:30, 2026-11-24T08:00:00Z (all)" },
    { "to", "TIME", "(default now)" },
    { "user", "NAME", "only what this one did" },
    { "action", "WORD", "only actions that begin so: login, 'PATCH /users'" },
    { "limit", "N", "with list: the newest so many (50)" },
    { "after", "NUMBER", "with list: older than this one; with export: newer" },
    { "jsonl", NULL, "with export: one JSON object per line (so it is)" },
    { "syslog", NULL, "with export: lines of RFC 5424, as collectors of syslog take them" },
    { "partner", "NAME", "what this partner has of us, by agreement; with --from; '*' for every one" },
    { "csv", NULL, "with --partner: as CSV" },
    { "utc", NULL, "times in UTC" },
    { 0 },
};
static const struct kp_flag profile_flags[] = { { "profile", "NAME", "with try: this one instead of the one in force" }, { 0 } };
static const struct kp_flag uncouple_flags[] = { { "forget", NULL, "remove its signals too" }, { 0 } };
static const struct kp_flag trust_flags[] = { { "fingerprint", "F", "this one of several" },
                                              { "yes", NULL, "do not ask" },
                                              { 0 } };
static const struct kp_flag history_flags[] = {
    { "from", "TIME", "-1h, -2d, 14:30, 2026-11-24T08:00:00Z (default -1h)" },
    { "to", "TIME", "(default now)" },
    { "every", "TIME", "one row per step instead of every point" },
    { "fn", "LIST", "with --every: of n,bad,min,mean,max,first,last,timeMean,goodShare,badShare (default min,mean,max)" },
    { "limit", "N", "at most that many points of each signal (default 10000; all with --csv and --json)" },
    { "csv", NULL, "comma-separated; every point, also of all signals below a path or matching a pattern" },
    { "jsonl", NULL, "the same as one JSON object per line" },
    { "plot", NULL, "draw it" },
    { "utc", NULL, "times in UTC" },
    { 0 },
};
static const struct kp_flag forecast_flags[] = {
    { "for", "TIME", "how far ahead: 5m to 14d (default 1d)" },
    { "every", "TIME", "in steps of this length, a part of a day from 5m to 6h" },
    { "plot", NULL, "draw it, behind as much of what was" },
    { "csv", NULL, "comma-separated" },
    { "utc", NULL, "times in UTC" },
    { 0 },
};
static const struct kp_flag intervals_flags[] = {
    { "kind", "KIND", "state, job, program, part, stop, shift, batch, alarm or gap (all; with --sum state)" },
    { "from", "TIME", "-1h, -2d, 14:30, 2026-11-24T08:00:00Z (default -24h)" },
    { "to", "TIME", "(default now)" },
    { "sum", NULL, "how long each value lasted" },
    { "every", "TIME", "with --sum: in steps of this length" },
    { "by", "shift|day|week|month", "with --sum: per shift, or in steps of the clock on the wall" },
    { "attribute", "NAME", "with --sum: whose values (of a state: state, of a stop: reason, else name)" },
    { "plot", NULL, "with --sum: draw it" },
    { "csv", NULL, "comma-separated" },
    { "utc", NULL, "times in UTC" },
    { "add", NULL, "make one of --kind, from --from (now) to --to (open)" },
    { "set", "NAME=VALUE", "with --add: an attribute" },
    { "label", "LABEL", "with --add: public, partner, internal, secret or inherit" },
    { "close", "NUMBER", "end an open one, at --to (now)" },
    { "remove", "NUMBER", "remove one" },
    { 0 },
};
static const struct kp_flag sql_flags[] = { { "csv", NULL, "comma-separated" }, { "limit", "N", "at most that many rows (default 1000)" }, { 0 } };
static const struct kp_flag apply_flags[] = { { "dry-run", NULL, "print the plan, change nothing" },
                                              { "prune", NULL, "delete what the file does not name, of the kinds it has" },
                                              { 0 } };
static const struct kp_flag help_flags[] = { { "man", NULL, "the manual page, as roff" }, { 0 } };
static const struct kp_flag follow_flags[] = {
    { "once", NULL, "end when everything there is has been written" },
    { 0 },
};
static const struct kp_flag consumers_flags[] = {
    { "remove", "NAME", "keep nothing for this one any more" },
    { 0 },
};
static const struct kp_flag retain_flags[] = {
    { "for", "TIME", "how long points are kept: 90d, 2y, ever" },
    { "rollups", "TIME", "how long minutes and hours of them are kept (default: ever)" },
    { "size", "SIZE", "at most that much of these signals, 20GB; the oldest points go first" },
    { "first", NULL, "before the other rules: the first that matches counts" },
    { "drop", NULL, "remove this rule" },
    { "disk", "SIZE", "what the whole file may use, or none" },
    { "intervals", "TIME", "how long closed states, stops, shifts ... are kept, or ever" },
    { "removed", "TIME", "how long points of signals no longer in the model are kept, or ever" },
    { "dry-run", NULL, "say what would go, change nothing" },
    { "yes", NULL, "do not ask" },
    { 0 },
};
static const struct kp_flag backup_flags[] = {
    { "to", "DIR", "make one every day, in this folder" },
    { "daily", "HH:MM", "at this time (02:00)" },
    { "keep", "N", "that many (14)" },
    { "encrypt", NULL, "with a passphrase, which is asked for; the copy then holds node.key too" },
    { "passphrase-file", "FILE", "the passphrase from a file" },
    { "no-encrypt", NULL, "no longer" },
    { "limit-rate", "SIZE", "no more than that a second, as 20MB; or half: of what the disk gives, as at first" },
    { "now", NULL, "make one now" },
    { "prove", NULL, "restore the newest into a scratch folder and check it, as is done every week" },
    { "off", NULL, "no more; the copies made stay" },
    { 0 },
};
static const struct kp_flag restore_flags[] = {
    { "passphrase-file", "FILE", "the passphrase from a file, - asks for it" },
    { "key", "FILE", "the node.key of a copy that is not encrypted" },
    { "new-key", NULL, "make one: stored passwords and certificates are forgotten" },
    { 0 },
};
static const struct kp_flag usage_flags[] = { { "limit", "N", "that many signals (default 20)" }, { 0 } };
static const struct kp_flag import_flags[] = {
    { "at", "PATH", "below this asset" },
    { "format", "csv|lines", "CSV, or the line protocol of InfluxDB (files called .lp)" },
    { "column", "NAME", "CSV: the column of the times" },
    { "path", "FORM", "lines: how paths are made, '{measurement}/{tags}/{field}'" },
    { "precision", "UNIT", "ns, us, ms or s, of times written as numbers" },
    { "local", NULL, "CSV: times without a zone are of the clock on the wall" },
    { "dry-run", NULL, "only check it" },
    { 0 },
};
static const struct kp_flag quarantine_flags[] = {
    { "coupling", "NAME", "only of this coupling" },
    { "from", "TIME", "only received at this time or later" },
    { "limit", "N", "that many (100)" },
    { "release", "source|receive", "put them into the history, with their own time or the time they were received" },
    { "drop", NULL, "delete them" },
    { "utc", NULL, "--from is in UTC" },
    { "yes", NULL, "do not ask" },
    { 0 },
};
static const struct kp_flag alarms_flags[] = {
    { "state", "STATE", "open (active or not acknowledged), active, unacknowledged, shelved, suppressed or all (open)" },
    { "from", "TIME", "only those that lasted until then or later" },
    { "to", "TIME", "only those that began before" },
    { "limit", "N", "at most that many (1000)" },
    { "comment", "TEXT", "with ack: what was found" },
    { "for", "TIME", "with shelve: 30m, 8h; it ends by itself" },
    { "reason", "TEXT", "with shelve: why" },
    { "set", "KEY=VALUE", "with rule: kind, match, high, low, hysteresis, delay, offDelay, priority, text, enabled, outOfService" },
    { "new", NULL, "with rule: make it" },
    { "remove", NULL, "with rule: remove it; its alarms end" },
    { 0 },
};
static const struct kp_flag flex_flags[] = {
    { "from", "TIME", "from when on (-24h)" },
    { "to", "TIME", "until when (now)" },
    { "every", "shift|day|week", "a line for each" },
    { "cycles", NULL, "how long a part should take, and who says so" },
    { "reason", "REASON", "those of this reason; none: the unexplained" },
    { "sum", NULL, "how much time each reason cost" },
    { "limit", "N", "at most that many" },
    { "state", "STATE", "with reason: what the machine truly did, what it said is kept; with orders: active, open, started, finished, cancelled, late, all" },
    { "comment", "TEXT", "more about it" },
    { "good", "N", "how many are good; with parts a negative number takes back, with orders interrupt and finish it is counted by hand" },
    { "scrap", "N", "how many are not" },
    { "program", "NAME", "of which program (the one that ran)" },
    { "at", "TIME", "with parts: when they were ready; with orders: when it was (now); with report: the one that was last due then" },
    { "asset", "PATH", "those at these machines; with orders start: at which" },
    { "direction", "in|out", "to be made here, or placed with a supplier" },
    { "sender", "NAME", "of this one" },
    { "find", "TEXT", "a text in number, customer, item or description" },
    { "replace", NULL, "with take: what is there with other content" },
    { "promised", "DATE", "with confirm: when it will be ready" },
    { "file", "FILE", "take this document (JSON)" },
    { "folder", "NAME", "of this one" },
    { "dutch", NULL, "faults in Dutch" },
    { "weeks", "N", "for how many (8)" },
    { "group", NULL, "groups of machines instead" },
    { "month", "YYYY-MM", "with report month: which one (the last)" },
    { "language", "nl|en", "instead of that of the settings" },
    { "html", "FILE", "into this file, for a browser" },
    { "pdf", "FILE", "into this file, to print or to send on" },
    { "send", NULL, "by mail, to the addresses in the settings" },
    { 0 },
};
static const struct kp_word flex_words[] = {
    { "oee", "[PATH...]", "from to every cycles", "key figures after ISO 22400-2", "koppel flex oee 'hall/**' --from -7d --every shift" },
    { "stops", "[PATH...]", "from to reason sum limit", "planned time in which machines did not run: the unexplained first, then the longest", "koppel flex stops 'hall/**' --from -30d --sum" },
    { "reason", "NUMBER [REASON]", "state comment", "say why a machine stood, or what it truly did; \"\" takes back", "koppel flex reason 4711 \"no material\" --comment \"pallet late\"" },
    { "parts", "PATH", "comment good scrap program at", "count by hand", "koppel flex parts hall/press --good 120 --scrap 3" },
    { "energy", "[PATH...]", "from to every", "energy, what a part takes, and what it costs to stand still", "koppel flex energy 'hall/**' --from -30d --every week" },
    { "calendar", "[PATH]", "from to file", "shifts, days off, maintenance; of a machine, the planned time that follows", "koppel flex calendar --file calendar.json" },
    { "settings", "", "file", "reasons, cycles, counters, the price of energy", "koppel flex settings --json" },
    { "capacity", "[PATH...]", "weeks group", "free time, week by week", "koppel flex capacity --weeks 8 --group" },
    { "orders", "[list | show ID | take FILE | cancel ID | confirm ID accepted|changed|rejected | start, interrupt, finish OPERATION | bookings]", "from to limit state comment good scrap at asset direction sender find replace promised",
      "work orders, what is done at them, bookings", "koppel flex orders finish 12 --good 10 --scrap 1" },
    { "folders", "[list | log | check FILE... | acknowledge NUMBER]", "file folder dutch", "folders in which orders come as files, and what became of the files",
      "koppel flex folders check week49.csv --folder isah" },
    { "report", "[shift | month] [PATTERN...]", "at month language html pdf send", "the shift report, or that of a month", "koppel flex report month --month 2026-10 --pdf october.pdf" },
    { "check", "FILE...", "", "whether UBL documents are as they should be", "koppel flex check out/*.xml" },
    { 0 },
};
static const struct kp_flag csaf_flags[] = {
    { "only", "mandatory", "with check: neither warnings nor hints" },
    { "all", NULL, "with check: every place" },
    { 0 },
};
static const struct kp_flag watch_flags[] = {
    { "kind", "KIND", "with add: signal (each by itself; so it is), group (do they still go together) or machine (its cycles)" },
    { "learn", "N", "of so many values it learns what is usual (1000)" },
    { "pace", "TIME", "of a group: time from row to row (1s)" },
    { "shape", NULL, "of a signal: also how it runs over time; costs 270 KB a signal" },
    { "states", "LIST", "states of the machine in which it judges: running,setup or all (running)" },
    { "context", "none|program", "program: what is usual is kept for each program, and its first run is not judged (none)" },
    { "channels", "LIST", "of a machine: signals below it, the load first (those of role load, then power)" },
    { "cycles", "program|part|count", "of a machine: what its cycles are: intervals of kind program or part, or each step of its counter of parts (program)" },
    { "priority", "PRIORITY", "of its alarms: low, medium, high, urgent (medium)" },
    { "on", NULL, "with set: judge again" },
    { "off", NULL, "with set: judge no more, keep what was learnt" },
    { "state", "STATE", "with posts: learning, active, frozen, stale, or alarm: with anything found" },
    { "comment", "TEXT", "with feedback: why" },
    { "from", "TIME", "with replay of history: learn from the first values from then on (-30d)" },
    { "to", "TIME", "with replay of history: up to then (now)" },
    { "train", "N", "with replay: how many rows it learns from" },
    { "out", "FILE", "with replay: where index,score,alarm go, - for stdout" },
    { "time", "COLUMN", "with replay: which column says when" },
    { "sep", "C", "with replay: what stands between cells; else it is found out" },
    { "without", "COLUMN,...", "with replay: columns to leave out" },
    { "plain", NULL, "with replay: one signal without the shape of its stretches, which costs much" },
    { 0 },
};
static const struct kp_word watch_words[] = {
    { "add", "NAME PATTERN[,PATTERN...]", "kind learn pace shape states context channels cycles priority", "watch these signals, or machines", "koppel watch add press 'hall/press/**'" },
    { "set", "NAME [PATTERN[,PATTERN...]]", "learn pace shape states context channels cycles priority on off", "change a watch", "koppel watch set press --priority high" },
    { "list", "", "", "all watches and how they are", "koppel watch list" },
    { "posts", "[NAME]", "state", "what they look at: each signal, group or machine", "koppel watch posts press --state alarm" },
    { "why", "NUMBER|PATH", "", "why it says what it says, or nothing", "koppel watch why hall/press/pressure" },
    { "score", "NUMBER|PATH", "", "the course of its score in the last day", "koppel watch score hall/press/pressure" },
    { "feedback", "NUMBER|PATH normal|fault", "comment", "say whether it is right: normal is learnt, a fault is one whenever it comes back", "koppel watch feedback hall/press/pressure normal --comment 'new steel'" },
    { "remove", "NAME", "", "watch no more; what was learnt is forgotten", "koppel watch remove press" },
    { "replay", "FILE.csv | PATTERN[,PATTERN...]", "train out time sep without plain from to kind learn pace shape states context channels cycles",
      "what a watch would have said: of a file (with --train and --out), one signal by itself, several as a group; of the node's history",
      "koppel watch replay press.csv --train 500 --out said.csv --time when" },
    { 0 },
};
static const struct kp_flag stix_flags[] = {
    { "pattern", "PATTERN", "what to look for" },
    { "observations", "FILE", "in which bundles of observed-data, - for stdin" },
    { "collection", "NAME", "with import: where they go in too" },
    { "type", "TYPE", "with list: of this type" },
    { "find", "TEXT", "with list: with this text in it" },
    { "limit", "N", "with list: that many (100)" },
    { 0 },
};
static const struct kp_word stix_words[] = {
    { "import", "FILE...", "collection", "take bundles of threat information", "koppel stix import ics-attack.json" },
    { "list", "", "type find limit", "objects that are here, the newest first", "koppel stix list --type indicator" },
    { "show", "ID", "", "one of them, all versions", "koppel stix show indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f" },
    { "remove", "ID", "", "forget one", "koppel stix remove indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f" },
    { "match", "", "pattern observations", "whether a pattern matches what was observed: 0 yes, 1 no, 2 one of them is in error",
      "koppel stix match --pattern \"[ipv4-addr:value ISSUBSET '203.0.113.0/24']\" --observations seen.json" },
    { "match-batch", "FILE", "", "the same for a list of patterns, in JSON", "koppel stix match-batch patterns.json" },
    { "check-pattern", "PATTERN...", "", "whether patterns are as the standard wants them",
      "koppel stix check-pattern \"[url:value LIKE '%.example.org/%'] REPEATS 3 TIMES WITHIN 60 SECONDS\"" },
    { 0 },
};
static const struct kp_flag inventory_flags[] = {
    { "of", "DEVICE", "with import: the device that a bill of materials (CycloneDX) is of" },
    { "for", "DURATION", "with expect: how long (default: 8h)" },
    { 0 },
};
static const struct kp_word inventory_words[] = {
    { "list", "", "", "all devices", "koppel inventory" },
    { "show", "DEVICE", "", "a device and what its firmware was", "koppel inventory show hall/press" },
    { "set", "NAME KEY=VALUE...", "", "fields by hand, of a device that is known or new; \"\" gives one back to the machine", "koppel inventory set hall/press firmware=V2.9.4 weight=high" },
    { "import", "FILE", "of", "a list (CSV) or a bill of materials (CycloneDX)", "koppel inventory import devices.csv" },
    { "remove", "DEVICE", "", "forget a device and its findings", "koppel inventory remove old/drive" },
    { "expect", "DEVICE [VERSION]", "for", "its firmware will change, so that is no alarm", "koppel inventory expect hall/press V2.9.7 --for 4h" },
    { "confirm", "DEVICE", "", "a change nobody announced was right", "koppel inventory confirm hall/press" },
    { "aliases", "[FILE]", "", "makers' other names, lines such as 'Old Cogs = Cogs'", "koppel inventory aliases makers.txt" },
    { 0 },
};
static const struct kp_flag advisories_flags[] = {
    { "all", NULL, "with list: what is closed too" },
    { "comment", "TEXT", "with answer: why" },
    { 0 },
};
static const struct kp_word advisories_words[] = {
    { "list", "", "all", "findings, the most urgent first", "koppel advisories" },
    { "import", "FILE|DIR...", "", "take advisories (CSAF 2.0), or what feeds say of vulnerabilities (EPSS, KEV)", "koppel advisories import /media/usb/csaf" },
    { "show", "ADVISORY", "", "an advisory, which devices it is about and why, and what to do", "koppel advisories show ICSA-24-046-01" },
    { "answer", "ADVISORY DEVICE ANSWER", "comment", "affected, not_affected, in_progress, accepted, done, or open to take back; it is remembered", "koppel advisories answer ICSA-24-046-01 hall/press not_affected" },
    { 0 },
};
static const struct kp_flag feed_flags[] = {
    { "kind", "KIND", "with add: what the server speaks: taxii, misp, misp-server, csaf, epss, kev (taxii)" },
    { "every", "TIME", "how often it is pulled (1h)" },
    { "set", "KEY=VALUE", "a setting of its kind; an empty value takes it away" },
    { "trust", "FINGERPRINT", "of advisories: a key whose signatures count (more than one: again)" },
    { "unsigned", NULL, "of advisories: no key counts, digests alone" },
    { "provider", "NAME", "of advisories, where the URL is a list of providers (aggregator.json): whose" },
    { "user", "NAME", "whom the password is of; of a collection, who: this user with the role member" },
    { "password-file", "FILE", "a file with the password, - asks for it" },
    { "token-file", "FILE", "a file with a token, - asks for it" },
    { "ca", "FILE", "who vouches for the server, PEM (default: whom the system trusts)" },
    { "certificate", "FILE", "this node's certificate for it, PEM" },
    { "key", "FILE", "and its private key, PEM" },
    { "title", "TEXT", "of a collection: what it is called" },
    { "description", "TEXT", "of a collection" },
    { "tlp", "LEVEL", "of a collection: clear, green or amber (amber); nothing above goes out of it" },
    { "root", "NAME", "of a new collection: the API root it is below (api)" },
    { "token", "NAME", "who: whoever has this token" },
    { "partner", "NAME", "who: this partner" },
    { "everyone", NULL, "who: every token, partner and member there is" },
    { "write", NULL, "with allow: may write too" },
    { "write-only", NULL, "with allow: may write, not read" },
    { "amber", NULL, "with allow: may have TLP:AMBER, for it needs to know" },
    { "on", NULL, "with set: pull it" },
    { "off", NULL, "with set: pull it no more" },
    { 0 },
};
static const struct kp_word feed_words[] = {
    { "list", "", "", "all feeds and how they are", "koppel feed list" },
    { "show", "NAME", "", "one of them", "koppel feed show centre" },
    { "add", "NAME URL", "kind trust unsigned provider every set user password-file token-file ca certificate key", "bring from this server, again and again", "koppel feed add centre https://centre.example/taxii2/ --user acme --password-file -" },
    { "set", "NAME [URL]", "every set user password-file token-file ca certificate key on off", "change it", "koppel feed set centre --every 4h" },
    { "pull", "NAME", "", "bring what is new now, and wait for it", "koppel feed pull centre" },
    { "documents", "NAME", "", "of a feed of advisories: those that were refused, or are not valid", "koppel feed documents vendor" },
    { "import", "DIR [NAME]", "trust unsigned", "advisories of a provider from a folder, with their digests and signatures", "koppel feed import /media/usb/csaf vendor" },
    { "remove", "NAME", "", "bring no more; what came stays", "koppel feed remove centre" },
    { "collection", "[list | add NAME | set NAME | allow NAME | forbid NAME | put NAME ID... | remove NAME]", "title description tlp root token user partner everyone write write-only amber",
      "what this node shares over TAXII, and with whom", "koppel feed collection allow sightings --token acme --write --amber" },
    { 0 },
};
static const struct kp_flag sightings_flags[] = {
    { "to", "FEED", "with add, send: post it to the collection this feed names (koppel feed set FEED --set post=COLLECTION)" },
    { "count", "N", "with add: how often (1)" },
    { "first", "TIME", "with add: when first, as RFC 3339 (when last)" },
    { "last", "TIME", "with add: when last (now)" },
    { "comment", "TEXT", "with add: what others should know" },
    { "observed", "TYPE=VALUE", "with add: ipv4-addr, ipv6-addr, domain-name or url that was met" },
    { "tlp", "LEVEL", "with add: how far it may go (amber); never further than what was seen" },
    { "named", NULL, "with add: it may name this node and what is in it" },
    { 0 },
};
static const struct kp_word sightings_words[] = {
    { "list", "", "", "what was seen, and what became of it", "koppel sightings" },
    { "add", "ID", "to count first last comment observed tlp named", "say that this object was seen here", "koppel sightings add indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f --to centre --count 3" },
    { "send", "NUMBER", "to", "let one go out that was prepared or stays here", "koppel sightings send 4 --to centre" },
    { "remove", "NUMBER", "", "take back one that has not gone out", "koppel sightings remove 4" },
    { 0 },
};
static const struct kp_flag observations_flags[] = {
    { "kind", "KIND", "with list: login, login-failed, refused, connection, coupling, certificate, device, firmware, change, partner, flow, alert, dns, tls, http, file, log or outgoing" },
    { "address", "ADDRESS", "with list: from or to this address" },
    { "limit", "N", "with list: how many at most (100)" },
    { "stix", NULL, "with list --json: as objects of STIX too" },
    { "open", NULL, "with hits: those with an alarm that is not over" },
    { "comment", "TEXT", "with ignore, mind: why" },
    { "watch", "true|false", "with set: whether what is seen is held against indicators" },
    { "sightings", "ask|send|off", "with set: prepared for you, sent at once, or none (ask)" },
    { "feed", "FEED", "with set: where sightings go; - = to the feed that brought the indicator" },
    { "eve", "PATH", "with set: a file or folder of EVE JSON lines (Suricata) or Zeek's JSON logs to read along; - = none" },
    { "syslog-file", "PATH", "with set: a log file to read along; - = none" },
    { "syslog", "ADDRESS:PORT", "with set: take syslog there, by UDP and TCP; - = do not" },
    { 0 },
};
static const struct kp_word observations_words[] = {
    { "list", "", "kind address limit stix", "the newest, and what is watched", "koppel observations list --kind login-failed" },
    { "hits", "", "open", "indicators that were met, and by what", "koppel observations hits" },
    { "ignore", "NUMBER", "comment", "no alarm and no sighting of this hit any more", "koppel observations ignore 7 --comment 'our own scanner'" },
    { "mind", "NUMBER", "comment", "alarms of it again", "koppel observations mind 7" },
    { "set", "", "watch sightings feed eve syslog-file syslog", "what becomes of hits, and what other programs tell; alone: as it is",
      "koppel observations set --sightings send --eve /var/log/suricata/eve.json" },
    { 0 },
};
static const struct kp_flag incident_flags[] = {
    { "all", NULL, "with list: closed ones, too" },
    { "alarm", "NUMBER", "with new, set: an alarm it is made from (more than one: again)" },
    { "device", "NUMBER", "with new, set: a device that is hit, by its number in the inventory (more than one: again)" },
    { "at", "TIME", "with note, sent: when it was done (now)" },
    { "reference", "TEXT", "with sent: the number that the authority gave" },
    { "html", "FILE", "with export: as a page" },
    { "pdf", "FILE", "with export: as PDF" },
    { "language", "en|nl", "with export (en)" },
    { 0 },
};
static const struct kp_word incident_words[] = {
    { "list", "", "all", "incidents that are not closed, the newest first", "koppel incident" },
    { "new", "[TITLE] [KEY=VALUE...]", "alarm device", "begin a record, by hand or from alarms; keys as in set", "koppel incident new --alarm 4711 category=intrusion" },
    { "show", "NUMBER", "", "a record, its clocks and its log", "koppel incident show 3" },
    { "set", "NUMBER KEY=VALUE...", "alarm device", "title what impact cause measures indicators contact states category severity status significant product malicious crossBorder aware began fixed", "koppel incident set 3 severity=high significant=yes aware=-2h" },
    { "note", "NUMBER TEXT", "at", "what was done; it is never changed", "koppel incident note 3 'pulled the cable of press 4' --at 14:30" },
    { "close", "NUMBER", "", "it is over", "koppel incident close 3" },
    { "sent", "NUMBER STAGE", "at reference", "say that a report was sent: nis2-warning nis2-notification nis2-progress nis2-final cra-warning cra-notification cra-final voluntary", "koppel incident sent 3 nis2-warning --reference NCSC-2026-1234" },
    { "export", "NUMBER [STAGE]", "html pdf language", "the record, or a report filled in, as a file", "koppel incident export 3 nis2-notification --pdf melding.pdf --language nl" },
    { "scope", "[KEY=VALUE...]", "", "five questions, and which laws set clocks", "koppel incident scope sector=machinery size=medium named=false supplier=true products=true" },
    { 0 },
};
static const struct kp_flag report_flags[] = {
    { "html", "FILE", "with evidence: as a page" },
    { "pdf", "FILE", "with evidence: as PDF" },
    { "language", "en|nl", "with evidence, and of the mail (en)" },
    { "on", NULL, "with mail: at most one a day, and none when nothing is new" },
    { "off", NULL, "with mail: none" },
    { "at", "HH:MM", "with mail: when, on the clock on the wall (07:00)" },
    { "to", "ADDRESS", "with mail: to whom (more than one: again); \"\" = everybody of the plan of delivery who is reached by mail" },
    { "send", NULL, "with mail: now" },
    { 0 },
};
static const struct kp_word report_words[] = {
    { "evidence", "", "html pdf language", "devices, open findings, backups, access, what is shared: for a customer who asks", "koppel report evidence --pdf evidence.pdf --language nl" },
    { "mail", "", "on off at to language send", "the daily mail about what concerns us now", "koppel report mail --at 06:30 --language nl" },
    { 0 },
};
static const struct kp_flag shield_flags[] = {
    { "inventory", "FILE", "a CSV file of devices: id, manufacturer, product, order_number, firmware" },
    { "advisories", "DIR", "a folder of advisories (CSAF 2.0)" },
    { 0 },
};
static const struct kp_flag check_flags[] = {
    { "repair", "OUT", "of a damaged data file: write a sound copy of all that can be read" },
    { 0 },
};
static const struct kp_flag no_flags[] = { { 0 } };

const struct kp_verb kp_verbs[] = {
    { "init", "DIR", "make a node", "koppel init ~/factory --name eindhoven", kp_verb_init, init_flags, 1, 1, NULL },
    { "run", "[DIR]", "run it in the foreground", "koppel run ~/factory", kp_verb_run, run_flags, 0, 1, NULL },
    { "status", "", "how the node is", "koppel status --url", kp_verb_status, status_flags, 0, 0, NULL },
    { "ls", "[PATH|PATTERN]", "assets and signals", "koppel ls 'eindhoven/**/temperature'", kp_verb_ls, ls_flags, 0, 1, NULL },
    { "get", "PATH...", "all about assets and signals", "koppel get eindhoven/dmu50", kp_verb_get, no_flags, 1, -1, NULL },
    { "tail", "[PATTERN...]", "every change, live", "koppel tail eindhoven/milling", kp_verb_tail, tail_flags, 0, -1, NULL },
    { "set", "PATH [VALUE]", "write a value, or change what is known of a thing",
      "koppel set hall/mill --path hall2/mill --label partner", kp_verb_set, set_flags, 1, 2, NULL },
    { "machines", "[PATTERN]", "what each machine is doing", "koppel machines eindhoven/milling", kp_verb_machines, no_flags, 0, 1, NULL },
    { "discover", "ADDRESS...", "look for machines at these addresses, 192.0.2.0/24", "koppel discover 192.0.2.10-40 plc7:502",
      kp_verb_discover, discover_flags, 0, -1, NULL },
    { "couple", "URL", "couple a machine", "koppel couple opc.tcp://192.0.2.7:4840 --at eindhoven/dmu50", kp_verb_couple,
      couple_flags, 1, 1, NULL },
    { "couplings", "[NAME [PATTERN]]", "the couplings, or one", "koppel couplings dmu50 --add 'Spindle/**'",
      kp_verb_couplings, couplings_flags, 0, 2, NULL },
    { "profile", "list | show NAME | try COUPLING", "what variables of kinds of machines mean", "koppel profile try dmu50", kp_verb_profile,
      profile_flags, 1, 2, NULL },
    { "uncouple", "NAME", "end a coupling; signals and history stay", "koppel uncouple dmu50", kp_verb_uncouple,
      uncouple_flags, 1, 1, NULL },
    { "trust", "NAME", "trust the certificate a coupling met", "koppel trust dmu50", kp_verb_trust, trust_flags, 1, 1, NULL },
    { "cert", "export FILE | show", "the node's own certificate, for machines to trust", "koppel cert export koppel.der",
      kp_verb_cert, no_flags, 1, 2, NULL },
    { "history", "PATH...", "what was", "koppel history hall/mill/Load --from -8h --plot", kp_verb_history, history_flags, 1,
      -1, NULL },
    { "forecast", "PATH", "what a signal will do next, and how sure that is", "koppel forecast hall/power --for 7d --plot", kp_verb_forecast,
      forecast_flags, 1, 1, NULL },
    { "follow", "NAME", "everything that is stored as JSON lines; goes on where it stopped, misses nothing",
      "koppel follow erp | my-program", kp_verb_follow, follow_flags, 1, 1, NULL },
    { "consumers", "", "the programs that follow, and how far they are", "koppel consumers", kp_verb_consumers,
      consumers_flags, 0, 0, NULL },
    { "intervals", "[PATH...]", "states, stops, shifts, and how long they lasted",
      "koppel intervals hall/mill --sum --by shift --from -7d", kp_verb_intervals, intervals_flags, 0, -1, NULL },
    { "retain", "[PATTERN]", "how long history is kept", "koppel retain '**/vibration' --for 30d --rollups 5y", kp_verb_retain,
      retain_flags, 0, 1, NULL },
    { "usage", "[PATTERN]", "which signals take the room, and when the disk is full", "koppel usage", kp_verb_usage, usage_flags,
      0, 1, NULL },
    { "import", "FILE", "points or intervals of a file, CSV or line protocol, into the history", "koppel import old-scada.csv --at eindhoven/dmu50",
      kp_verb_import, import_flags, 1, 1, NULL },
    { "quarantine", "[SIGNAL]", "samples held because their time cannot be right",
      "koppel quarantine --coupling dmu50 --release receive", kp_verb_quarantine, quarantine_flags, 0, 1, NULL },
    { "alarms", "[list [PATTERN] | ack, shelve, unshelve, suppress, unsuppress NUMBER | rules | rule NAME | delivery [FILE | log] | test CHANNEL]",
      "what is wrong, who has seen to it, and what counts as wrong",
      "koppel alarms rule hot --new --set kind=limit --set 'match=hall/**/temperature' --set high=80 --set delay=10s", kp_verb_alarms,
      alarms_flags, 0, 2, NULL },
    { "token", "[add|remove NAME]", "who may use the API over the network", "koppel token add oven-sensor --write hall/oven", kp_verb_token,
      token_flags, 0, 2, NULL },
    { "user", "[list | add, set, password, disable, enable, remove, totp-reset NAME | role NAME ROLE]", "who may log in by name, and do what",
      "koppel user add anna --role engineer", kp_verb_user, user_flags, 0, 3, NULL },
    { "audit", "[list | verify | export]", "who did what and who was refused, and whether that log is whole",
      "koppel audit list --from -1d --user anna", kp_verb_audit, audit_flags, 0, 1, NULL },
    { "listen", "[NAME...]", "who reaches the node's page: this machine, or others over HTTPS", "koppel listen --lan koppel.plant.example",
      kp_verb_listen, listen_flags, 0, 16, NULL },
    { "partner", "[list | add URL | add, remove NAME | card]", "the companies this node shares data with, and what they have to know of it",
      "koppel partner add https://partners.acme.example:8444 --name acme", kp_verb_partner, partner_flags, 0, 2, NULL },
    { "offer", "[PATH... | list | add DATASET | remove ID]", "what partners may ask for",
      "koppel offer hall/mill/spindle --to acme --until 2027-06-30 --every 1m --fn mean,max", kp_verb_offer, offer_flags, 0, -1, NULL },
    { "catalogue", "PARTNER", "what a partner offers", "koppel catalogue acme", kp_verb_catalogue, no_flags, 1, 1, NULL },
    { "negotiate", "[PARTNER DATASET [OFFER] | NUMBER [counter | accept | agree | verify | finalize | terminate]]",
      "come to an agreement; without arguments the list", "koppel negotiate acme spindles --wait", kp_verb_negotiate, negotiate_flags, 0, 3, NULL },
    { "agreements", "[end ID]", "what was agreed", "koppel agreements", kp_verb_agreements, agreements_flags, 0, 2, NULL },
    { "transfers", "[AGREEMENT | NUMBER [start | suspend | complete | terminate]]", "data under an agreement; without arguments the list",
      "koppel transfers urn:uuid:3f1c6f2a-8c53-4a7e-9d2c-2f0f4f6f4a11", kp_verb_transfers, transfers_flags, 0, 2, NULL },
    { "pull", "AGREEMENT", "the data of an agreement, once, without a coupling",
      "koppel pull urn:uuid:3f1c6f2a-8c53-4a7e-9d2c-2f0f4f6f4a11 --from -2d --output spindles.jsonl", kp_verb_pull, pull_flags, 1, 1, NULL },
    { "mcp", "[show | set]", "lets an AI assistant ask this node (Model Context Protocol); without arguments it speaks that over stdin and stdout",
      "koppel mcp --node ~/factory --token assistant.token", kp_verb_mcp, mcp_flags, 0, 1, NULL },
    { "oidc", "[set | off]", "logging in at the company's identity provider (OpenID Connect)",
      "koppel oidc set --issuer https://login.plant.example --client-id koppel --secret -", kp_verb_oidc, oidc_flags, 0, 1, NULL },
    { "sql", "STATEMENT", "ask the data file",
      "koppel sql \"select count(*) from history where signal = 'hall/mill/Load'\"", kp_verb_sql, sql_flags, 1, 1, NULL },
    { "backup", "[FILE]", "a copy while running, or one every day", "koppel backup --to /mnt/nas/koppel --daily 02:00 --encrypt",
      kp_verb_backup, backup_flags, 0, 1, NULL },
    { "restore", "FILE DIR", "make a node of a copy", "koppel restore /mnt/nas/koppel/eindhoven-20261124T010000Z.koppel ~/factory",
      kp_verb_restore, restore_flags, 2, 2, NULL },
    { "apply", "FILE", "make the node match a file", "koppel apply factory.yaml --dry-run", kp_verb_apply, apply_flags, 1, 1, NULL },
    { "export", "[FILE]", "write that file", "koppel export factory.yaml", kp_verb_export, no_flags, 0, 1, NULL },
    { "flex", "oee | stops | reason | parts | energy | calendar | settings | capacity | orders | folders | report | check ...",
      "the shop floor: key figures, stops, parts, shifts, energy, free time, orders, reports",
      "koppel flex oee 'hall/**' --from -7d --every shift", kp_verb_flex, flex_flags, 1, -1, flex_words },
    { "csaf", "check FILE|DIR... | tests", "whether security advisories (CSAF 2.0) are as the standard wants them",
      "koppel csaf check advisories/", kp_verb_csaf, csaf_flags, 1, -1, NULL },
    { "stix", "[WORD...]", "threat information (STIX 2.1): objects that are here, patterns held against what was observed",
      "koppel stix check-pattern \"[ipv4-addr:value = '203.0.113.7']\"", kp_verb_stix, stix_flags, 1, -1, stix_words },
    { "watch", "add | set | list | posts | why | score | feedback | remove | replay ...", "what finds trouble in signals by itself", "koppel watch add press 'hall/press/**'",
      kp_verb_watch, watch_flags, 0, -1, watch_words },
    { "inventory", "list | show | set | import | remove | expect | confirm | aliases ...", "devices, their firmware and its changes", "koppel inventory import devices.csv",
      kp_verb_inventory, inventory_flags, 0, -1, inventory_words },
    { "advisories", "list | import | show | answer ...", "which devices are affected by what, and what to do", "koppel advisories import csaf/",
      kp_verb_advisories, advisories_flags, 0, -1, advisories_words },
    { "feed", "list | show | add | set | pull | documents | import | remove | collection ...", "where threat information is brought from, and what is shared", "koppel feed pull centre",
      kp_verb_feed, feed_flags, 0, -1, feed_words },
    { "observations", "list | hits | ignore | mind | set ...", "what this node sees of others, held against what others warn of", "koppel observations hits",
      kp_verb_observations, observations_flags, 0, 2, observations_words },
    { "sightings", "list | add | send | remove ...", "what was seen here of what others warn of", "koppel sightings add indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f --to centre",
      kp_verb_sightings, sightings_flags, 0, -1, sightings_words },
    { "incident", "list | new | show | set | note | close | sent | export | scope ...", "what happened, and what has to be reported by when",
      "koppel incident new 'Ransomware in the office' category=ransomware severity=high", kp_verb_incident, incident_flags, 0, -1, incident_words },
    { "report", "evidence | mail", "evidence of security for customers who ask, and the daily mail about it",
      "koppel report evidence --pdf evidence.pdf", kp_verb_report, report_flags, 1, 1, report_words },
    { "shield", "match", "which devices of a list the advisories of a folder are about, without a node",
      "koppel shield match --inventory devices.csv --advisories csaf/", kp_verb_shield, shield_flags, 1, 1, NULL },
    { "check", "FILE", "check an apply file or a data file", "koppel check factory.yaml", kp_verb_check, check_flags, 1, 1, NULL },
    { "rollback", "[DIR]", "go back to the data file before an upgrade", "koppel rollback ~/factory", kp_verb_rollback,
      no_flags, 0, 1, NULL },
    { "help", "[VERB [WORD]]", "this, or all about a verb", "koppel help couple", kp_verb_help, help_flags, 0, 2, NULL },
    { "completion", "bash", "completion for the shell", "source <(koppel completion bash)", kp_verb_completion, no_flags, 1, 1, NULL },
    { 0 },
};
enum { VERBS = sizeof kp_verbs / sizeof *kp_verbs - 1 };

static const struct kp_flag common_flags[] = {
    { "node", "DIR", "the node's folder (default: KOPPEL_NODE, else where you are, else /var/lib/koppel)" },
    { "json", NULL, "output for programs" },
    { "help", NULL, "this" },
    { 0 },
};

/* ---- complaints ---- */
int kp_complain(const struct kp_cli *c, int exit_code, const char *fmt, ...)
{
    va_list ap;
    fprintf(stderr, "koppel: %s%s", c && c->verb ? c->verb->name : "", c && c->verb ? ": " : "");
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    if (exit_code == KP_MISUSE)
        fprintf(stderr, "try: koppel help%s%s\n", c && c->verb ? " " : "", c && c->verb ? c->verb->name : "");
    return exit_code;
}

int kp_fault(const struct kp_cli *c, const struct kp_err *err)
{
    return kp_complain(c, KP_FAILED, "%s", err->text);
}

bool kp_confirm(const struct kp_cli *c, const char *question)
{
    char line[16] = "";
    if (kp_flag(c, "yes"))
        return true;
    if (!isatty(STDIN_FILENO))
        return false;
    printf("%s [y/N] ", question);
    fflush(stdout);
    return fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y' || line[0] == 'j');
}

/* ---- help ---- */
static const struct kp_word *find_word(const struct kp_verb *v, const char *name)
{
    for (const struct kp_word *w = v->words; w && w->name && name; w++)
        if (strcmp(w->name, name) == 0)
            return w;
    return NULL;
}

static bool takes(const struct kp_word *w, const char *flag)
{
    size_t n = strlen(flag);
    for (const char *at = w->flags; *at; at += strcspn(at, " "), at += *at == ' ')
        if (strncmp(at, flag, n) == 0 && (at[n] == ' ' || !at[n]))
            return true;
    return false;
}

static void print_flags(const struct kp_flag *flags, const struct kp_word *of)
{
    for (const struct kp_flag *f = flags; f->name; f++) {
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", f->name, f->value ? " " : "", f->value ? f->value : "");
        if (!of || takes(of, f->name))
            printf("  %-26s %s\n", left, f->help);
    }
}

static int print_word(const struct kp_verb *v, const struct kp_word *w)
{
    printf("koppel %s %s%s%s: %s\n\n", v->name, w->name, *w->arguments ? " " : "", w->arguments, w->summary);
    print_flags(v->flags, w);
    print_flags(common_flags, NULL);
    printf("\nexample: %s\n", w->example);
    return KP_DONE;
}

/* word: what stands behind the verb, or NULL */
static int print_verb(const struct kp_verb *v, const char *word)
{
    const struct kp_word *w = find_word(v, word);
    if (w)
        return print_word(v, w);
    printf("koppel %s%s%s: %s\n\n", v->name, *v->arguments ? " " : "", v->arguments, v->summary);
    for (w = v->words; w && w->name; w++)
        printf("  %-10s %s\n", w->name, w->summary);
    if (v->words)
        printf("\nkoppel %s WORD --help says more of each.\n\n", v->name);
    else
        print_flags(v->flags, NULL);
    print_flags(common_flags, NULL);
    printf("\nexample: %s\n", v->example);
    return KP_DONE;
}

/* A flag that would do nothing is not passed over. */
static int check_words(const struct kp_cli *c)
{
    const struct kp_word *w = find_word(c->verb, c->argc ? c->argv[0] : NULL);
    for (const struct kp_flag *f = c->verb->flags; w && f->name; f++)
        if (kp_flag(c, f->name) && !takes(w, f->name))
            return kp_complain(c, KP_MISUSE, "%s %s takes no --%s; koppel %s %s --help says what it takes", c->verb->name, w->name, f->name,
                               c->verb->name, w->name);
    return KP_DONE;
}

static int print_all(void)
{
    printf("koppel: a factory on the digital production network\n\n");
    for (int i = 0; i < VERBS; i++)
        printf("  %-11s %-20s %s\n", kp_verbs[i].name, kp_verbs[i].arguments, kp_verbs[i].summary);
    printf("\nkoppel help VERB says more.\n");
    return KP_DONE;
}

static void man_text(const char *text)
{
    for (; *text; text++)
        printf(*text == '-' || *text == '\\' ? "\\%c" : "%c", *text);
}

static int print_man(void)
{
    printf(".TH KOPPEL 1\n.SH NAME\nkoppel \\- a factory on the digital production network\n.SH SYNOPSIS\n"
           ".B koppel\n.I VERB\n[arguments]\n.SH VERBS\n");
    for (int i = 0; i < VERBS; i++) {
        printf(".TP\n.B koppel %s\n.I ", kp_verbs[i].name);
        man_text(*kp_verbs[i].arguments ? kp_verbs[i].arguments : " ");
        printf("\n");
        man_text(kp_verbs[i].summary);
        printf("\n.RS\n");
        for (const struct kp_word *w = kp_verbs[i].words; w && w->name; w++) {
            printf(".TP\n.B %s\n", w->name);
            man_text(w->summary);
            printf("\n");
        }
        for (const struct kp_flag *f = kp_verbs[i].flags; f->name; f++) {
            printf(".TP\n.B \\-\\-");
            man_text(f->name);
            printf("%s%s\n", f->value ? " " : "", f->value ? f->value : "");
            man_text(*f->help ? f->help : "\\&");
            printf("\n");
        }
        printf(".PP\nExample:\n.B ");
        man_text(kp_verbs[i].example);
        printf("\n.RE\n");
    }
    printf(".SH EXIT STATUS\n0 done, 1 failed, 2 misuse.\n");
    return KP_DONE;
}

static const struct kp_verb *find_verb(const char *name)
{
    for (int i = 0; i < VERBS; i++)
        if (strcmp(kp_verbs[i].name, name) == 0)
            return &kp_verbs[i];
    return NULL;
}

static int unknown_verb(const char *name)
{
    if (*name == '-')
        return kp_complain(NULL, KP_MISUSE, "'%s' stands before the verb; write koppel VERB %s", name, name);
    const char *names[VERBS + 1] = { 0 };
    for (int i = 0; i < VERBS; i++)
        names[i] = kp_verbs[i].name;
    const char *near = kp_nearest(name, names);
    return kp_complain(NULL, KP_MISUSE, near ? "there is no verb '%s'; did you mean '%s'?" : "there is no verb '%s'", name, near);
}

int kp_verb_help(struct kp_cli *c)
{
    if (kp_flag(c, "man"))
        return print_man();
    if (!c->argc)
        return print_all();
    const struct kp_verb *v = find_verb(c->argv[0]);
    return v ? print_verb(v, c->argc > 1 ? c->argv[1] : NULL) : unknown_verb(c->argv[0]);
}

int kp_verb_completion(struct kp_cli *c)
{
    if (strcmp(c->argv[0], "bash") != 0)
        return kp_complain(c, KP_MISUSE, "only bash is known, not '%s'", c->argv[0]);
    printf("_koppel() {\n    local word=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]}\n    case $COMP_CWORD:$verb in\n    1:*) "
           "COMPREPLY=($(compgen -W \"");
    for (int i = 0; i < VERBS; i++)
        printf("%s%s", i ? " " : "", kp_verbs[i].name);
    printf("\" -- \"$word\")) ;;\n");
    for (int i = 0; i < VERBS; i++) {
        printf("    *:%s) COMPREPLY=($(compgen -f -W \"--node --json --help", kp_verbs[i].name);
        for (const struct kp_flag *f = kp_verbs[i].flags; f->name; f++)
            printf(" --%s", f->name);
        printf("\" -- \"$word\")) ;;\n");
    }
    printf("    esac\n}\ncomplete -F _koppel koppel\n");
    return KP_DONE;
}

/* ---- flags ---- */
const char *kp_flag(const struct kp_cli *c, const char *name)
{
    const char *value = NULL;
    for (size_t i = 0; i < c->n_given; i++)
        if (strcmp(c->given[i].name, name) == 0)
            value = c->given[i].value;
    return value;
}

const char *kp_flag_next(const struct kp_cli *c, const char *name, size_t *i)
{
    while (*i < c->n_given) {
        const struct kp_given *g = &c->given[(*i)++];
        if (strcmp(g->name, name) == 0)
            return g->value;
    }
    return NULL;
}

static size_t add_options(struct option *out, size_t n, const struct kp_flag *flags)
{
    for (; flags->name && n < KP_FLAGS_MAX; flags++)
        out[n++] = (struct option){ flags->name, flags->value ? required_argument : no_argument, NULL, 0 };
    return n;
}

/* `word` without its dashes; cut at '='. */
static int misread(struct kp_cli *c, const struct option *known, char *word)
{
    const char *names[KP_FLAGS_MAX + 1] = { 0 };
    word[strcspn(word, "=")] = 0;
    for (size_t i = 0; known[i].name; i++) {
        names[i] = known[i].name;
        if (strcmp(names[i], word) == 0)
            return kp_complain(c, KP_MISUSE, known[i].has_arg ? "--%s needs a value" : "--%s takes no value", word);
    }
    const char *near = kp_nearest(word, names);
    return kp_complain(c, KP_MISUSE, near ? "unknown option --%s; did you mean --%s?" : "unknown option --%s", word, near);
}

static int misread_letter(struct kp_cli *c, int letter)
{
    if (letter == '.' || (letter >= '0' && letter <= '9'))
        return kp_complain(c, KP_MISUSE, "put -- before what begins with '-' and is no option: koppel %s ... -- -%c...",
                           c->verb->name, letter);
    return kp_complain(c, KP_MISUSE, "unknown option -%c", letter);
}

/* -r and -l of ls, -h; values that begin with '-' ("--from -1h") are values. */
static const char *short_flag(int letter)
{
    return letter == 'r' ? "recursive" : letter == 'l' ? "long" : letter == 'h' ? "help" : NULL;
}

static int read_flags(struct kp_cli *c, int argc, char **argv)
{
    struct option known[KP_FLAGS_MAX + 1] = { 0 };
    add_options(known, add_options(known, 0, c->verb->flags), common_flags);
    opterr = 0;
    for (int index, got; (got = getopt_long(argc, argv, ":rlh", known, &index)) != -1;) {
        const char *name = got == 0 ? known[index].name : short_flag(got);
        bool fits = false;
        for (const struct option *o = known; name && o->name; o++)
            fits |= strcmp(o->name, name) == 0;
        if (!fits && (got == '?' || got == ':') && optopt && strncmp(argv[optind - 1], "--", 2) != 0)
            return misread_letter(c, optopt);
        if (!fits && got != '?' && got != ':')
            return misread_letter(c, got);
        if (!fits)
            return misread(c, known, argv[optind - 1] + strspn(argv[optind - 1], "-"));
        if (c->n_given == KP_GIVEN_MAX)
            return kp_complain(c, KP_MISUSE, "too many options");
        c->given[c->n_given++] = (struct kp_given){ name, optarg ? optarg : "" };
    }
    c->argc = argc - optind;
    c->argv = argv + optind;
    return KP_DONE;
}

/* ---- which node ---- */
static bool holds_node(const char *dir)
{
    char file[1100];
    snprintf(file, sizeof file, "%s/factory.db", dir);
    return access(file, F_OK) == 0;
}

static void find_node(struct kp_cli *c)
{
    const char *given = kp_flag(c, "node") ? kp_flag(c, "node") : getenv("KOPPEL_NODE");
    if (given && *given) {
        snprintf(c->node, sizeof c->node, "%s", given);
        return;
    }
    char dir[900];
    if (getcwd(dir, sizeof dir)) {
        for (char *slash; *dir; *slash = 0) {
            if (holds_node(dir)) {
                snprintf(c->node, sizeof c->node, "%s", dir);
                return;
            }
            slash = strrchr(dir, '/');
        }
    }
    snprintf(c->node, sizeof c->node, "/var/lib/koppel");
}

int kp_cli(int argc, char **argv)
{
    struct kp_cli c = { .terminal = isatty(STDOUT_FILENO) };
    const char *none = getenv("NO_COLOR");
    c.color = c.terminal && !(none && *none);
    if (argc < 2)
        return print_all();
    if (strcmp(argv[1], "--version") == 0) {
        printf("koppel %s\n", KOPPEL_VERSION);
        return KP_DONE;
    }
    c.verb = find_verb(strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ? "help" : argv[1]);
    if (!c.verb)
        return unknown_verb(argv[1]);
    if (read_flags(&c, argc - 1, argv + 1))
        return KP_MISUSE;
    if (kp_flag(&c, "help"))
        return print_verb(c.verb, c.argc ? c.argv[0] : NULL);
    if (check_words(&c))
        return KP_MISUSE;
    if (c.argc < c.verb->least || (c.verb->most >= 0 && c.argc > c.verb->most))
        return kp_complain(&c, KP_MISUSE, "it takes: %s", *c.verb->arguments ? c.verb->arguments : "no arguments");
    c.json = kp_flag(&c, "json");
    find_node(&c);
    int code = c.verb->run(&c);
    if (fflush(stdout) != 0 && code == KP_DONE)
        return kp_complain(&c, KP_FAILED, "the output could not be written");
    return code;
}
