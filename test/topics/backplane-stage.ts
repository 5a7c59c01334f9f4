import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { fakeBackplane, type FakeDriver } from '../backplane/fake-driver.ts'
import { FakeStore, type FakeStoreOptions } from '../backplane/fake-store.ts'
import { stage, type Stage, type StageOptions } from './stage.ts'

/** An app on a stage that is connected to others. */
export interface Node<Declared> extends Stage<Declared> {
  readonly driver: FakeDriver
}

/** Two apps whose topics are connected by a store. */
export async function nodes<Declared = undefined> (
  t: Test, declare?: (app: FastifyInstance) => Declared, { plugin, ...others }: StageOptions = {}, ofStore: FakeStoreOptions = {}
): Promise<{ store: FakeStore, here: Node<Declared>, there: Node<Declared> }> {
  const store = new FakeStore(ofStore)
  async function node (): Promise<Node<Declared>> {
    let driver!: FakeDriver
    const backplane = fakeBackplane(store, made => { driver = made })
    const one = await stage(t, declare, { plugin: { ...plugin, backplane }, ...others })
    return { ...one, driver }
  }
  return { store, here: await node(), there: await node() }
}

/** A topic with a history that puts its position into its messages. */
export function positioned (app: FastifyInstance): any {
  return app.topic('/t', {
    schema: { message: { type: 'object', properties: { n: { type: 'integer' }, at: { type: 'string' } } } },
    history: { size: 10, ttl: 60_000, position: 'at' }
  } as object)
}
