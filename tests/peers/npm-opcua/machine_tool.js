// SPDX-License-Identifier: Apache-2.0
// An OPC UA server with a machine tool as OPC 40501-1 defines it (node-opcua with the published nodesets): Machines/Mill.
//   machine_tool.js FOLDER     certificates are kept in FOLDER
// Prints READY URL.
const { OPCUAServer, OPCUACertificateManager, MessageSecurityMode, SecurityPolicy, nodesets } = require("node-opcua");

async function main() {
    const certificates = new OPCUACertificateManager({ rootFolder: process.argv[2], automaticallyAcceptUnknownCertificate: true });
    const server = new OPCUAServer({
        port: 0, hostname: "127.0.0.1", allowAnonymous: true, serverCertificateManager: certificates,
        securityModes: [MessageSecurityMode.None], securityPolicies: [SecurityPolicy.None],
        nodeset_filename: [nodesets.standard, nodesets.di, nodesets.machinery, nodesets.ia, nodesets.isa95JobControl,
                           nodesets.machineryJobs, nodesets.machineTool],
    });
    await server.initialize();
    const space = server.engine.addressSpace, ns = space.getOwnNamespace();
    const machinery = space.getNamespaceIndex("http://opcfoundation.org/UA/Machinery/");
    const tool = space.getNamespaceIndex("http://opcfoundation.org/UA/MachineTool/");
    const machines = space.rootFolder.objects.getFolderElementByName("Machines", machinery);
    const mill = space.findObjectType("MachineToolType", tool).instantiate({
        browseName: "Mill", organizedBy: machines,
        optionals: ["Production.Statistics", "Production.Statistics.PartsProducedInLifetime", "Monitoring.Stacklight",
                    "Monitoring.MachineTool.FeedOverride", "Monitoring.MachineTool.PowerOnDuration"] });
    space.findObjectType("ChannelMonitoringType", tool).instantiate({
        browseName: "Channel1", componentOf: mill.getComponentByName("Monitoring", tool), optionals: ["RapidOverride"] });
    await server.start();
    const endpoint = server.endpoints[0].endpointDescriptions()[0].endpointUrl;
    console.log("READY opc.tcp://127.0.0.1:" + new URL(endpoint.replace("opc.tcp", "http")).port + "/");
}
main().catch((fault) => { console.error(fault); process.exit(1); });
