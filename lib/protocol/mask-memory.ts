/** The part of WebAssembly that is used here; Node 20's types know none of it. */
export interface WebAssemblyApi {
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object) => { exports: object }
}

interface MaskModule {
  memory: { buffer: ArrayBuffer }
  mask (at: number, end: number, key: number): void
}

/** `mask.wat` in binary. */
const MODULE = Buffer.from(
  'AGFzbQEAAAABBwFgA39/fwADAgEABQQBAQgIBxECBm1lbW9yeQIABG1hc2sAAAq4AQG1AQEBeyAC/REhAwJAA0AgAEHAAGogAUsN' +
  'ASAAIAD9AAQAIAP9Uf0LBAAgACAA/QAEECAD/VH9CwQQIAAgAP0ABCAgA/1R/QsEICAAIAD9AAQwIAP9Uf0LBDAgAEHAAGohAAwA' +
  'CwsCQANAIABBBGogAUsNASAAIAAoAgAgAnM2AgAgAEEEaiEADAALCwJAA0AgACABRg0BIAAgAC0AACACczoAACACQQh2IQIgAEEB' +
  'aiEADAALCws=', 'base64')

/** Null where WebAssembly or its SIMD is missing: `node --jitless`, an old processor, no address space left. */
export function instantiate (api: WebAssemblyApi | undefined): MaskModule | null {
  if (api === undefined) return null
  try {
    return new api.Instance(new api.Module(MODULE)).exports as MaskModule
  } catch {
    return null
  }
}

const module = instantiate((globalThis as { WebAssembly?: WebAssemblyApi }).WebAssembly)

/**
 * 512 KiB in which masking costs next to nothing: what is to be masked is best read into it. Null if there is none.
 * Node 20, ns a call, here / elsewhere: 8 B 8/11, 20 B 13/23, 128 B 14/101, 1 KiB 36/490, 64 KiB 1,800/24,000.
 */
export const maskMemory: Buffer | null = module === null ? null : Buffer.from(module.memory.buffer)

/** Masks bytes of `maskMemory`, with the key as it applies to the first of them. */
export const maskInMemory = module === null ? null : module.mask
