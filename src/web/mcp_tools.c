/* SPDX-License-Identifier: Apache-2.0 */
/* The table of tools: the whole of what an assistant can ask for. */
#include "flex/shop.h"
#include "web/mcp_call.h"
#include "web/routes.h"

#include <stddef.h>

#include "core/ban.h"

#define ARGS static const struct kp_mcp_arg
#define END                                                                                        \
    {                                                                                              \
        .name = NULL                                                                               \
    }
#define FROM(standard_)                                                                            \
    {                                                                                              \
        "from", KP_MCP_TIME,                                                                       \
            .about =                                                                               \
                "-2h, -7d, or RFC 3339 such as 2026-11-24T08:00:00Z; " standard_ " when left out"  \
    }
#define TO                                                                                         \
    {                                                                                              \
        "to", KP_MCP_TIME, .about = "as from; now when left out"                                   \
    }
#define LIMIT(standard_, max_)                                                                     \
    {                                                                                              \
        "limit", KP_MCP_COUNT, .min = 1, .max = (max_), .standard = (standard_),                   \
                               .about = "at most that many"                                        \
    }
#define PATHS                                                                                      \
    {                                                                                              \
        "paths", KP_MCP_PATHS_LIST, true,                                                          \
            .max = KP_MCP_PATHS,                                                                   \
            .about = "signals: paths or patterns, hall/mill/load, hall/**/temperature"             \
    }
#define ASSET                                                                                      \
    {                                                                                              \
        "asset", KP_MCP_PATTERN, .about = "path or pattern of machines; all when left out"         \
    }

static const char *const things[] = { "signals", "assets", "machines", NULL };

ARGS browse_args[] = {
    { "what", KP_MCP_CHOICE, .choices = things, .about = "signals when left out" },
    { "match", KP_MCP_PATTERN,
      .about =
          "path or pattern: hall, hall/*/load, hall/**/temperature; everything when left out" },
    { "after", KP_MCP_TEXT, .about = "the next of the page before" },
    LIMIT(50, 200),
    END,
};
ARGS read_args[] = { PATHS, END };
ARGS history_args[] = {
    PATHS,
    FROM("-1h"),
    TO,
    { "rows", KP_MCP_COUNT, .min = 2, .max = 500, .standard = 30,
      .about = "steps of each signal, at most 2000 together" },
    END,
};
ARGS forecast_args[] = {
    { "path", KP_MCP_TEXT, true, .about = "one signal, hall/power" },
    { "hours", KP_MCP_COUNT, .min = 1, .max = 336, .standard = 24, .about = "how far ahead" },
    { "step", KP_MCP_CHOICE, .choices = kp_mcp_forecast_steps,
      .about = "15m up to 8 hours, else 1h when left out" },
    END,
};
ARGS compare_args[] = {
    PATHS,
    FROM("-1h"),
    TO,
    { "beforeFrom", KP_MCP_TIME,
      .about = "begin of the other period; as long a time right before when left out" },
    { "beforeTo", KP_MCP_TIME, .about = "its end; it is as long as the first when left out" },
    END,
};
ARGS alarms_args[] = {
    { "state", KP_MCP_CHOICE, .choices = kp_alarm_which_words,
      .about = "open when left out: active, or not acknowledged" },
    { "asset", KP_MCP_PATTERN, .about = "path or pattern of assets; all when left out" },
    { "from", KP_MCP_TIME, .about = "those that lasted into this time" },
    { "to", KP_MCP_TIME, .about = "as from" },
    LIMIT(30, 200),
    END,
};
ARGS explain_args[] = {
    { "id", KP_MCP_COUNT, true, .min = 1, .max = INT64_MAX,
      .about = "the alarm's, of list_alarms" },
    END,
};
ARGS acknowledge_args[] = {
    { "id", KP_MCP_COUNT, true, .min = 1, .max = INT64_MAX,
      .about = "the alarm's, of list_alarms" },
    { "comment", KP_MCP_TEXT, true, .about = "what is known or done about it" },
    END,
};
ARGS watches_args[] = {
    { "state", KP_MCP_CHOICE, .choices = kp_post_state_words,
      .about = "alarm: with anything found; all when left out" },
    { "about", KP_MCP_PATTERN, .about = "path or pattern of signals or machines; all when left out" },
    LIMIT(30, 200),
    END,
};
ARGS explain_watch_args[] = {
    { "id", KP_MCP_COUNT, true, .min = 1, .max = INT64_MAX,
      .about = "the post's, of list_watches or of an alarm" },
    END,
};
ARGS stops_args[] = {
    ASSET,
    FROM("-24h"),
    TO,
    { "reason", KP_MCP_TEXT, .about = "only these; none: those nobody explained" },
    LIMIT(30, 200),
    END,
};
ARGS oee_args[] = {
    ASSET,
    FROM("-24h"),
    TO,
    { "every", KP_MCP_CHOICE, .choices = kp_shop_every_words,
      .about = "one row each; one for all when left out" },
    END,
};
ARGS findings_args[] = {
    { "all", KP_MCP_TRUTH, .about = "also those that are closed" },
    LIMIT(20, 100),
    END,
};
ARGS inventory_args[] = {
    { "match", KP_MCP_PATTERN, .about = "path or pattern of devices' names; all when left out" },
    LIMIT(50, 500),
    END,
};
ARGS agreements_args[] = {
    { "partner", KP_MCP_TEXT, .about = "only this one" },
    LIMIT(50, 200),
    END,
};

const struct kp_mcp_tool kp_mcp_tools[] = {
    { "browse", "Look around the factory",
      "Lists machines with what they are doing, assets, or signals with their latest value and "
      "unit.",
      browse_args, KP_VIEWER, false, false, kp_mcp_browse },
    { "read_values", "Read values", "The latest values of signals, with unit, status and time.",
      read_args, KP_VIEWER, false, false, kp_mcp_read },
    { "read_history", "Read history",
      "How signals went: mean, smallest and largest value per step; signals that are texts come as "
      "they were.",
      history_args, KP_VIEWER, false, false, kp_mcp_history },
    { "compare_periods", "Compare two periods",
      "Count, mean, smallest and largest value of each signal in one period and in another, and "
      "the change of the mean.",
      compare_args, KP_VIEWER, false, false, kp_mcp_compare },
    { "forecast_signal", "Forecast a signal",
      "What a signal will do next, by its days and weeks so far: value per step, and between what "
      "80 % of the values will lie.",
      forecast_args, KP_VIEWER, false, false, kp_mcp_forecast },
    { "list_alarms", "List alarms",
      "Alarms, the newest group first, in each the one that came first on top.", alarms_args,
      KP_VIEWER, false, false, kp_mcp_alarms },
    { "explain_alarm", "Explain an alarm",
      "Why an alarm came: value and limit, how its signal went around then, what the machine was "
      "doing, which others "
      "came with it.",
      explain_args, KP_VIEWER, false, false, kp_mcp_explain },
    { "list_watches", "List what is watched",
      "What the node looks at by itself, how that is, and what it found unusual.", watches_args, KP_VIEWER, false, false,
      kp_mcp_watches },
    { "explain_watch", "Explain what a watch found, or why it is silent",
      "The newest judgement: which signals, actual against expected, since when, and what the machine is doing.",
      explain_watch_args, KP_VIEWER, false, false, kp_mcp_explain_watch },
    { "acknowledge_alarm", "Acknowledge an alarm",
      "Says in the name of the person you work for that an alarm has been seen. Ask that person "
      "first.",
      acknowledge_args, KP_OPERATOR, true, false, kp_mcp_acknowledge },
    { "list_stops", "List stops of machines",
      "Stops in planned time, their reasons, and what each reason cost.", stops_args, KP_VIEWER,
      false, false, kp_mcp_stops },
    { "machine_oee", "Key figures of machines",
      "OEE with availability, effectiveness and quality (ISO 22400), parts, time in each state, "
      "energy.",
      oee_args, KP_VIEWER, false, false, kp_mcp_oee },
    { "list_findings", "List security findings",
      "Which devices are affected by which security advisory, how urgent it is, and what to do; "
      "the worst first.",
      findings_args, KP_VIEWER, false, false, kp_mcp_findings },
    { "inventory", "List devices",
      "Devices and software with maker, product, order code and firmware.", inventory_args,
      KP_VIEWER, false, false, kp_mcp_inventory },
    { "who_gets_what", "Who gets what",
      "Agreements with other companies: signals, terms and state.", agreements_args, KP_ENGINEER,
      false, true, kp_mcp_agreements },
    { .name = NULL },
};
