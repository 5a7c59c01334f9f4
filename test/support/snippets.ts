import { execFile } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './handshakes.ts'
import { blocks, page } from './markdown.ts'
import { plainNode } from './plain-node.ts'

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

/**
 * A piece of TypeScript on a page. What follows `ts` says how it runs: by itself; `server`: with the servers that it names;
 * `outline`: not at all, because something is left out.
 */
export type SnippetKind = 'ts' | 'ts server' | 'ts outline'

export interface Snippet {
  name: string
  code: string
  kind: SnippetKind
}

export interface Run {
  stdout: string
  stderr: string
  failed: boolean
}

/** Those of README.md and examples/README.md. */
export function snippets (kinds: SnippetKind[]): Snippet[] {
  return ['README.md', 'examples/README.md'].flatMap(path => kinds.flatMap(kind => {
    return blocks(page(path), kind).map((code, i) => ({ name: `${path} ${kind} ${i}`.replaceAll(/\W/g, '-'), code, kind }))
  }))
}

/** Runs a script as a user would. */
export function runNode (...args: string[]): Promise<Run> {
  return new Promise(resolve => {
    execFile(...plainNode(...args), { timeout: 60_000 }, (error, stdout, stderr) => resolve({ stdout, stderr, failed: error !== null }))
  })
}

/**
 * Compiles snippets and other files, into the folder `js` below.
 *
 * @param out the folder, which is emptied first
 * @param files more files, by their names
 */
export async function compileSnippets (out: string, all: Snippet[], files: Record<string, string> = {}): Promise<Run> {
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  writeFileSync(join(out, 'helpers.ts'), HELPERS)
  for (const { name, code, kind } of all) writeFileSync(join(out, `${name}.ts`), kind === 'ts outline' ? code : complete(code))
  for (const [name, code] of Object.entries(files)) writeFileSync(join(out, name), code)
  writeFileSync(join(out, 'tsconfig.json'), JSON.stringify({
    extends: '../../tsconfig.json',
    compilerOptions: { rootDir: '.', outDir: 'js', noUnusedLocals: false, declaration: false, declarationMap: false },
    include: ['*.ts'],
    exclude: []
  }))
  return runNode(join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', out)
}

/** Runs compiled snippets one after the other in one process, which ends when nothing of any is left. */
export function runSnippets (out: string, all: Snippet[]): Promise<Run> {
  const scripts = all.map(({ name }) => `console.log('${name}'); await import('./${name}.js')`)
  writeFileSync(join(out, 'js/all.js'), `${scripts.join('\n')}\nconsole.log('done')\n`)
  return runNode(join(out, 'js/all.js'))
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
