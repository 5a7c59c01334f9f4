/** The part of WebAssembly that is used here, which Node 20's types lack. */
export interface WebAssemblyApi {
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object) => { exports: object }
}

/** What `simd.wat` exports. */
interface Simd {
  memory: { buffer: ArrayBuffer }
  /** Like `mask` in mask.ts, with the key as it applies to the first byte. */
  mask (start: number, end: number, key: number): void
  isAscii (start: number, end: number): 0 | 1
}

/** `simd.wat` in binary. */
const MODULE = Buffer.from(
  'AGFzbQEAAAABDQJgA39/fwBgAn9/AX8DAwIAAQUEAQEICAcbAwZtZW1vcnkCAARtYXNrAAAHaXNBc2NpaQABCrYCArUBAQF7IAL9ESED' +
  'AkADQCAAQcAAaiABSw0BIAAgAP0ABAAgA/1R/QsEACAAIAD9AAQQIAP9Uf0LBBAgACAA/QAEICAD/VH9CwQgIAAgAP0ABDAgA/1R/QsE' +
  'MCAAQcAAaiEADAALCwJAA0AgAEEEaiABSw0BIAAgACgCACACczYCACAAQQRqIQAMAAsLAkADQCAAIAFGDQEgACAALQAAIAJzOgAAIAJB' +
  'CHYhAiAAQQFqIQAMAAsLC30CAXsBfwJAA0AgAEEQaiABSw0BIAIgAP0ABAD9UCECIABBEGohAAwACwsCQANAIABBBGogAUsNASADIAAo' +
  'AgByIQMgAEEEaiEADAALCwJAA0AgACABRg0BIAMgAC0AAHIhAyAAQQFqIQAMAAsLIAL9ZCADQYCBgoR4cXJFCw==', 'base64')

/** Null if WebAssembly or its SIMD is missing: `node --jitless`, an old processor, no address space left. */
export function instantiate (api: WebAssemblyApi | undefined): Simd | null {
  if (api === undefined) return null
  try {
    return new api.Instance(new api.Module(MODULE)).exports as Simd
  } catch {
    return null
  }
}

/** Does cheaply to bytes of `simdMemory` what is costly elsewhere; null if `simdMemory` is null. */
export const simd = instantiate((globalThis as { WebAssembly?: WebAssemblyApi }).WebAssembly)

/**
 * 512 KiB in which visiting every byte costs next to nothing: payloads are best read into it.
 * Node 20, masking, ns per call, here/elsewhere: 8 B 8/11, 20 B 13/23, 128 B 14/101, 1 KiB 36/490, 64 KiB 1,800/24,000.
 */
export const simdMemory: Buffer | null = simd === null ? null : Buffer.from(simd.memory.buffer)
