import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { WebSocket } from 'ws'
import { CHROMIUM, FLAGS } from '../support/chromium.ts'

/** Milliseconds that an answer may take; a frozen page gives none. */
const PATIENCE = 15_000

/** A tab, by the DevTools protocol alone: what drives browsers for tests makes them believe that every tab is seen. */
export class Tab {
  readonly #socket: WebSocket
  readonly #id: string
  readonly #base: string
  readonly #waiting = new Map<number, (answer: { result?: any, error?: { message: string } }) => void>()
  #calls = 0
  /** What has failed in it. */
  readonly faults: string[] = []

  private constructor (base: string, id: string, socket: WebSocket) {
    this.#base = base
    this.#id = id
    this.#socket = socket
    socket.on('message', data => this.#onMessage(JSON.parse(String(data))))
  }

  /** Opens one, in front of the others. */
  static async open (base: string, url = 'about:blank'): Promise<Tab> {
    const answer = await fetch(`${base}/json/new?${encodeURIComponent(url)}`, { method: 'PUT' })
    const { id, webSocketDebuggerUrl } = await answer.json() as { id: string, webSocketDebuggerUrl: string }
    const socket = new WebSocket(webSocketDebuggerUrl)
    await once(socket, 'open')
    const tab = new Tab(base, id, socket)
    await tab.send('Runtime.enable')
    await tab.send('Page.enable')
    return tab
  }

  send (method: string, params: object = {}): Promise<any> {
    const id = ++this.#calls
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer to ${method}`)), PATIENCE)
      this.#waiting.set(id, ({ result, error }) => {
        clearTimeout(timer)
        if (error === undefined) resolve(result)
        else reject(new Error(`${method}: ${error.message}`))
      })
      this.#socket.send(JSON.stringify({ id, method, params }))
    })
  }

  /** The value of an expression in the page, awaited. */
  async value (expression: string): Promise<any> {
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })
    if (exceptionDetails !== undefined) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
    return result.value
  }

  /** In front of the others, which are hidden from then on. */
  async toFront (): Promise<void> {
    await fetch(`${this.#base}/json/activate/${this.#id}`)
  }

  close (): void {
    this.#socket.terminate()
  }

  #onMessage ({ id, method, params, ...answer }: any): void {
    if (id !== undefined) {
      this.#waiting.get(id)?.(answer)
      this.#waiting.delete(id)
    } else if (method === 'Runtime.exceptionThrown') {
      this.faults.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text)
    } else if (method === 'Runtime.consoleAPICalled' && ['error', 'warning'].includes(params.type)) {
      this.faults.push(JSON.stringify(params.args))
    }
  }
}

/** Starts Chromium as users have it, with nothing that keeps hidden tabs awake. Returns the address of its DevTools. */
export async function startPlainChromium (t: Test): Promise<string> {
  if (!existsSync(CHROMIUM)) throw new Error(`no ${CHROMIUM}: apt-get install chromium, or name its executable in CHROMIUM`)
  const profile = mkdtempSync(join(tmpdir(), 'chromium-'))
  const child = spawn(CHROMIUM, [...FLAGS, '--headless', '--remote-debugging-port=0', `--user-data-dir=${profile}`, 'about:blank'], {
    detached: true, stdio: ['ignore', 'ignore', 'pipe']
  })
  t.teardown(async () => {
    await ended(child)
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
  })
  let printed = ''
  return await new Promise((resolve, reject) => {
    child.once('exit', code => reject(new Error(`Chromium ended with ${code}: ${printed}`)))
    child.stderr!.on('data', data => {
      printed += data
      const port = /DevTools listening on ws:\/\/127\.0\.0\.1:(\d+)/.exec(printed)?.[1]
      if (port !== undefined) resolve(`http://127.0.0.1:${port}`)
    })
  })
}

/** Kills it with its children. */
export function ended (child: ChildProcess): Promise<void> {
  return new Promise(resolve => {
    if (child.exitCode !== null || child.signalCode !== null) resolve()
    else child.once('exit', () => resolve())
    try {
      process.kill(-child.pid!, 'SIGKILL')
    } catch {
      // There is none any more.
    }
  })
}
