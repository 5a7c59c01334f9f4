import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errors } from 'fastify-sockets'
import { test } from 'tap'
import { DEFAULTS } from '../lib/live/route-options.ts'
import { CloseCode } from '../lib/contract/close-code.ts'

const ROOT = join(import.meta.dirname, '../..')
const OUT = join(ROOT, 'dist/readme')
const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')

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

/** Runs a script as a user would: without the loaders that the test runner hands on in NODE_OPTIONS. */
function runNode (...args: string[]): { stdout: string, stderr: string, status: number | null } {
  return spawnSync('env', ['-u', 'NODE_OPTIONS', process.execPath, ...args], { encoding: 'utf8', timeout: 30_000 })
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

test('every TypeScript snippet compiles and runs', async t => {
  const snippets = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(match => match[1]!)
  t.ok(snippets.length >= 10)
  rmSync(OUT, { recursive: true, force: true })
  mkdirSync(OUT, { recursive: true })
  writeFileSync(join(OUT, 'helpers.ts'), HELPERS)
  snippets.forEach((snippet, i) => writeFileSync(join(OUT, `snippet-${i}.ts`), complete(snippet)))
  writeFileSync(join(OUT, 'tsconfig.json'), JSON.stringify({
    extends: '../../tsconfig.json',
    compilerOptions: { rootDir: '.', outDir: 'js', noUnusedLocals: false, declaration: false, declarationMap: false },
    include: ['*.ts'],
    exclude: []
  }))
  const tsc = runNode(join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', OUT)
  t.equal(tsc.stdout + tsc.stderr, '', 'compiles')
  for (let i = 0; i < snippets.length; i++) {
    const run = runNode(join(OUT, `js/snippet-${i}.js`))
    t.equal(run.stderr, '', `snippet ${i} reports nothing`)
    t.equal(run.status, 0, `snippet ${i} runs`)
  }
})

test('every error and every option is explained', async t => {
  for (const name of Object.keys(errors)) t.match(readme, `\`${name}\``, name)
  for (const name of Object.keys(DEFAULTS)) t.match(readme, `\`${name}\``, name)
})

test('every close code is explained, and whether it is final', async t => {
  const table = /^\| close code \|.*\n\|[-|]+\n((?:\|.*\n)+)/m.exec(readme)![1]!
  const rows = table.trim().split('\n').map(row => row.split(' | '))
  t.strictSame(rows.map(([code]) => Number(code!.slice(2))), Object.values(CloseCode).sort())
  for (const [code, , advice] of rows) t.match(advice, /^(final|connect again|as the client meant it)/, code)
})

test('every link to a file leads somewhere', async t => {
  for (const [, target] of readme.matchAll(/\]\(((?!http|#)[^)]+)\)/g)) t.ok(existsSync(join(ROOT, target!)), target)
})

test('every link to a section leads somewhere', async t => {
  // As GitHub names them.
  const sections = [...readme.matchAll(/^## (.+)$/gm)].map(([, title]) => {
    return title!.toLowerCase().replace(/[^a-z0-9 -]/g, '').replaceAll(' ', '-')
  })
  for (const [, target] of readme.matchAll(/\]\(#([^)]+)\)/g)) t.ok(sections.includes(target!), target)
})
