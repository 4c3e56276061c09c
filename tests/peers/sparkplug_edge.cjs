// SPDX-License-Identifier: Apache-2.0
// An edge node of the npm package sparkplug-client: sparkplug_edge.cjs PORT GROUP NODE. Metrics have aliases; data is sent with the
// alias alone. Lines of JSON on stdin tell it what to do ({"device": "press", "metrics": [...]} sends data, {"quit": true} leaves by
// force); each command it hears is a line of JSON on stdout.
const sparkplug = require('sparkplug-client');
const [port, group, node] = process.argv.slice(2);
const client = sparkplug.newClient({ serverUrl: `mqtt://127.0.0.1:${port}`, username: '', password: '', groupId: group, edgeNode: node,
  clientId: `edge-${node}`, version: 'spBv1.0', publishDeath: false });
const births = () => {
  client.publishNodeBirth({ timestamp: Date.now(), metrics: [
    { name: 'Node Control/Rebirth', type: 'Boolean', value: false },
    { name: 'Properties/Hardware Make', type: 'String', value: 'Eclipse' },
    { name: 'uptime', alias: 1, type: 'UInt32', value: 5 }] });
  client.publishDeviceBirth('press', { timestamp: Date.now(), metrics: [
    { name: 'temp', alias: 10, type: 'Int16', value: -12, properties: { engUnit: { type: 'String', value: '°C' },
      engLow: { type: 'Double', value: -40 }, engHigh: { type: 'Double', value: 120 } } },
    { name: 'line/speed', alias: 11, type: 'Double', value: 1.5 }] });
};
let ready = false;
client.on('birth', () => { births(); if (!ready) console.log('READY edge'); ready = true; });
client.on('ncmd', (p) => { console.log(JSON.stringify({ ncmd: p.metrics.map((m) => m.name) })); births(); });
client.on('dcmd', (device, p) => console.log(JSON.stringify({ device, metrics: p.metrics.map(({ name, type, value }) => ({ name, type, value })) })));
require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const order = JSON.parse(line);
  if (order.quit) process.exit(1);
  const payload = { timestamp: Date.now(), metrics: order.metrics };
  if (order.device) client.publishDeviceData(order.device, payload); else client.publishNodeData(payload);
});
