/* SPDX-License-Identifier: Apache-2.0 */
/* What each profile built in makes of the variables its controls are known to have. */
#include "kit.h"

#include "core/state_rule.h"
#include "core/value.h"
#include "couplings/profile.h"

static const char machinery[] = "http://opcfoundation.org/UA/Machinery/",
                  machinetool[] = "http://opcfoundation.org/UA/MachineTool/",
                  di[] = "http://opcfoundation.org/UA/DI/",
                  cnc[] = "http://opcfoundation.org/UA/CNC",
                  robotics[] = "http://opcfoundation.org/UA/Robotics/",
                  sinumerik[] = "SinumerikVarProvider", heidenhain[] = "http://heidenhain.de/NC/",
                  s7[] = "http://www.siemens.com/simatic-s7-opcua", none[] = "urn:none";

struct expected {
    const char *namespaces[3];
    const char *path, *role; /* role NULL: subscribed without one; "-": not subscribed */
    uint8_t type;
    bool property;
    const char *running; /* a value that says the machine runs, or NULL */
};

static struct kp_profiles load(const char *protocol, const char *const *uris)
{
    struct kp_profiles all;
    struct kp_err err = { 0 };
    size_t n = 0;
    while (n < 3 && uris[n])
        n++;
    struct kp_profile_peer peer = { .protocol = protocol, .namespaces = uris, .n = n };
    kp_profiles_load(&all, &peer, &err);
    assert_string_equal(err.text, "");
    return all;
}

static void check_running(const char *rule, const char *text, const char *path)
{
    struct kp_err err = { 0 };
    struct kp_state_rule *r = kp_state_rule_new(rule, &err);
    struct kp_value v = { .type = KP_STRING, .len = (uint32_t)strlen(text), .data = text };
    assert_non_null(r);
    if (kp_state_rule_apply(r, &v, 0, NULL, KP_STATE_UNKNOWN) != KP_STATE_RUNNING)
        fail_msg("%s: '%s' does not say running by '%s'", path, text, rule ? rule : "");
    kp_state_rule_free(r);
}

static void check_one(const char *protocol, const struct expected *e)
{
    struct kp_profiles all = load(protocol, e->namespaces);
    struct kp_profile_choice c;
    struct kp_profile_variable v = { .path = e->path, .type = e->type, .property = e->property };
    kp_profiles_match(&all, &v, &c);
    bool wanted = !e->role || strcmp(e->role, "-") != 0;
    if (c.subscribe != wanted)
        fail_msg("%s is %ssubscribed", e->path, c.subscribe ? "" : "not ");
    if (wanted && e->role && (!c.role || strcmp(c.role, e->role) != 0))
        fail_msg("%s has role '%s', not '%s'", e->path, c.role ? c.role : "", e->role);
    if (wanted && !e->role && c.role)
        fail_msg("%s has role '%s', not none", e->path, c.role);
    if (e->running)
        check_running(c.states, e->running, e->path);
    kp_profiles_free(&all);
}

#define CHECK(protocol, list)                                                                      \
    for (size_t i = 0; i < sizeof(list) / sizeof *(list); i++)                                     \
    check_one((protocol), &(list)[i])

static void a_machinery_item_gives_state_and_mode(void **state)
{
    static const struct expected list[] = {
        { { machinery, di },
          "M/MachineryBuildingBlocks/MachineryItemState/CurrentState",
          "state",
          KP_STRING,
          false,
          "Executing" },
        { { machinery, di },
          "M/MachineryBuildingBlocks/MachineryOperationMode/CurrentState",
          "mode",
          KP_STRING,
          false,
          NULL },
        { { machinery, di },
          "M/MachineryBuildingBlocks/MachineryItemState/CurrentState.Id",
          "-",
          KP_STRING,
          true,
          NULL },
        { { machinery, di },
          "M/MachineryBuildingBlocks/MachineryItemState/LastTransition",
          "-",
          KP_STRING,
          false,
          NULL },
        { { machinery, di }, "M/Identification/SerialNumber", "-", KP_STRING, true, NULL },
    };
    (void)state;
    CHECK("opcua", list);
}

static void a_machine_tool_gives_what_its_specification_has(void **state)
{
    static const struct expected list[] = {
        { { machinetool, machinery, di },
          "M/Monitoring/MachineTool/MachineryItemState/CurrentState",
          "state",
          KP_STRING,
          false,
          "Executing" },
        { { machinetool, machinery, di },
          "M/Monitoring/Channel1/ChannelState",
          "state",
          KP_INT64,
          false,
          "0" },
        { { machinetool, machinery, di },
          "M/Monitoring/Channel1/ChannelMode",
          "mode",
          KP_INT64,
          false,
          NULL },
        { { machinetool, machinery, di },
          "M/Monitoring/MachineTool/OperationMode",
          "mode",
          KP_INT64,
          false,
          NULL },
        { { machinetool, machinery, di },
          "M/Monitoring/MachineTool/FeedOverride",
          "override",
          KP_DOUBLE,
          false,
          NULL },
        { { machinetool, machinery, di },
          "M/Monitoring/Channel1/RapidOverride",
          "override",
          KP_DOUBLE,
          false,
          NULL },
        { { machinetool, machinery, di },
          "M/Monitoring/Spindle1/Override",
          "override",
          KP_DOUBLE,
          false,
          NULL },
        { { machinetool, machinery, di },
          "M/Monitoring/Spindle1/IsRotating",
          NULL,
          KP_BOOL,
          false,
          NULL },
        { { machinetool, machinery, di },
          "M/Monitoring/Stacklight/Lamp1/SignalOn",
          NULL,
          KP_BOOL,
          true,
          NULL },
        { { machinetool, machinery, di },
          "M/Production/ActiveProgram/Name",
          "program",
          KP_STRING,
          true,
          NULL },
        { { machinetool, machinery, di },
          "M/Production/ActiveProgram/State/CurrentState",
          "program-state",
          KP_STRING,
          false,
          "Running" },
        { { machinetool, machinery, di },
          "M/Production/ActiveProgram/State/CurrentState.Number",
          "-",
          KP_UINT64,
          true,
          NULL },
        { { machinetool, machinery, di },
          "M/Production/Statistics/PartsProducedInLifetime",
          "part-count",
          KP_UINT64,
          false,
          NULL },
        { { machinetool, machinery, di },
          "M/Production/ProductionPlan/Job1/PartsCompleted",
          "part-count",
          KP_UINT64,
          false,
          NULL },
        { { machinetool, machinery, di },
          "M/Production/ProductionPlan/Job1/PartSets/A/Name",
          "-",
          KP_STRING,
          true,
          NULL },
        { { machinetool, machinery, di }, "M/Equipment/Tools/T1/Name", "-", KP_STRING, true, NULL },
        { { machinetool, machinery, di },
          "M/Notification/Prognoses/P1/PredictedTime",
          "-",
          KP_TIME,
          true,
          NULL },
    };
    (void)state;
    CHECK("opcua", list);
}

static void a_device_gives_its_health_and_not_its_documents(void **state)
{
    static const struct expected list[] = {
        { { di }, "PLC_1/DeviceHealth", "health", KP_INT64, false, NULL },
        { { di }, "PLC_1/OperationCounters/PowerOnDuration", NULL, KP_DOUBLE, true, NULL },
        { { di }, "PLC_1/Documentation/Manual", "-", KP_STRING, false, NULL },
        { { di }, "PLC_1/Lock/Locked", "-", KP_BOOL, true, NULL },
    };
    (void)state;
    CHECK("opcua", list);
}

static void a_cnc_of_the_vdw_gives_program_override_and_load(void **state)
{
    static const struct expected list[] = {
        { { cnc },
          "CncInterface/CncChannelList/Channel1/ActProgramStatus",
          "state",
          KP_INT64,
          false,
          "1" },
        { { cnc },
          "CncInterface/CncChannelList/Channel1/ActMainProgramName",
          "program",
          KP_STRING,
          false,
          NULL },
        { { cnc },
          "CncInterface/CncChannelList/Channel1/ActOperationMode",
          "mode",
          KP_INT64,
          false,
          NULL },
        { { cnc },
          "CncInterface/CncChannelList/Channel1/ActOverride",
          "override",
          KP_DOUBLE,
          false,
          NULL },
        { { cnc }, "CncInterface/CncChannelList/Channel1/ToolId", "tool", KP_UINT64, false, NULL },
        { { cnc }, "CncInterface/CncSpindleList/S1/ActLoad", "load", KP_DOUBLE, false, NULL },
        { { cnc }, "CncInterface/CncSpindleList/S1/ActPower", "power", KP_DOUBLE, false, NULL },
        { { cnc },
          "CncInterface/CncChannelList/Channel1/ActGFunctions",
          "-",
          KP_UINT64 | KP_ARRAY,
          false,
          NULL },
    };
    (void)state;
    CHECK("opcua", list);
}

static void a_robot_gives_state_program_and_safety(void **state)
{
    static const struct expected list[] = {
        { { robotics, di },
          "R/Controllers/C1/SystemOperation/SystemOperationStateMachine/CurrentState",
          "state",
          KP_STRING,
          false,
          "Executing" },
        { { robotics, di },
          "R/SafetyStates/S1/ParameterSet/OperationalMode",
          "mode",
          KP_INT64,
          false,
          NULL },
        { { robotics, di },
          "R/SafetyStates/S1/ParameterSet/EmergencyStop",
          "alarm",
          KP_BOOL,
          false,
          NULL },
        { { robotics, di },
          "R/Controllers/C1/TaskControls/T1/ParameterSet/TaskProgramName",
          "program",
          KP_STRING,
          false,
          NULL },
        { { robotics, di },
          "R/MotionDevices/Arm/ParameterSet/SpeedOverride",
          "override",
          KP_DOUBLE,
          false,
          NULL },
    };
    (void)state;
    CHECK("opcua", list);
}

static void a_sinumerik_gives_what_its_variables_are_called(void **state)
{
    static const struct expected list[] = {
        { { sinumerik }, "Sinumerik/Channel/State/progStatus", "state", KP_UINT64, false, "3" },
        { { sinumerik }, "Sinumerik/Channel/State/progStatus[u1]", "state", KP_UINT64, false, "3" },
        { { sinumerik },
          "Sinumerik/Channel/State/acProg",
          "program-state",
          KP_UINT64,
          false,
          NULL },
        { { sinumerik }, "Sinumerik/Channel/State/chanStatus", NULL, KP_UINT64, false, NULL },
        { { sinumerik }, "Sinumerik/Bag/State/opMode", "mode", KP_UINT64, false, NULL },
        { { sinumerik },
          "Sinumerik/Channel/ProgramInfo/workPandProgName",
          "program",
          KP_STRING,
          false,
          NULL },
        { { sinumerik }, "Sinumerik/Channel/State/actTNumber", "tool", KP_UINT64, false, NULL },
        { { sinumerik }, "Sinumerik/Channel/State/actParts", "part-count", KP_DOUBLE, false, NULL },
        { { sinumerik },
          "Sinumerik/Channel/State/feedRateIpoOvr",
          "override",
          KP_DOUBLE,
          false,
          NULL },
        { { sinumerik }, "Sinumerik/Channel/Spindle/speedOvr", "override", KP_DOUBLE, false, NULL },
        { { sinumerik }, "Sinumerik/Nck/Spindle/driveLoad", "load", KP_DOUBLE, false, NULL },
        { { sinumerik }, "Sinumerik/Nck/State/numAlarms", "alarm", KP_UINT64, false, NULL },
        { { sinumerik }, "Sinumerik/Channel/Parameter/rpa", "-", KP_DOUBLE, false, NULL },
    };
    (void)state;
    CHECK("opcua", list);
}

static void a_heidenhain_gives_program_state_and_overrides(void **state)
{
    static const struct expected list[] = {
        { { heidenhain },
          "HEIDENHAIN NC/Machine/Channels/0/Program/ExecutionState/CurrentState",
          "state",
          KP_STRING,
          false,
          "Running" },
        { { heidenhain },
          "HEIDENHAIN NC/Machine/Channels/0/OperatingMode",
          "mode",
          KP_INT64,
          false,
          NULL },
        { { heidenhain },
          "HEIDENHAIN NC/Machine/Channels/0/FeedOverride",
          "override",
          KP_UINT64,
          false,
          NULL },
        { { heidenhain },
          "HEIDENHAIN NC/Machine/Channels/0/SpeedOverride",
          "override",
          KP_UINT64,
          false,
          NULL },
        { { heidenhain },
          "HEIDENHAIN NC/Machine/Channels/0/Program/Name",
          "program",
          KP_STRING,
          false,
          NULL },
        { { heidenhain },
          "HEIDENHAIN NC/Machine/Channels/0/CurrentTool/Name",
          "tool",
          KP_STRING,
          false,
          NULL },
        { { heidenhain }, "HEIDENHAIN NC/Machine/Tools/T1/Name", "-", KP_STRING, false, NULL },
    };
    (void)state;
    CHECK("opcua", list);
}

static void a_simatic_gives_its_data_blocks_and_not_its_inputs(void **state)
{
    static const struct expected list[] = {
        { { s7, di }, "PLC_1/DataBlocksGlobal/Machine.State", "state", KP_STRING, false, "run" },
        { { s7, di },
          "PLC_1/DataBlocksGlobal/Machine/PartCounter",
          "part-count",
          KP_INT64,
          false,
          NULL },
        { { s7, di }, "PLC_1/DataBlocksGlobal/Machine/Temperature", NULL, KP_FLOAT, false, NULL },
        { { s7, di }, "PLC_1/Inputs/I0", "-", KP_BOOL, false, NULL },
        { { s7, di }, "PLC_1/DataBlocksInstance/Pump/PT", "-", KP_INT64, false, NULL },
        { { s7, di }, "PLC_1/OperatingMode", NULL, KP_INT64, false, NULL },
    };
    (void)state;
    CHECK("opcua", list);
}

static void energy_is_known_by_its_names_over_any_protocol(void **state)
{
    static const struct expected list[] = {
        { { none }, "Meter/ActiveEnergyImport", "energy", KP_DOUBLE, false, NULL },
        { { none }, "Meter/Total_kWh", "energy", KP_FLOAT, false, NULL },
        { { none }, "Meter/ActivePowerL1", "power", KP_FLOAT, false, NULL },
        { { none }, "Meter/Power", "power", KP_FLOAT, false, NULL },
        { { none }, "Meter/ReactivePower", NULL, KP_FLOAT, false, NULL },
        { { none }, "Meter/ApparentEnergy", NULL, KP_FLOAT, false, NULL },
    };
    (void)state;
    CHECK("opcua", list);
    CHECK("mqtt", list);
    CHECK("modbus", list);
}

static void any_server_gives_the_roles_its_names_tell(void **state)
{
    static const struct expected list[] = {
        { { none }, "M/State", "state", KP_STRING, false, "RUN" },
        { { none }, "M/Mode", "mode", KP_INT64, false, NULL },
        { { none }, "M/ProgramName", "program", KP_STRING, false, NULL },
        { { none }, "M/ProgramStatus", "program-state", KP_STRING, false, "active" },
        { { none }, "M/ToolNumber", "tool", KP_INT64, false, NULL },
        { { none }, "M/PartCount", "part-count", KP_INT64, false, NULL },
        { { none }, "M/AlarmActive", "alarm", KP_BOOL, false, NULL },
        { { none }, "M/FeedOverride", "override", KP_DOUBLE, false, NULL },
        { { none }, "M/SpindleLoad", "load", KP_DOUBLE, false, NULL },
        { { none }, "M/Energy", "energy", KP_DOUBLE, false, NULL },
        { { none }, "M/PowerOnHours", NULL, KP_DOUBLE, false, NULL },
    };
    (void)state;
    CHECK("opcua", list);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_machinery_item_gives_state_and_mode),
        cmocka_unit_test(a_machine_tool_gives_what_its_specification_has),
        cmocka_unit_test(a_device_gives_its_health_and_not_its_documents),
        cmocka_unit_test(a_cnc_of_the_vdw_gives_program_override_and_load),
        cmocka_unit_test(a_robot_gives_state_program_and_safety),
        cmocka_unit_test(a_sinumerik_gives_what_its_variables_are_called),
        cmocka_unit_test(a_heidenhain_gives_program_state_and_overrides),
        cmocka_unit_test(a_simatic_gives_its_data_blocks_and_not_its_inputs),
        cmocka_unit_test(energy_is_known_by_its_names_over_any_protocol),
        cmocka_unit_test(any_server_gives_the_roles_its_names_tell),
    };
    return cmocka_run_group_tests_name("profile controls", tests, NULL, NULL);
}
