import { runInNewContext, runInThisContext } from 'node:vm'
import { test } from 'tap'
import { OFFER, original } from '../support/deflate.ts'
import { BINARY, TEXT } from '../support/opcodes.ts'
import { codeOf, pair, serve } from '../support/serve.ts'
import { turn } from '../support/until.ts'

/** Claims what it does not hold, in every way in which that can be asked. */
function liar (Parent: typeof Buffer | typeof Uint8Array, claims: Record<string, unknown>): new (of: any, ...rest: any[]) => Uint8Array {
  class Liar extends (Parent as typeof Uint8Array) {}
  for (const [name, value] of Object.entries(claims)) Object.defineProperty(Liar.prototype, name, { get: () => value })
  return Liar
}

/** Tells the truth when it is first asked. */
function laterLiar (bytes: Uint8Array, claimed: number): Uint8Array {
  let asked = 0
  class Later extends Uint8Array {
    override get length (): number {
      return asked++ === 0 ? bytes.byteLength : claimed
    }
  }
  return new Later(bytes)
}

/** Bytes beside each other in memory, as Node's pool has them: those before and behind are none of the client's. */
function pooled (content: Uint8Array): Buffer {
  const memory = Buffer.alloc(content.length + 60_000, 'secret ')
  memory.set(content, 20_000)
  return memory.subarray(20_000, 20_000 + content.length)
}

function own (bytes: Uint8Array, properties: Record<string, unknown>): Uint8Array {
  for (const [name, value] of Object.entries(properties)) Object.defineProperty(bytes, name, { value })
  return bytes
}

const elsewhere = Buffer.alloc(100_000, 'secret ').buffer

const LIES: Array<[name: string, lie: (content: Uint8Array) => Uint8Array]> = [
  ...[1, 500, 10_000].flatMap<[string, (content: Uint8Array) => Uint8Array]>(length => [
    [`a subclass of Uint8Array with length ${length}`, content => new (liar(Uint8Array, { length, byteLength: length }))(content)],
    [`a property length of ${length} on a Buffer`, content => own(pooled(content), { length, byteLength: length })],
    [`a getter for length of ${length} on a Uint8Array`, content => {
      return Object.defineProperty(Uint8Array.from(content), 'length', { get: () => length })
    }],
    [`a getter that comes to ${length} later`, content => laterLiar(content, length)],
    [`a Buffer that has got the prototype of a class with length ${length}`, content => {
      return Object.setPrototypeOf(pooled(content), liar(Buffer, { length }).prototype)
    }]
  ]),
  ['a property byteOffset', content => own(pooled(content), { byteOffset: 0 })],
  ['a property buffer', content => own(pooled(content), { buffer: elsewhere })],
  ['a subclass with all of it', content => {
    return new (liar(Uint8Array, { length: 700, byteOffset: 7, buffer: elsewhere, byteLength: 3 }))(content)
  }],
  ['another name and class', content => {
    return own(pooled(content), { constructor: Float64Array, [Symbol.toStringTag]: 'Float64Array', BYTES_PER_ELEMENT: 8 })
  }],
  ['another species', content => own(pooled(content), { constructor: { [Symbol.species]: Float64Array } })]
]

for (const { mode, ws, headers } of [
  { mode: 'plain', ws: {}, headers: {} }, { mode: 'compressed', ws: { deflate: { threshold: 0 } }, headers: OFFER }
]) {
  for (const size of [20, 1200, 5000, 40_000]) {
    test(`bytes that lie about themselves are sent as they are, and nothing else of our memory: ${size} B, ${mode}`, async t => {
      const content = Uint8Array.from({ length: size }, (_, i) => i % 251)
      const { client, socket, open, app } = await pair(t, ws, {}, headers)
      const victim = await open(headers)
      const other = [...app.sockets][1]!
      for (const [name, lie] of LIES) {
        other.send('what is only for another '.repeat(40))
        socket.send(lie(content))
        socket.send('behind it')
        const found = await client.frame()
        t.ok(found.opcode === BINARY && original(found).equals(content), name)
        t.equal(original(await client.frame()).toString(), 'behind it', name)
        await victim.frame()
      }
    })
  }
}

function detached (): Uint8Array {
  const bytes = new Uint8Array(8)
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
  return bytes
}

function detachedView (View: new (memory: ArrayBuffer) => unknown): unknown {
  const memory = new ArrayBuffer(8)
  const view = new View(memory)
  structuredClone(memory, { transfer: [memory] })
  return view
}

function resizable (length: number): ArrayBuffer & { resize (length: number): void } {
  return new (ArrayBuffer as any)(length, { maxByteLength: length * 2 })
}

function outOfBounds (): Uint8Array {
  const memory = resizable(8)
  const bytes = new Uint8Array(memory, 4, 4)
  memory.resize(2)
  return bytes
}

for (const { name, value, named } of [
  { name: 'an object on the prototype of Uint8Array', value: Object.create(Uint8Array.prototype), named: 'object' },
  { name: 'one that claims a length', value: Object.create(Buffer.prototype, { length: { value: 99 } }), named: 'object' },
  { name: 'a Proxy of a Buffer', value: new Proxy(Buffer.from('hello'), {}), named: 'object' },
  { name: 'a Proxy of an ArrayBuffer', value: new Proxy(new ArrayBuffer(5), {}), named: 'object' },
  { name: 'an object on the prototype of ArrayBuffer', value: Object.create(ArrayBuffer.prototype), named: 'object' },
  { name: 'an object that calls itself one', value: { [Symbol.toStringTag]: 'Uint8Array', length: 9 }, named: 'object' },
  { name: 'a Uint8Array whose memory is gone', value: detached(), named: 'bytes that were transferred' },
  { name: 'an ArrayBuffer whose memory is gone', value: detached().buffer, named: 'bytes that were transferred' },
  { name: 'a Float64Array whose memory is gone', value: detachedView(Float64Array), named: 'bytes that were transferred' },
  { name: 'a DataView whose memory is gone', value: detachedView(DataView), named: 'bytes that were transferred' },
  { name: 'a Proxy of a DataView', value: new Proxy(new DataView(new ArrayBuffer(4)), {}), named: 'object' },
  { name: 'an object on the prototype of DataView', value: Object.create(DataView.prototype), named: 'object' },
  { name: 'an object on the prototype of SharedArrayBuffer', value: Object.create(SharedArrayBuffer.prototype), named: 'object' },
  { name: 'a Uint8Array beyond the end of its memory', value: outOfBounds(), named: 'bytes that were transferred' }
]) {
  test(`send() refuses ${name}`, async t => {
    const { client, socket } = await pair(t)
    t.throws(() => socket.send(value), { code: 'FST_ERR_WS_SEND_TYPE', message: `not ${named};` })
    socket.send('the next')
    t.equal((await client.frame()).payload.toString(), 'the next', 'nothing was sent')
  })
}

for (const { name, make } of [
  { name: 'an ArrayBuffer that can be resized', make: (memory: ArrayBuffer) => memory },
  { name: 'a Uint8Array on one', make: (memory: ArrayBuffer) => new Uint8Array(memory) },
  { name: 'a part of one', make: (memory: ArrayBuffer) => new Uint8Array(memory, 0, 9000) }
]) {
  test(`${name} is sent as it was, whatever becomes of it`, async t => {
    const { client, socket } = await pair(t)
    const memory = resizable(9000)
    new Uint8Array(memory).fill(7)
    socket.send(make(memory))
    memory.resize(1)
    t.strictSame((await client.frame()).payload, Buffer.alloc(9000, 7))
  })
}

const VIEWS = [
  'Int8Array', 'Uint8Array', 'Uint8ClampedArray', 'Int16Array', 'Uint16Array', 'Int32Array', 'Uint32Array', 'Float32Array', 'Float64Array',
  'BigInt64Array', 'BigUint64Array', 'DataView'
]

for (const { realm, make } of [
  { realm: 'this', make: (code: string) => runInThisContext(code) },
  { realm: 'another', make: (code: string) => runInNewContext(code) }
]) {
  for (const { mode, ws, headers } of [
    { mode: 'plain', ws: {}, headers: {} }, { mode: 'compressed', ws: { deflate: { threshold: 0 } }, headers: OFFER }
  ]) {
    test(`every view of memory of ${realm} realm goes with its own bytes, ${mode}`, async t => {
      const { client, socket } = await pair(t, ws, {}, headers)
      for (const size of [16, 4000]) {
        for (const memory of [`new ArrayBuffer(${size})`, `new ArrayBuffer(${size}, { maxByteLength: 9000 })`, `new SharedArrayBuffer(${size})`]) {
          for (const View of VIEWS) {
            const [whole, view] = make(`{
              const memory = ${memory}
              new Uint8Array(memory).forEach((_, i, bytes) => { bytes[i] = i })
              const view = ${View} === DataView ? new DataView(memory, 8, 8) : new ${View}(memory, 8, 8 / ${View}.BYTES_PER_ELEMENT)
              ;[memory, view]
            }`)
            socket.send(whole)
            socket.send(view)
            const bytes = Buffer.from(new Uint8Array(whole))
            t.ok(original(await client.frame()).equals(bytes), memory)
            t.ok(original(await client.frame()).equals(bytes.subarray(8, 16)), `${View} of ${memory}`)
          }
        }
      }
    })
  }
}

test('a view that lies about itself is sent as it is', async t => {
  const { client, socket } = await pair(t)
  const lies = { length: 3, byteLength: 1, byteOffset: 1, buffer: elsewhere, constructor: Uint8Array }
  for (const view of [new Float32Array(2), new DataView(new ArrayBuffer(8))]) {
    for (const [name, value] of Object.entries(lies)) Object.defineProperty(view, name, { value })
    socket.send(view)
    t.strictSame((await client.frame()).payload, Buffer.alloc(8))
  }
  socket.send(Object.setPrototypeOf(new Float32Array(2), Uint8Array.prototype))
  t.strictSame((await client.frame()).payload, Buffer.alloc(8))
})

test('memory that threads share is sent', async t => {
  const { client, socket } = await pair(t)
  for (const size of [5, 5000]) {
    const bytes = new Uint8Array(new SharedArrayBuffer(size)).fill(3)
    socket.send(bytes)
    t.strictSame((await client.frame()).payload, Buffer.alloc(size, 3))
  }
})

test('empty bytes are an empty message', async t => {
  const { client, socket } = await pair(t)
  for (const empty of [Buffer.alloc(0), new Uint8Array(), new ArrayBuffer(0), own(new Uint8Array(), { length: 50 })]) {
    socket.send(empty)
    t.match(await client.frame(), { opcode: BINARY, payload: Buffer.alloc(0) })
  }
})

for (const { name, answer, named } of [
  { name: 'nothing', answer: undefined, named: 'undefined' },
  { name: 'a number', answer: 42, named: 'number' },
  { name: 'an object with a length', answer: { length: 30 }, named: 'object' },
  { name: 'a String object', answer: Object('text'), named: 'object' }
]) {
  test(`a serializer that returns ${name} is a failure of the handler, and nothing is sent`, async t => {
    const { open, app } = await serve(t, socket => socket.send(1), {}, {
      schema: { send: { mine: 1 } }, serializerCompiler: () => () => answer
    })
    const client = await open()
    t.strictSame(await client.close(), { code: 1011, reason: 'internal error' })
    t.match(app.lines.filter(line => line.level >= 50), [{
      err: { code: 'FST_ERR_WS_SERIALIZER', message: `not ${named}` }
    }])
  })
}

test('a serializer may return bytes, of which only the true ones are sent', async t => {
  const { client, socket } = await pair(t, {}, {
    schema: { send: { mine: 1 } },
    serializerCompiler: () => (value: string) => value === 'text' ? value : own(Buffer.from(value), { length: 5000 })
  })
  socket.send('hello')
  socket.send('text')
  t.match(await client.frame(), { opcode: BINARY, payload: Buffer.from('hello') })
  t.match(await client.frame(), { opcode: TEXT, payload: Buffer.from('text') })
})

test('the client of injectWS says that a value cannot be sent', async t => {
  const { app } = await serve(t, () => {}, {}, { schema: { message: { type: 'string' } } })
  const client = await app.injectWS('/') as any
  t.equal(await codeOf(() => client.send(undefined)), 'FST_ERR_WS_SERIALIZER')
  await client.close()
  await turn()
})
