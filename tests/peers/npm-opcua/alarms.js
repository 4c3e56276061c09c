// SPDX-License-Identifier: Apache-2.0
// An OPC UA server with alarms (node-opcua): Machines/Press/Temperature with a limit alarm "TooHot" (high 90, high high
// 110), and its Oil with an off-normal alarm "OilLow".
//   alarms.js FOLDER [PORT]     certificates are kept in FOLDER
// Prints READY URL; a line "temperature N", "oil true|false" or "event SEVERITY TEXT" on stdin is answered with OK.
const { OPCUAServer, OPCUACertificateManager, DataType, Variant, MessageSecurityMode, SecurityPolicy } = require("node-opcua");
const readline = require("readline");

async function main() {
    const [folder, port] = process.argv.slice(2);
    const certificates = new OPCUACertificateManager({ rootFolder: folder, automaticallyAcceptUnknownCertificate: true });
    const server = new OPCUAServer({
        port: Number(port || 0), hostname: "127.0.0.1", allowAnonymous: true, serverCertificateManager: certificates,
        securityModes: [MessageSecurityMode.None], securityPolicies: [SecurityPolicy.None],
        buildInfo: { productName: "alarms" },
    });
    await server.initialize();
    const space = server.engine.addressSpace, ns = space.getOwnNamespace();
    space.installAlarmsAndConditionsService();
    const objects = space.rootFolder.objects;
    const machines = ns.addFolder(objects, { browseName: "Machines" });
    const press = ns.addObject({ organizedBy: machines, browseName: "Press", nodeId: "s=Press",
                                 notifierOf: objects.server, eventNotifier: 1 });
    const variable = (name, dataType, value) => ns.addVariable({
        componentOf: press, browseName: name, nodeId: `s=${name}`, dataType, eventSourceOf: press,
        value: new Variant({ dataType, value }) });
    const temperature = variable("Temperature", DataType.Double, 20);
    const oil = variable("Oil", DataType.Boolean, true);
    ns.instantiateExclusiveLimitAlarm("ExclusiveLimitAlarmType", {
        browseName: "TooHot", componentOf: press, conditionName: "TooHot", conditionSource: temperature, inputNode: temperature,
        highHighLimit: 110, highLimit: 90, lowLimit: -50, lowLowLimit: -60, optionals: ["ConfirmedState", "Confirm"] });
    ns.instantiateOffNormalAlarm({
        browseName: "OilLow", componentOf: press, conditionName: "OilLow", conditionSource: oil, inputNode: oil,
        normalState: ns.addVariable({ componentOf: press, browseName: "OilNormal", dataType: DataType.Boolean,
                                      value: new Variant({ dataType: DataType.Boolean, value: true }) }) });
    await server.start();
    const endpoint = server.endpoints[0].endpointDescriptions()[0].endpointUrl;
    console.log("READY opc.tcp://127.0.0.1:" + new URL(endpoint.replace("opc.tcp", "http")).port + "/");
    for await (const line of readline.createInterface({ input: process.stdin })) {
        const [word, value, ...text] = line.split(" ");
        if (word === "temperature") temperature.setValueFromSource({ dataType: DataType.Double, value: Number(value) });
        if (word === "oil") oil.setValueFromSource({ dataType: DataType.Boolean, value: value === "true" });
        if (word === "event")
            press.raiseEvent("BaseEventType", {
                sourceNode: { dataType: DataType.NodeId, value: press.nodeId },
                message: { dataType: DataType.LocalizedText, value: { text: text.join(" ") } },
                severity: { dataType: DataType.UInt16, value: Number(value) } });
        console.log("OK");
    }
}
main().catch((fault) => { console.error(fault); process.exit(1); });
