// The protocol's own reference server, announced and ended as tests/rigs/child.py wants it.
//
// Its words go to stderr; one JSON line on stdout says where it listens; it ends with its stdin.

const [mode, port] = process.argv.slice(2);
const PATHS = { streamableHttp: "/mcp", sse: "/sse" };
process.env.PORT = port;

const say = console.error.bind(console);
console.log = say;
console.error = (...words) => {
  say(...words);
  if (/ on port /.test(String(words[0]))) {
    process.stdout.write(JSON.stringify({ url: `http://127.0.0.1:${port}${PATHS[mode]}` }) + "\n");
  }
};

process.stdin.on("end", () => process.exit(0)).resume();
await import(`./node_modules/@modelcontextprotocol/server-everything/dist/transports/${mode}.js`);
