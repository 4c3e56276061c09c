// SPDX-License-Identifier: Apache-2.0
// judge.mjs FOLDER: for each .json file a line [name, [tests that fail]], by the schema and the mandatory tests of the validator library in CSAF_NODE.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

const base = new URL('node_modules/@secvisogram/csaf-validator-lib/', `file://${process.env.CSAF_NODE}/`)
const load = name => import(new URL(name, base))
const tests = [(await load('schemaTests.js')).csaf_2_0, ...Object.values(await load('mandatoryTests.js'))]
const id = name => name === 'csaf_2_0' ? 'schema' : name.replace(/^mandatoryTest_/, '').replaceAll('_', '.')
for (const file of readdirSync(process.argv[2]).sort()) {
  const document = JSON.parse(readFileSync(join(process.argv[2], file), 'utf8'))
  const failed = []
  for (const test of tests) {
    try {
      if (!(await test(document)).isValid) failed.push(id(test.name))
    } catch { // it stumbles over what the schema refuses
    }
  }
  console.log(JSON.stringify([file, failed]))
}
