import { cut, testPlaces } from './place.ts'
import { hook, stuckRoute } from './routes.ts'

testPlaces([
  {
    name: 'the hook onTimeout',
    declare (app, code) {
      app.addHook('onTimeout', hook(code))
      stuckRoute(app, request => request.raw.socket.setTimeout(1))
    },
    end: cut
  }
])
