import { execFile } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { ROOT } from './support/handshakes.ts'
import { blocks, page } from './support/markdown.ts'
import { plainNode } from './support/plain-node.ts'

const OUT = join(ROOT, 'dist/readme')

/** What the shorter snippets take for granted. */
const PRELUDE = `
import Fastify from 'fastify'
import sockets from 'fastify-sockets'
const app = Fastify()
`
const REGISTRATION = 'await app.register(sockets)\n'
const ROUTES = `
app.get('/echo', { ws: true }, socket => { socket.on('message', message => socket.send(message)) })
app.get('/private', { ws: true, preHandler: async (_request, reply) => reply.code(401).send('no') }, () => {})
`
const HELPERS = `
export const loadGreeting = async (ip: string) => 'hello ' + ip
export const findUser = async (token: string | undefined): Promise<string | undefined> => token
export const isAllowed = async (origin: string) => origin.length > 0
`

/** The two packages of one generation of TypeBox, and their names in the other. */
const TYPEBOX_1: Array<[string, string]> = [
  ['@sinclair/typebox', 'typebox'],
  ['@fastify/type-provider-typebox', '@fastify/type-provider-typebox-6']
]

interface Run { stdout: string, stderr: string, failed: boolean }

/** Runs a script as a user would. */
function runNode (...args: string[]): Promise<Run> {
  return new Promise(resolve => {
    execFile(...plainNode(...args), { timeout: 60_000 }, (error, stdout, stderr) => resolve({ stdout, stderr, failed: error !== null }))
  })
}

/** The tests of types, for the other generation of TypeBox. */
function typesOfTypeBox1 (name: string): string {
  return TYPEBOX_1.reduce((code, [from, to]) => {
    if (!code.includes(`from '${from}'`)) throw new Error(`${from} is not imported`)
    return code.replace(`from '${from}'`, `from '${to}'`)
  }, readFileSync(join(ROOT, `test/types/${name}.ts`), 'utf8'))
}

function complete (snippet: string): string {
  const own = snippet.includes('Fastify(')
  return (own ? '' : PRELUDE) +
    (snippet.includes('register(sockets') ? '' : REGISTRATION) +
    (snippet.includes('injectWS') ? ROUTES : '') +
    'import { loadGreeting, findUser, isAllowed } from "./helpers.ts"\n' +
    snippet.replace('port: 3000', 'port: 0') +
    '\nvoid loadGreeting; void findUser; void isAllowed\nawait app.ready()\nawait app.close()\n'
}

test('every TypeScript snippet compiles and runs, on whatever page; the tests of types compile with TypeBox 1.x too', { timeout: 180_000 }, async t => {
  const snippets = ['README.md', 'examples/README.md'].flatMap(path => {
    return blocks(page(path), 'ts').map((code, i) => ({ name: `${path.replaceAll(/\W/g, '-')}-${i}`, code }))
  })
  t.ok(snippets.length >= 20)
  rmSync(OUT, { recursive: true, force: true })
  mkdirSync(OUT, { recursive: true })
  writeFileSync(join(OUT, 'helpers.ts'), HELPERS)
  for (const { name, code } of snippets) writeFileSync(join(OUT, `${name}.ts`), complete(code))
  // Here, since the compiler is at work.
  for (const name of ['typebox', 'topics']) writeFileSync(join(OUT, `${name}-1.ts`), typesOfTypeBox1(name))
  copyFileSync(join(ROOT, 'test/types/equal.ts'), join(OUT, 'equal.ts'))
  writeFileSync(join(OUT, 'tsconfig.json'), JSON.stringify({
    extends: '../../tsconfig.json',
    compilerOptions: { rootDir: '.', outDir: 'js', noUnusedLocals: false, declaration: false, declarationMap: false },
    include: ['*.ts'],
    exclude: []
  }))
  const tsc = await runNode(join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', OUT)
  t.equal(tsc.stdout + tsc.stderr, '', 'compiles')

  // One after the other in one process, which ends when nothing of any is left.
  const scripts = snippets.map(({ name }) => `console.log('${name}'); await import('./${name}.js')`)
  writeFileSync(join(OUT, 'js/all.js'), `${scripts.join('\n')}\nconsole.log('done')\n`)
  const run = await runNode(join(OUT, 'js/all.js'))
  t.equal(run.stderr, '', 'they report nothing')
  t.notOk(run.failed, 'they end')
  t.match(run.stdout, /done\n$/, 'each runs')
})
