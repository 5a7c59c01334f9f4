import { Dice } from './generator/dice.ts'

/** Who subscribes to what, and what is published: so that every topic has as many subscribers as any other. */
export interface TopicPlan {
  connections: number
  /** How many topics there are. */
  topics: number
  /** How many of them each connection subscribes to: a divisor of `topics`. */
  each: number
  /** How many topics one command publishes to, in one turn: a divisor of `topics`. */
  batch: number
}

/** What a server with topics can be told. It answers the first and the last when it has done so. */
export const SUBSCRIBE = 'subscribe'
export const PUBLISH = 'publish'
export const LEAVE = 'leave'

/** @throws unless it works out */
export function subscribersOf ({ connections, topics, each, batch }: TopicPlan): number {
  const subscribers = connections * each / topics
  if (![subscribers, topics / each, topics / batch].every(Number.isInteger)) throw new Error('an uneven plan of topics')
  return subscribers
}

/** The topics of each connection, by their numbers: at random, the same in every run. */
export function topicsByConnection ({ connections, topics, each }: TopicPlan): number[][] {
  const all: number[][] = []
  for (let seed = 1; all.length < connections; seed++) {
    const shuffled = new Dice(seed).shuffled(topics)
    for (let start = 0; start < topics && all.length < connections; start += each) all.push(shuffled.slice(start, start + each))
  }
  return all
}

/** The topics of the nth command to publish. */
export function topicsOfBatch ({ topics, batch }: TopicPlan, n: number): number[] {
  return Array.from({ length: batch }, (_, i) => (n * batch + i) % topics)
}
