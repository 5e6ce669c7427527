// One visit of an MCP endpoint by an official TypeScript SDK:
//
//   node call_sdk.mjs SDK < job.json     SDK: sdk1 (@modelcontextprotocol/sdk),
//                                        client2-legacy, client2-modern, client2-auto
//                                        (.../client)
//
// The job and the report are those of tests/rigs/sdk_clients.py. Every failure is an uncaught one:
// exit code 1 and a stack on stderr.

import { text } from 'node:stream/consumers';

const SDKS = {
  sdk1: legacySdk,
  'client2-legacy': () => currentSdk('legacy'),
  'client2-modern': () => currentSdk({ pin: '2026-07-28' }),
  'client2-auto': () => currentSdk('auto'),
};

async function legacySdk() {
  const { Client } = await import('@modelcontextprotocol/sdk/client/index.js');
  const { StreamableHTTPClientTransport } = await import(
    '@modelcontextprotocol/sdk/client/streamableHttp.js'
  );
  return {
    client: new Client({ name: 'interop-ts-1', version: '1.0.0' }),
    transport: (url, options) => new StreamableHTTPClientTransport(url, options),
    call: (client, params, options) => client.callTool(params, undefined, options),
    revision: (_client, transport) => transport.protocolVersion,
  };
}

async function currentSdk(mode) {
  const { Client, StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client');
  return {
    client: new Client(
      { name: 'interop-ts-2', version: '1.0.0' },
      { versionNegotiation: { mode } },
    ),
    transport: (url, options) => new StreamableHTTPClientTransport(url, options),
    call: (client, params, options) => client.callTool(params, options),
    revision: (client) => client.getNegotiatedProtocolVersion(),
  };
}

async function visit(sdk, job) {
  const headers = { Authorization: `Bearer ${job.token}` };
  const transport = sdk.transport(new URL(job.url), { requestInit: { headers } });
  const { client } = sdk;
  await client.connect(transport);
  const progress = [];
  const { tools } = await client.listTools();
  const call = { name: job.tool, arguments: job.arguments };
  const onprogress = (each) => progress.push(each.progress);
  const called = await sdk.call(client, call, { onprogress });
  const { prompts } = await client.listPrompts();
  const prompt = await client.getPrompt({ name: job.prompt, arguments: job.prompt_arguments });
  const { resources } = await client.listResources();
  const resource = await client.readResource({ uri: job.resource });
  const report = {
    revision: sdk.revision(client, transport),
    server: client.getServerVersion()?.name ?? null,
    tools: tools.map((tool) => tool.name),
    text: called.content[0].text,
    is_error: called.isError ?? false,
    progress,
    prompts: prompts.map((each) => each.name),
    prompt: prompt.messages[0].content.text,
    resources: resources.map((each) => each.uri),
    resource: resource.contents[0].text,
  };
  // Ending the session is a wish that a server may refuse; the SDK knows that.
  await transport.terminateSession?.();
  await client.close();
  return report;
}

const sdk = await SDKS[process.argv[2]]();
const report = await visit(sdk, JSON.parse(await text(process.stdin)));
process.stdout.write(`${JSON.stringify(report)}\n`);
