import type { Engine } from '../backplane/engine.ts'
import type { MessageCodec } from '../backplane/following.ts'
import { RemoteEngine } from '../backplane/remote.ts'
import type { TestProcess } from './driver-setting.ts'
import type { Subject } from './world.ts'

const codec: MessageCodec<string> = {
  encode: (message, room) => Buffer.concat([Buffer.alloc(room), Buffer.from(message)]),
  decode: bytes => Buffer.from(bytes).toString()
}

/** Engines that are built on drivers, as topics use them. */
export function remoteSubject<Process extends TestProcess> (drivers: Subject<Process>): Subject<Engine<string>> {
  return {
    ...drivers,
    async begin () {
      const world = await drivers.begin()
      const processes = new Map<Engine<string>, Process>()
      return {
        pass: world.pass,
        async store () {
          const store = await world.store()
          const { stop, resume, flush, save } = store
          return {
            async connect () {
              const process = await store.connect()
              const engine = new RemoteEngine<string>({ name: 'tested', create: () => process.driver }, codec)
              processes.set(engine, process)
              return engine
            },
            cut: engine => store.cut(processes.get(engine)!),
            mend: engine => store.mend(processes.get(engine)!),
            stop,
            resume,
            flush,
            save
          }
        },
        async end () {
          for (const engine of processes.keys()) await engine.close()
          await world.end()
        }
      }
    }
  }
}
