import type { FastifyInstance } from 'fastify'
import type { Scope } from '../live/scope.ts'
import type { TopicScope } from '../topics/topic-scope.ts'
import { sharedSymbol } from './copies.ts'

/** What one registration of the plugin has made. */
export interface Registration {
  readonly scope: Scope
  readonly topics: TopicScope
}

/** The key of an instance's registration. Child instances inherit it, as they do Fastify's decorators. */
export const kRegistration = sharedSymbol('registration')

/** The registration that serves an instance. */
export function registrationOf (instance: FastifyInstance): Registration | undefined {
  return (instance as unknown as Record<symbol, Registration | undefined>)[kRegistration]
}
