import type { SocketContract } from '../contract/define-socket.ts'
import type {
  AnyQuery, GotFrom, OptionsArgument, ParamsFor, ParamsOfUrl, Part, QueryFor, SentTo, TypeProvider
} from '../contract/wire.ts'
import type { Asked, ClientCodec, ClientOptions, ClientSocket } from './types.ts'

/** The types of a route by hand, named as those of a route in Fastify are. */
export interface RouteTypes {
  Params?: object
  Querystring?: object
  /** What the client sends. */
  Message?: unknown
  /** What the client gets. */
  Send?: unknown
}

/** Beside the options of every socket: where this one goes. */
type Options<Params, Query, Receive, Extra> = ClientOptions<Receive> &
  Part<'params', Params, Asked<Params, Receive>> & Part<'query', Query, Asked<Query, Receive>> & Extra

type Of<Types, Name extends keyof RouteTypes, Otherwise> = Types extends { [_ in Name]: infer Type } ? Type : Otherwise

/** At run time a type is gone: what is not JSON both ways has to be said. */
type CodecOf<Schema> = Schema extends { message: unknown, send: unknown } ? {}
  : Schema extends { message: unknown } | { send: unknown } ? { codec: ClientCodec } : { codec: 'raw' | ClientCodec }

type OptionsFor<Contract extends SocketContract, Provider extends TypeProvider, Extra> = Options<
  ParamsFor<Contract['schema'], Contract['url'], Provider>,
  QueryFor<Contract['schema'], Provider>,
  GotFrom<Contract['schema'], Provider>,
  Extra
>

/** The socket of a contract. An interface, so that its types are only worked out where a member is used. */
export interface SocketTo<Contract extends SocketContract, Provider extends TypeProvider = TypeProvider>
  extends ClientSocket<GotFrom<Contract['schema'], Provider>, SentTo<Contract['schema'], Provider>> {}

/**
 * Connects to a route. The socket is there at once, and connects by itself.
 *
 * `connect(chat, …)` takes a contract, whose types and codec it knows; `connect<typeof chat>('/rooms/:room', …)` takes its types
 * alone, so that nothing of its schemas is loaded; `connect<{ Message, Send, Params, Querystring }>('/rooms/:room', …)` takes
 * types that are written by hand.
 *
 * The URL is put behind the address, with a slash between them: neither the URL nor a value in it leads to another server.
 *
 * With the option `params` for the parameters of the URL and `query` for its query: values, or functions that are asked for
 * them before each attempt.
 *
 * @throws {FST_ERR_WS_CLIENT_OPTION} an option that is a size or a time is no number, or negative; Infinity is one
 */
export interface Connect<Provider extends TypeProvider, Extra> {
  // Those with a default of `never` are for a type argument, and fit nothing without one.
  <Contract extends SocketContract = never> (
    url: Contract['url'],
    ...options: [Contract] extends [never] ? [never, never]
      : OptionsArgument<OptionsFor<Contract, Provider, Extra> & CodecOf<Contract['schema']>>
  ): SocketTo<Contract, Provider>
  <Types extends RouteTypes = never> (
    url: string,
    ...options: [Types] extends [never] ? [never, never] : OptionsArgument<Options<
      Of<Types, 'Params', ParamsOfUrl<string>>, Of<Types, 'Querystring', AnyQuery>, Of<Types, 'Send', unknown>, Extra
    >>
  ): ClientSocket<Of<Types, 'Send', unknown>, Of<Types, 'Message', unknown>>
  <const Url extends string, Schema = never> (
    route: Url | SocketContract<Url, Schema>,
    ...options: OptionsArgument<[Schema] extends [never] ? Options<ParamsOfUrl<Url>, AnyQuery, unknown, Extra>
      : OptionsFor<SocketContract<Url, Schema>, Provider, Extra>>
  ): [Schema] extends [never] ? ClientSocket<unknown, unknown> : SocketTo<SocketContract<Url, Schema>, Provider>
}

export interface Client<Provider extends TypeProvider = TypeProvider, Extra = {}> {
  connect: Connect<Provider, Extra>
}

/**
 * Makes a client of a server.
 *
 * `createClient<TypeBoxTypeProvider>(…)` takes the types of contracts by a type provider of Fastify. Standard Schemas, such as
 * those of Zod, need none.
 *
 * @param base the address, such as `wss://example.com` or `https://example.com/api`; on a page it may be relative: `/`
 * @param defaults options of each of its sockets
 * @throws {FST_ERR_WS_CLIENT_BASE} this is no address
 */
export interface CreateClient<Extra = {}, Defaults = {}> {
  <Provider extends TypeProvider = TypeProvider> (base: string | URL, defaults?: ClientOptions & Extra & Defaults): Client<Provider, Extra>
}
