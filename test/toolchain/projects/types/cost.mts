import Fastify from 'fastify'
import sockets from 'fastify-sockets'
import { Type } from 'typebox'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'

export const app = Fastify().withTypeProvider<TypeBoxTypeProvider>()
app.register(sockets)
export const schema = { params: Type.Object({ room: Type.String() }), querystring: Type.Object({ since: Type.Number() }) }
export const Say = Type.Object({ text: Type.String() })
export const Line = Type.Object({ from: Type.String(), text: Type.String() })
