import { execFileSync } from 'node:child_process'

// Where `ip` is, though not on everybody's path.
process.env.PATH += ':/usr/sbin:/sbin'

/** Of those that RFC 2544 sets apart for tests of networks; four addresses for each process. */
function addresses (pid: number): { outside: string, inside: string } {
  const third = pid >> 6 & 255
  const fourth = (pid & 63) << 2
  return { outside: `198.18.${third}.${fourth + 1}`, inside: `198.18.${third}.${fourth + 2}` }
}

function ip (...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' })
}

/**
 * A network namespace of Linux, with a link to ours that can be cut: what then happens to the processes inside, nobody
 * outside is told.
 */
export class Network {
  /** The address of our end of the link. */
  readonly host: string
  readonly name = `soak-${process.pid}`
  readonly #outside = `soak${process.pid}a`
  readonly #inside = `soak${process.pid}b`
  #isThere = false

  /** @throws there is no `ip`, or no right to do it */
  constructor () {
    const { outside, inside } = addresses(process.pid)
    this.host = outside
    ip('netns', 'add', this.name)
    this.#isThere = true
    try {
      ip('link', 'add', this.#outside, 'type', 'veth', 'peer', 'name', this.#inside, 'netns', this.name)
      ip('address', 'add', `${outside}/30`, 'dev', this.#outside)
      ip('link', 'set', this.#outside, 'up')
      ip('-n', this.name, 'address', 'add', `${inside}/30`, 'dev', this.#inside)
      this.mend()
    } catch (error) {
      this.remove()
      throw error
    }
  }

  /** The command that runs another one inside. */
  get within (): string[] {
    return ['ip', 'netns', 'exec', this.name]
  }

  cut (): void {
    ip('-n', this.name, 'link', 'set', this.#inside, 'down')
  }

  mend (): void {
    ip('-n', this.name, 'link', 'set', this.#inside, 'up')
  }

  /** The link goes first: the namespace itself lives as long as a process in it. */
  remove (): void {
    if (!this.#isThere) return
    this.#isThere = false
    try {
      ip('link', 'delete', this.#outside)
    } catch {
      // It was not there yet.
    }
    ip('netns', 'delete', this.name)
  }
}
