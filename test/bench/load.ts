import { backplane, type BackplaneLoad } from './loads/backplane.ts'
import { type BesideLoad, beside } from './loads/beside.ts'
import { bystander, type BystanderLoad } from './loads/bystander.ts'
import { type EchoLoad, echo } from './loads/echo.ts'
import { type FanOutLoad, fanOut } from './loads/fan-out.ts'
import { type FloodLoad, flood } from './loads/flood.ts'
import { type HandshakeLoad, handshakes } from './loads/handshakes.ts'
import type { Kind } from './loads/kind.ts'
import { type LoneTopicsLoad, loneTopics } from './loads/lone-topics.ts'
import { type ManyTopicsLoad, manyTopics } from './loads/many-topics.ts'
import { type MemoryLoad, memory } from './loads/memory.ts'
import { type SubscriptionsLoad, subscriptions } from './loads/subscriptions.ts'

export type Load =
  | EchoLoad | HandshakeLoad | MemoryLoad | FloodLoad | FanOutLoad | BesideLoad | ManyTopicsLoad | SubscriptionsLoad | LoneTopicsLoad
  | BackplaneLoad | BystanderLoad

const KINDS: { [K in Load['kind']]: Kind<Extract<Load, { kind: K }>> } = {
  echo,
  handshakes,
  memory,
  flood,
  'fan-out': fanOut,
  beside,
  'many-topics': manyTopics,
  subscriptions,
  'lone-topics': loneTopics,
  backplane,
  bystander
}

export function kindOf ({ kind }: Load): Kind<Load> {
  return KINDS[kind] as Kind<any>
}

export function nameOf (load: Load): string {
  return kindOf(load).name(load)
}
