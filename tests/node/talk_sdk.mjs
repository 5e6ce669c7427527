// An official TypeScript SDK as a client that is asked, told and cancels:
//
//   node talk_sdk.mjs SDK < job.json     SDK: sdk1 (@modelcontextprotocol/sdk), client2-legacy,
//                                        client2-modern, client2-auto (.../client)
//
// The job is {"url", "token"}, the server one of the talking ones of tests/rigs. A legacy client
// subscribes and hears beside its calls, a modern one listens. What came of it is on stdout; every
// failure is an uncaught one.

import { text } from 'node:stream/consumers';

const CAPABILITIES = { sampling: {}, elicitation: {}, roots: {} };
const UPDATED = 'notifications/resources/updated';
const RESOURCE = 'talk://one';
const CHANGED = 'notifications/tools/list_changed';

async function sdk1() {
  const { Client } = await import('@modelcontextprotocol/sdk/client/index.js');
  const { StreamableHTTPClientTransport } = await import(
    '@modelcontextprotocol/sdk/client/streamableHttp.js'
  );
  const types = await import('@modelcontextprotocol/sdk/types.js');
  return {
    client: new Client({ name: 'talk-1', version: '1' }, { capabilities: CAPABILITIES }),
    Transport: StreamableHTTPClientTransport,
    answer: (client, method, handler) => client.setRequestHandler(types[method.schema], handler),
    hear: (client, method, handler) => client.setNotificationHandler(types[method.schema], handler),
    call: (client, name, options) => client.callTool({ name, arguments: {} }, undefined, options),
  };
}

async function client2(mode) {
  const { Client, StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client');
  const options = { capabilities: CAPABILITIES, versionNegotiation: { mode } };
  return {
    client: new Client({ name: 'talk-2', version: '1' }, options),
    Transport: StreamableHTTPClientTransport,
    answer: (client, method, handler) => client.setRequestHandler(method.name, handler),
    hear: (client, method, handler) => client.setNotificationHandler(method.name, handler),
    call: (client, name, options) => client.callTool({ name, arguments: {} }, options),
  };
}

async function talk(sdk, job) {
  const { client } = sdk;
  const told = new Set();
  sdk.answer(client, { name: 'sampling/createMessage', schema: 'CreateMessageRequestSchema' }, async ({ params }) => {
    const [{ content }] = params.messages;
    const said = (Array.isArray(content) ? content[0] : content).text;
    return { role: 'assistant', model: 'none', content: { type: 'text', text: `answer to ${said}` } };
  });
  sdk.answer(client, { name: 'elicitation/create', schema: 'ElicitRequestSchema' }, async ({ params }) => ({
    action: 'accept',
    content: { name: `Ada (${params.message})` },
  }));
  sdk.answer(client, { name: 'roots/list', schema: 'ListRootsRequestSchema' }, async () => ({
    roots: [{ uri: 'file:///home/ada' }],
  }));
  sdk.hear(client, { name: UPDATED, schema: 'ResourceUpdatedNotificationSchema' }, () => told.add(UPDATED));
  sdk.hear(client, { name: CHANGED, schema: 'ToolListChangedNotificationSchema' }, () => told.add(CHANGED));
  const headers = { Authorization: `Bearer ${job.token}` };
  const transport = new sdk.Transport(new URL(job.url), { requestInit: { headers } });
  await client.connect(transport);
  const textOf = async (name) => (await sdk.call(client, name)).content[0].text;
  const found = {
    ask_model: await textOf('ask_model'),
    ask_person: await textOf('ask_person'),
    ask_roots: await textOf('ask_roots'),
  };
  const isModern = client.getProtocolEra?.() === 'modern';
  const listening = isModern
    ? await client.listen({ toolsListChanged: true, resourceSubscriptions: [RESOURCE] })
    : await client.subscribeResource({ uri: RESOURCE });
  // The stream of a GET opens beside all this: whoever is early is not heard.
  while (told.size < 2) {
    await textOf('touch');
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  await (isModern ? listening.close() : client.unsubscribeResource({ uri: RESOURCE }));
  const abort = new AbortController();
  const options = { signal: abort.signal, onprogress: () => abort.abort('enough') };
  const refused = await sdk.call(client, 'wait', options).then(() => 'not cancelled', () => 'Request cancelled');
  found.cancelled = `${refused} ${await textOf('was_cancelled')}`;
  await transport.terminateSession?.();
  await client.close();
  return { ...found, told: [...told].sort() };
}

const SDKS = {
  sdk1,
  'client2-legacy': () => client2('legacy'),
  'client2-modern': () => client2({ pin: '2026-07-28' }),
  'client2-auto': () => client2('auto'),
};
const sdk = await SDKS[process.argv[2]]();
const found = await talk(sdk, JSON.parse(await text(process.stdin)));
process.stdout.write(`${JSON.stringify(found)}\n`);
