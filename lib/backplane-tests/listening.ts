import type { Retention } from '../../types/backplane.ts'
import { type Pass, until } from './waiting.ts'

let settled = 0

/** A process that notes what it is told of topics. */
export abstract class Listening<Heard extends { readonly topic: string }> {
  readonly heard: Heard[] = []
  protected readonly pass: Pass
  readonly #retention: Retention

  /** @param retention of the topics that it settles by */
  constructor (pass: Pass, retention: Retention) {
    this.pass = pass
    this.#retention = retention
  }

  /** What it has been told of a topic. */
  heardOf (topic: string): Heard[] {
    return this.heard.filter(one => one.topic === topic)
  }

  /** Waits until it has been told so many messages of a topic, and looks whether there were more. */
  async hears (topic: string, count: number): Promise<Heard[]> {
    await until(() => this.heardOf(topic).length >= count, `${count} messages of ${topic}`, this.pass)
    await this.settle()
    return this.heardOf(topic)
  }

  /** What was published before has been announced here: it took the same way as these two. */
  async settle (): Promise<void> {
    for (const retention of [null, this.#retention]) {
      const topic = `settled ${settled++}`
      await this.ask(topic, retention)
      await until(() => this.heardOf(topic).length === 1, `the message of ${topic}`, this.pass)
      this.leave(topic)
    }
  }

  /** Subscribes to a topic and publishes an empty message to it. */
  protected abstract ask (topic: string, retention: Retention | null): Promise<void>
  /** Unsubscribes. */
  protected abstract leave (topic: string): void
}

/** `1`, `2`, … */
export function count (size: number, from = 1): string[] {
  return Array.from({ length: size }, (_, i) => String(from + i))
}
