/* Runs one scenario, in a process of its own: `node dist/test/reconnect/scenario.js NAME`. */
import { SCENARIOS } from './scenarios.ts'
import { Stage } from './stage.ts'

const scenario = SCENARIOS.find(({ name }) => name === process.argv[2])!
const stage = new Stage()
let code = 0
const fail = (error: unknown) => {
  code = 1
  console.log(error instanceof Error ? error.stack : error)
}
process.on('uncaughtException', fail)
process.on('unhandledRejection', fail)
try {
  await scenario.run(stage)
} catch (error) {
  fail(error)
}
console.log(`= ${stage.figures.join('; ')}`)
await stage.end()
process.exit(code)
