# SPDX-License-Identifier: Apache-2.0
"""How the machines of the demo shop say what they do: where they stand in the node's model, what
their signals are called, and the word of each protocol for each state. The simulators and the
history use the same ones."""

from collections import namedtuple

import shop_model as shop

HALL = "eindhoven/hall1"
# Where each machine stands once it is coupled, and what its signals are called there.
PATHS = {
    n: f"{HALL}/Gateway/{n}" if n == "Oven-01" else f"{HALL}/{n}"
    for n in [*shop.MACHINES, shop.METER]
}
# None: a control that is off says nothing.
ITEM_STATE = {"running": 3, "idle": 2, "setup": 4, "fault": 5, "offline": 6}
ITEM_WORDS = ["NotAvailable", "OutOfService", "NotExecuting", "Executing", "Setup", "Error", "Off"]
CHANNEL_STATE = {"running": 0, "idle": 2, "setup": 2, "fault": 1, "offline": None}
OPERATION_MODE = {"running": 1, "idle": 1, "setup": 2, "fault": 1, "offline": None}
PROGRAM_STATE = {
    "running": "Running",
    "idle": "Ended",
    "setup": "Initializing",
    "fault": "Interrupted",
    "offline": None,
}
MACHINERY = {
    "running": "Executing",
    "idle": "NotExecuting",
    "setup": "NotExecuting",
    "fault": "NotExecuting",
    "offline": "NotAvailable",
}
EXECUTION = {
    "running": "ACTIVE",
    "idle": "READY",
    "setup": "READY",
    "fault": "INTERRUPTED",
    "offline": None,
}
FUNCTION = {
    "running": "PRODUCTION",
    "idle": "PRODUCTION",
    "setup": "SETUP",
    "fault": "PRODUCTION",
    "offline": None,
}
PRESS_STATE = {"offline": 0, "idle": 1, "setup": 2, "running": 3, "fault": 7}
OVEN_STATE = {
    "running": "Running",
    "idle": "Idle",
    "setup": "Setup",
    "fault": "Fault",
    "offline": "Off",
}

MACHINE_TOOL = {  # OPC 40501: by state
    "Monitoring/Channel1/ChannelState": CHANNEL_STATE,
    "Monitoring/MachineTool/OperationMode": OPERATION_MODE,
    "Production/ActiveProgram/State/CurrentState": PROGRAM_STATE,
}

# Of a machine: what tells its state, with a value for each; its program (two say it at Mill-01);
# its counters; load; power with the watts of its unit, and energy with the kWh.
Signals = namedtuple("Signals", "states programs good scrap total load power energy")
SIGNALS = {
    "Mill-01": Signals(
        states={"State": ITEM_STATE, **MACHINE_TOOL},
        programs=["Program/Name", "Production/ActiveProgram/Name"],
        good="Parts/Good",
        scrap="Parts/Scrap",
        total="Production/Statistics/PartsProducedInLifetime",
        load="Spindle/Load",
        power=("Energy/Power", 1000),
        energy=("Energy/Total", 1),
    ),
    "Laser-01": Signals(
        states={"State": ITEM_STATE},
        programs=["Job/Name"],
        good="Counters/Sheets",
        scrap="Counters/Scrap",
        total=None,
        load="Laser/Load",
        power=("Energy/Power", 1000),
        energy=("Energy/Total", 1),
    ),
    "Lathe-01": Signals(
        states={"controller/path/execution": EXECUTION, "controller/path/function": FUNCTION},
        programs=["controller/path/program"],
        good="controller/path/good",
        scrap="controller/path/scrap",
        total=None,
        load="C/load",
        power=("electric/power", 1),
        energy=("electric/energy", 1 / 3.6e6),
    ),
    "Press-01": Signals(
        states={"State": PRESS_STATE},
        programs=["Program"],
        good="Parts/Good",
        scrap="Parts/Scrap",
        total=None,
        load="Load",
        power=("Electrical/Power", 1),
        energy=("Electrical/Energy", 1),
    ),
    "Oven-01": Signals(
        states={"State": OVEN_STATE},
        programs=["Program"],
        good="PartCount",
        scrap="ScrapCount",
        total=None,
        load="Load",
        power=("Power", 1),
        energy=("Energy", 1),
    ),
}
SIGNALS["Mill-02"] = SIGNALS["Mill-03"] = Signals(
    states={**MACHINE_TOOL, "MachineryBuildingBlocks/MachineryItemState/CurrentState": MACHINERY},
    programs=["Production/ActiveProgram/Name"],
    good="Production/Statistics/PartsGoodInLifetime",
    scrap="Production/Statistics/PartsScrapInLifetime",
    total="Production/Statistics/PartsProducedInLifetime",
    load="Monitoring/Spindle1/Load",
    power=("Electrical/ActivePower", 1),
    energy=("Electrical/ActiveEnergy", 1),
)
