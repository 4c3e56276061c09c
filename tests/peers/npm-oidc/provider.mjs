// SPDX-License-Identifier: Apache-2.0
// An identity provider, the npm package oidc-provider: provider.mjs MODULES PORT REDIRECT... Anybody logs in by any password; who he
// is follows from the name he types: NAME@plant.example is his verified mail address, unless it begins with "unverified".
import { generateKeyPairSync } from 'node:crypto';
import { pathToFileURL } from 'node:url';
const [modules, port, ...redirects] = process.argv.slice(2);
const { default: Provider } = await import(pathToFileURL(`${modules}/oidc-provider/lib/index.js`).href);
const key = (kid, type, options) => ({ ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), kid, use: 'sig' });
const client = (id, more) => ({ client_id: id, redirect_uris: redirects, response_types: ['code'], grant_types: ['authorization_code'], ...more });
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    client('koppel', { client_secret: 'a secret: with/odd & characters' }),
    client('koppel-es256', { client_secret: 'second', id_token_signed_response_alg: 'ES256' }),
    client('koppel-public', { token_endpoint_auth_method: 'none' }),
  ],
  jwks: { keys: [key('rsa', 'rsa', { modulusLength: 2048 }), key('ec', 'ec', { namedCurve: 'P-256' })] },
  cookies: { keys: ['of the tests'] },
  pkce: { required: () => true },
  conformIdTokenClaims: false,
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['preferred_username', 'groups'] },
  findAccount: (ctx, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@plant.example`, email_verified: !id.startsWith('unverified'), preferred_username: id,
      groups: id.startsWith('fitter') ? ['everybody', 'maintenance'] : ['everybody'] }),
  }),
});
provider.listen(Number(port), '127.0.0.1', () => console.log(`READY http://127.0.0.1:${port}`));
