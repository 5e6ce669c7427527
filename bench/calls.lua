-- One tools/call per request, each with its own JSON-RPC id; answers are checked.
local id = 0
local wrong = 0
local threads = {}
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Accept"] = "application/json, text/event-stream"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("BENCH_TOKEN")
local session = os.getenv("BENCH_SESSION")
local params = '"params":{"name":"echo","arguments":{}'
if session ~= nil and session ~= "" then
  wrk.headers["Mcp-Session-Id"] = session
  wrk.headers["MCP-Protocol-Version"] = "2025-11-25"
else
  wrk.headers["MCP-Protocol-Version"] = "2026-07-28"
  wrk.headers["Mcp-Method"] = "tools/call"
  wrk.headers["Mcp-Name"] = "echo"
  params = params .. ',"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",'
    .. '"io.modelcontextprotocol/clientCapabilities":{}}'
end
function setup(thread) table.insert(threads, thread) end
function init(args) wrong_answers = 0 end
function request()
  id = id + 1
  return wrk.format(nil, nil, nil,
    '{"jsonrpc":"2.0","id":' .. id .. ',"method":"tools/call",' .. params .. "}}")
end
function response(status, headers, body)
  if status ~= 200 or not string.find(body, '"text":"ok"', 1, true) and
    not string.find(body, '"text": "ok"', 1, true) then
    wrong_answers = wrong_answers + 1
  end
end
function done(summary, latency, requests)
  for _, thread in ipairs(threads) do wrong = wrong + thread:get("wrong_answers") end
  io.write(string.format(
    'RESULT {"requests":%d,"seconds":%.3f,"p50_ms":%.3f,"p99_ms":%.3f,"wrong":%d,"errors":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000,
    latency:percentile(99) / 1000, wrong,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
