// An identity provider that nobody here wrote: npm oidc-provider, on loopback, for the tests.
//
//   node issuer.mjs '{"resources": [URL, ...], "scopes": [NAME, ...], "clients": [{...}], "port": 0}'
//
// One JSON line on stdout once it listens: {"issuer": URL, "kid": ID}. Then it obeys one JSON line
// on stdin at a time, and answers each with one on stdout:
//   {"command": "rotate", "keep": true}   sign with a new key; publish the old ones too, or not
// It ends when stdin closes, and on SIGTERM.
//
// Rule: an access token is a JWT of RFC 9068 for exactly the one resource that was asked for.

import { createServer } from 'node:http';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';

import Provider, { errors } from 'oidc-provider';
// Not public, but the version is pinned: what it keeps must outlive a rotation.
import { createMemoryAdapter } from 'oidc-provider/lib/adapters/memory_adapter.js';

const TOKEN_LIFETIME_S = 3600;
const options = JSON.parse(process.argv[2]);

function newKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const kid = randomBytes(8).toString('hex');
  return { ...privateKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' };
}

function resourceServer(_ctx, resource) {
  if (!options.resources.includes(resource)) throw new errors.InvalidTarget();
  return {
    audience: resource,
    scope: options.scopes.join(' '),
    accessTokenFormat: 'jwt',
    accessTokenTTL: TOKEN_LIFETIME_S,
    jwt: { sign: { alg: 'RS256' } },
  };
}

function provider(issuer, keys) {
  const built = new Provider(issuer, {
    adapter,
    clients: options.clients,
    cookies: { keys: cookieKeys },
    jwks: { keys },
    scopes: ['openid', 'offline_access', ...options.scopes],
    pkce: { required: () => true },
    ttl: { AccessToken: TOKEN_LIFETIME_S, ClientCredentials: TOKEN_LIFETIME_S },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: true },
      registration: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: resourceServer,
        useGrantedResource: () => true,
      },
    },
  });
  // A fault of ours must be read in the log, not guessed from a bare server_error.
  built.on('server_error', (_ctx, error) => console.error(error));
  return built;
}

let keys = [newKey()];
const cookieKeys = [randomBytes(32).toString('hex')];
const adapter = createMemoryAdapter();

const server = createServer((request, response) => handle(request, response));
server.listen(options.port ?? 0, '127.0.0.1');
await new Promise((resolve) => server.once('listening', resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;
let handle = provider(issuer, keys).callback();

function say(answer) {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

function rotate({ keep }) {
  keys = [newKey(), ...(keep ? keys : [])];
  handle = provider(issuer, keys).callback();
  return { kid: keys[0].kid };
}

const commands = { rotate };

process.on('SIGTERM', () => process.exit(0));
createInterface({ input: process.stdin })
  .on('line', (line) => {
    const asked = JSON.parse(line);
    say(commands[asked.command](asked));
  })
  .on('close', () => process.exit(0));

say({ issuer, kid: keys[0].kid });
