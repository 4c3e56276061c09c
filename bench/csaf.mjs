// SPDX-License-Identifier: Apache-2.0
// csaf.mjs FILE...: how many documents a second the validator library in CSAF_NODE judges (schema and mandatory tests), after one round to warm up.
import { readFileSync } from 'node:fs'

const base = new URL('node_modules/@secvisogram/csaf-validator-lib/', `file://${process.env.CSAF_NODE}/`)
const load = name => import(new URL(name, base))
const { default: validate } = await load('validate.js')
const tests = [(await load('schemaTests.js')).csaf_2_0, ...Object.values(await load('mandatoryTests.js'))]
const files = process.argv.slice(2)
let start
for (let round = 0; round < 3; round++) {
  if (round === 1) start = process.hrtime.bigint()
  for (const file of files) await validate(tests, JSON.parse(readFileSync(file, 'utf8')))
}
console.log(2 * files.length / (Number(process.hrtime.bigint() - start) / 1e9))
