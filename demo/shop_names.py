# SPDX-License-Identifier: Apache-2.0
"""How the machines of the demo shop say what they do: where they stand in the node's model, what their signals are
called, and the word of each protocol for each state. The simulators and the history use the same ones."""
import shop_model as shop

HALL = "eindhoven/hall1"
# Where each machine stands once it is coupled, and what its signals are called there.
PATHS = {n: f"{HALL}/Gateway/{n}" if n == "Oven-01" else f"{HALL}/{n}" for n in [*shop.MACHINES, shop.METER]}
# None: a control that is off says nothing.
ITEM_STATE = {"running": 3, "idle": 2, "setup": 4, "fault": 5, "offline": 6}
ITEM_WORDS = ["NotAvailable", "OutOfService", "NotExecuting", "Executing", "Setup", "Error", "Off"]
CHANNEL_STATE = {"running": 0, "idle": 2, "setup": 2, "fault": 1, "offline": None}
OPERATION_MODE = {"running": 1, "idle": 1, "setup": 2, "fault": 1, "offline": None}
PROGRAM_STATE = {"running": "Running", "idle": "Ended", "setup": "Initializing", "fault": "Interrupted", "offline": None}
MACHINERY = {"running": "Executing", "idle": "NotExecuting", "setup": "NotExecuting", "fault": "NotExecuting",
             "offline": "NotAvailable"}
EXECUTION = {"running": "ACTIVE", "idle": "READY", "setup": "READY", "fault": "INTERRUPTED", "offline": None}
FUNCTION = {"running": "PRODUCTION", "idle": "PRODUCTION", "setup": "SETUP", "fault": "PRODUCTION", "offline": None}
PRESS_STATE = {"offline": 0, "idle": 1, "setup": 2, "running": 3, "fault": 7}
OVEN_STATE = {"running": "Running", "idle": "Idle", "setup": "Setup", "fault": "Fault", "offline": "Off"}

MACHINE_TOOL = {  # OPC 40501: by state
    "Monitoring/Channel1/ChannelState": CHANNEL_STATE, "Monitoring/MachineTool/OperationMode": OPERATION_MODE,
    "Production/ActiveProgram/State/CurrentState": PROGRAM_STATE}
SIGNALS = {  # by state; then program, good, scrap, all parts, load, power with its watts, energy with its kWh
    "Mill-01": ({"State": ITEM_STATE, **MACHINE_TOOL}, ["Program/Name", "Production/ActiveProgram/Name"], "Parts/Good",
                "Parts/Scrap", "Production/Statistics/PartsProducedInLifetime", "Spindle/Load", ("Energy/Power", 1000),
                ("Energy/Total", 1)),
    "Laser-01": ({"State": ITEM_STATE}, ["Job/Name"], "Counters/Sheets", "Counters/Scrap", None, "Laser/Load",
                 ("Energy/Power", 1000), ("Energy/Total", 1)),
    "Lathe-01": ({"controller/path/execution": EXECUTION, "controller/path/function": FUNCTION}, ["controller/path/program"],
                 "controller/path/good", "controller/path/scrap", None, "C/load", ("electric/power", 1),
                 ("electric/energy", 1 / 3.6e6)),
    "Press-01": ({"State": PRESS_STATE}, ["Program"], "Parts/Good", "Parts/Scrap", None, "Load", ("Electrical/Power", 1),
                 ("Electrical/Energy", 1)),
    "Oven-01": ({"State": OVEN_STATE}, ["Program"], "PartCount", "ScrapCount", None, "Load", ("Power", 1), ("Energy", 1)),
}
SIGNALS["Mill-02"] = SIGNALS["Mill-03"] = (
    {**MACHINE_TOOL, "MachineryBuildingBlocks/MachineryItemState/CurrentState": MACHINERY}, ["Production/ActiveProgram/Name"],
    "Production/Statistics/PartsGoodInLifetime", "Production/Statistics/PartsScrapInLifetime",
    "Production/Statistics/PartsProducedInLifetime", "Monitoring/Spindle1/Load", ("Electrical/ActivePower", 1),
    ("Electrical/ActiveEnergy", 1))
