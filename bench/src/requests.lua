-- Asks for paths at random, from a file with one path a line, and prints what came of it as JSON.

local requests = {}

function init(args)
    for path in io.lines(args[1]) do
        requests[#requests + 1] = wrk.format("GET", path)
    end
end

function request()
    return requests[math.random(#requests)]
end

function done(summary, latency, _)
    local e = summary.errors
    io.write(string.format(
        '\n{"requests":%d,"micros":%d,"errors":%d,"refused":%d,"p50":%d,"p99":%d}\n',
        summary.requests, summary.duration, e.connect + e.read + e.write + e.status + e.timeout, e.status,
        latency:percentile(50), latency:percentile(99)
    ))
end
