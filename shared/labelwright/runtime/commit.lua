#!lua name=labelwright_VERSION
-- The server's side of Labelwright: commits a batch of decisions atomically. Protocol and order of checks:
-- docs/decisions/0002-one-function-commits-a-batch.md. Nothing is written before everything that could fail was checked.

local MOST_BYTES, MOST_COMMANDS, MOST_ARGUMENTS = 1048576, 4000, 200
local REPLY_LIVES_MS = 60000
local call -- redis.call does not exist while the library is loaded

local function now_ms()
  local time = call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- only what the server reads as a number: it takes no '-0' and no '007' for whole ones, and no decimal beyond doubles
local function is_integer(text)
  return #text <= 16 and (text == '0' or string.match(text, '^%-?[1-9]%d*$') ~= nil)
end
local function is_decimal(text)
  return #text <= 320 and string.match(text, '^%-?%d+%.?%d*$') ~= nil and math.abs(tonumber(text)) < math.huge
end
local function is_countable(value)
  return not value or (is_integer(value) and math.abs(tonumber(value)) <= 4503599627370496)
end

local function always() return true end
local function field_may_hold_integer(key, field, written)
  return is_countable(call('HGET', key, field)) and not written[key .. '\0' .. field]
end

-- letter of the key, number of arguments, a check of the arguments against the data and against what the plan writes
-- before, when it holds, and the command that looks
local GUARDS = {
  HEQ = { 'h', 2, always, function(key, a) return call('HGET', key, a[1]) == a[2] end, 'HGET' },
  VER = { 'h', 2, function(_, a) return is_integer(a[2]) end, function(key, a)
    local value = call('HGET', key, a[1])
    return (value and string.match(value, '^(%d+)|') or (value and '' or '0')) == a[2]
  end, 'HGET' },
  HHAS = { 'h', 1, always, function(key, a) return call('HEXISTS', key, a[1]) == 1 end, 'HEXISTS' },
  HLACKS = { 'h', 1, always, function(key, a) return call('HEXISTS', key, a[1]) == 0 end, 'HEXISTS' },
  EXISTS = { '*', 0, always, function(key) return call('EXISTS', key) == 1 end, 'EXISTS' },
  ABSENT = { '*', 0, always, function(key) return call('EXISTS', key) == 0 end, 'EXISTS' },
  SHAS = { 'S', 1, always, function(key, a) return call('SISMEMBER', key, a[1]) == 1 end, 'SISMEMBER' },
  SLACKS = { 'S', 1, always, function(key, a) return call('SISMEMBER', key, a[1]) == 0 end, 'SISMEMBER' },
  ZHAS = { 'z', 1, always, function(key, a) return call('ZSCORE', key, a[1]) ~= false end, 'ZSCORE' },
  ZLACKS = { 'z', 1, always, function(key, a) return not call('ZSCORE', key, a[1]) end, 'ZSCORE' },
  ZEQ = { 'z', 2, function(_, a) return is_decimal(a[2]) end, function(key, a)
    local score = call('ZSCORE', key, a[1])
    return score ~= false and tonumber(type(score) == 'table' and score.double or score) == tonumber(a[2])
  end, 'ZSCORE' },
  ZDUE = { 'z', 2, function(_, a) return is_decimal(a[2]) end, function(key, a)
    local score = call('ZSCORE', key, a[1])
    return score ~= false and tonumber(type(score) == 'table' and score.double or score) <= tonumber(a[2])
  end, 'ZSCORE' },
  KEQ = { 'k', 1, always, function(key, a) return call('GET', key) == a[1] end, 'GET' },
  BELOW = { 'h', 3, function(key, a, written)
    return is_integer(a[2]) and is_integer(a[3]) and field_may_hold_integer(key, a[1], written)
  end, function(key, a)
    return tonumber(call('HGET', key, a[1]) or '0') + tonumber(a[2]) <= tonumber(a[3])
  end, 'HGET' },
}

local function pairs_of_scores(_, a)
  for i = 1, #a, 2 do if not is_decimal(a[i]) then return false end end
  return #a % 2 == 0
end

-- letter, least and most arguments, check of the arguments against the data and against what the plan writes before
local WRITES = {
  XADD = { 's', 1, 1, always },
  REPLY = { 's', 1, 1, always },
  HSET = { 'h', 2, MOST_ARGUMENTS, function(key, a, written)
    for i = 1, #a - 1, 2 do
      if not is_countable(a[i + 1]) then written[key .. '\0' .. a[i]] = true end
    end
    return #a % 2 == 0
  end },
  HDEL = { 'h', 1, MOST_ARGUMENTS, always },
  HINCRBY = { 'h', 2, 2, function(key, a, written)
    return is_integer(a[2]) and math.abs(tonumber(a[2])) <= 1e12 and field_may_hold_integer(key, a[1], written)
  end },
  SADD = { 'S', 1, MOST_ARGUMENTS, always },
  SREM = { 'S', 1, MOST_ARGUMENTS, always },
  ZADD = { 'z', 2, MOST_ARGUMENTS, pairs_of_scores },
  ZREM = { 'z', 1, MOST_ARGUMENTS, always },
  SET = { 'k', 1, 1, always },
  DEL = { '*', 0, 0, always },
  PEXPIREAT = { '*', 1, 1, function(_, a) return is_integer(a[1]) and tonumber(a[1]) >= 0 end },
}

-- what a check of permissions needs to see behind the key where '0' '0' '0' would mean an id or more keys
local SHAPES = { XADD = { '*', 'event', '' }, DEL = {}, EXISTS = {} }

local TYPES = { s = 'stream', h = 'hash', z = 'zset', S = 'set', k = 'string' }

local function wrong(what, at) return nil, 'PLAN ' .. what .. ' at ' .. tostring(at) end

local function check_keys(keys, types)
  if #types ~= #keys then return wrong('types', #types) end
  local letters = {}
  for i, key in ipairs(keys) do
    local letter = string.sub(types, i, i)
    if letter ~= '*' then
      if (letters[key] or letter) ~= letter then return wrong('key type', i) end
      letters[key] = letter
      local actual = call('TYPE', key)['ok']
      if actual ~= 'none' and actual ~= TYPES[letter] then return wrong('key type', i) end
      if letter == 's' and actual == 'stream' then
        local info = call('XINFO', 'STREAM', key)
        for j = 1, #info, 2 do
          if info[j] == 'last-generated-id' and string.match(info[j + 1], '^18446744073709551615%-') then
            return wrong('stream is full', i)
          end
        end
      end
    end
  end
  return true
end

-- Turns the flat plan into entries of { stream, id, guards, effects }, checking all that could fail.
local function parse(keys, types, plan)
  local at, commands, permitted, written = 1, 0, {}, {}

  local function take(kind)
    local value = plan[at]
    at = at + 1
    if type(value) == kind then return value end
  end
  local function may(command, key)
    local pair = command .. '\0' .. key
    if permitted[pair] == nil then
      permitted[pair] = redis.acl_check_cmd(command, key, unpack(SHAPES[command] or { '0', '0', '0' }))
    end
    return permitted[pair]
  end
  local function steps(count, table, guards)
    local found = {}
    for _ = 1, count do
      commands = commands + 1
      local name, number = take('string'), take('number')
      local kind = name and table[name]
      if not kind then return wrong('unknown command', at) end
      local key, letter = keys[number or 0], string.sub(types, number or 0, number or 0)
      if not key then return wrong('key number', at) end
      if kind[1] ~= '*' and kind[1] ~= letter then return wrong('key letter', at) end
      local many = kind[2]
      if not guards then
        many = take('number')
        if not many or many < kind[2] or many > kind[3] then return wrong('argument count', at) end
      end
      local allowed
      if guards then
        allowed = may(kind[5], key)
      elseif name == 'REPLY' then
        allowed = may('XADD', key) and may('PEXPIREAT', key)
      else
        allowed = may(name, key)
      end
      if not allowed then return wrong('permission', at) end
      local arguments = {}
      for i = 1, many do
        arguments[i] = take('string')
        if not arguments[i] then return wrong('argument', at) end
      end
      if not kind[guards and 3 or 4](key, arguments, written) then return wrong('argument', at) end
      found[#found + 1] = { name, key, arguments, kind }
    end
    return found
  end

  if not may('XADD', keys[#keys]) then return wrong('permission', 0) end
  local entries = {}
  while at <= #plan do
    local entry, problem = {}, nil
    local number, id, guards = take('number'), take('string'), take('number')
    if not (number and id and guards) then return wrong('entry', at) end
    if number > 0 then
      entry.stream, entry.id = keys[number], id
      if not entry.stream or string.sub(types, number, number) ~= 's' then return wrong('stream', at) end
      if not may('XACK', entry.stream) then return wrong('permission', at) end
    end
    entry.guards, problem = steps(guards, GUARDS, true)
    if not entry.guards then return nil, problem end
    local effects = take('number')
    if not effects then return wrong('entry', at) end
    entry.effects, problem = steps(effects, WRITES, false)
    if not entry.effects then return nil, problem end
    if commands > MOST_COMMANDS then return wrong('too many commands', commands) end
    entries[#entries + 1] = entry
  end
  return entries
end

-- Sets `mine` where an entry is still this consumer's: one look at each stream, and one more at what it didn't show.
local function look_whose(entries, group, consumer)
  local spans, owned = {}, {}
  for _, entry in ipairs(entries) do
    local span = spans[entry.stream or ''] or { first = entry.id, count = 0 }
    span.last, span.count = entry.id, span.count + 1
    spans[entry.stream or ''] = span
  end
  spans[''] = nil
  for stream, span in pairs(spans) do
    for _, row in ipairs(call('XPENDING', stream, group, span.first, span.last, span.count, consumer)) do
      owned[stream .. row[1]] = row[2] == consumer
    end
  end
  for _, entry in ipairs(entries) do
    if entry.stream then
      local holder = owned[entry.stream .. entry.id] and consumer
      if not holder then
        local row = call('XPENDING', entry.stream, group, entry.id, entry.id, 1)[1]
        holder = row and row[2]
      end
      entry.mine = holder == consumer
    end
  end
end

local function first_failed(guards, doubtful)
  for i, guard in ipairs(guards) do
    local about = guard[3][1] and guard[2] .. '\0' .. guard[3][1]
    if (about and doubtful[about]) or not guard[4][4](guard[2], guard[3]) then return i end
  end
  return 0
end

-- Where fields and members stand among a command's arguments, if they aren't all of them: the first, and the step.
local NAMES = { HSET = { 1, 2 }, HINCRBY = { 1, 2 }, ZADD = { 2, 2 } }

-- Later entries of a batch were decided as if this one had been committed: no guard of theirs on what it would have
-- written can hold, not even if another consumer has just made the very version that they expect.
local function doubt(effects, doubtful)
  for _, effect in ipairs(effects) do
    local first, step = unpack(NAMES[effect[1]] or { 1, 1 })
    for i = first, #effect[3], step do doubtful[effect[2] .. '\0' .. effect[3][i]] = true end
  end
end

local MAKES_ANEW = { HDEL = true, SREM = true, ZREM = true, DEL = true, SET = true }

-- `vanishing` holds when keys vanish as this call has set it: the many entries of a batch set it of the same few keys.
local function run(effects, log, vanishing)
  for _, effect in ipairs(effects) do
    local name, key, arguments = effect[1], effect[2], effect[3]
    if name == 'XADD' or name == 'REPLY' then
      call('XADD', key, '*', 'event', arguments[1])
      if name == 'REPLY' then call('PEXPIREAT', key, string.format('%.0f', now_ms() + REPLY_LIVES_MS)) end
    elseif name ~= 'PEXPIREAT' or vanishing[key] ~= arguments[1] then
      call(name, key, unpack(arguments))
      log[#log + 1] = { name, key, unpack(arguments) }
      if name == 'PEXPIREAT' and call('EXISTS', key) == 1 then vanishing[key] = arguments[1] end
      if MAKES_ANEW[name] then vanishing[key] = nil end -- a key that was emptied and filled again has no end
    end
  end
end

-- The last key is `changes`: what was acknowledged and written there, in order, makes the tables anew from nothing.
local function keep(changes, group, acknowledged, log)
  if #acknowledged > 0 or #log > 0 then
    call('XADD', changes, '*', 'changes', cmsgpack.pack({ group, acknowledged, log }))
  end
end

-- KEYS: every key once, `changes` last. ARGV: group, consumer, letters of the keys, plan (msgpack, flat).
-- Answers { server time in ms, one number an entry: 1 committed, 0 not ours any more, -n guard n failed }.
local function commit(keys, argv)
  call = redis.call
  local group, consumer, types = argv[1], argv[2], argv[3]
  if #argv[4] > MOST_BYTES then return redis.error_reply('PLAN too large at ' .. #argv[4]) end
  local unpacked, plan = pcall(cmsgpack.unpack, argv[4])
  if not unpacked or type(plan) ~= 'table' then return redis.error_reply('PLAN not msgpack at 0') end
  local fits, problem = check_keys(keys, types)
  if not fits then return redis.error_reply(problem) end
  local entries
  entries, problem = parse(keys, types, plan)
  if not entries then return redis.error_reply(problem) end
  look_whose(entries, group, consumer)

  local answers, acknowledged, log, doubtful, vanishing = { now_ms() }, {}, {}, {}, {}
  for i, entry in ipairs(entries) do
    local answer = 0
    if entry.mine or not entry.stream then
      local failed = first_failed(entry.guards, doubtful)
      if failed > 0 then
        answer = -failed
      elseif not entry.stream or call('XACK', entry.stream, group, entry.id) == 1 then
        answer = 1
        if entry.stream then acknowledged[#acknowledged + 1] = { entry.stream, entry.id } end
        run(entry.effects, log, vanishing)
      end
    end
    if answer ~= 1 then doubt(entry.effects, doubtful) end
    answers[i + 1] = answer
  end
  keep(keys[#keys], group, acknowledged, log)
  return answers
end

-- Counts a failed decision of one entry; at the limit moves it to `dead`.
-- KEYS: stream, attempts, dead, changes. ARGV: group, consumer, id, limit, dead event.
-- Answers the number of attempts, 0 when the entry isn't ours, -1 when it went to `dead`.
local function fail(keys, argv)
  call = redis.call
  local fits, problem = check_keys(keys, 'shss')
  if not fits then return redis.error_reply(problem) end
  local pending = call('XPENDING', keys[1], argv[1], argv[3], argv[3], 1)
  if pending[1] == nil or pending[1][2] ~= argv[2] then return 0 end
  local field = keys[1] .. ' ' .. argv[3]
  local attempts = call('HINCRBY', keys[2], field, 1)
  if attempts < tonumber(argv[4]) then return attempts end
  call('XADD', keys[3], '*', 'event', argv[5]) -- first of all: should the server refuse it, nothing is lost
  call('XACK', keys[1], argv[1], argv[3])
  call('HDEL', keys[2], field)
  keep(keys[4], argv[1], { { keys[1], argv[3] } }, {})
  return -1
end

-- Strikes a clock: the first caller in a slot wins.
-- KEYS: clock, ticks stream. ARGV: name, period in ms, slot, event before the count of missed slots, event after it.
local function tick(keys, argv)
  call = redis.call
  local fits, problem = check_keys(keys, 'hs')
  if not fits then return redis.error_reply(problem) end
  local slot = tonumber(argv[3])
  if slot ~= math.floor(now_ms() / tonumber(argv[2])) then return 0 end
  local last = tonumber(call('HGET', keys[1], argv[1]) or slot - 1)
  if slot <= last then return 0 end
  call('HSET', keys[1], argv[1], string.format('%.0f', slot))
  call('XADD', keys[2], '*', 'event', argv[4] .. string.format('%.0f', slot - last - 1) .. argv[5])
  return 1
end

-- Takes feedback in: rate limit (GCRA), once per id, and the write, in one call.
-- KEYS: rate, feedback, changes, then the registers of received ids, newest first.
-- ARGV: microseconds an event, burst in events, when the newest register vanishes (ms), then per event: field,
-- fingerprint, event. Answers { ms to wait before asking again, events left, per event: 1 taken, 2 seen before,
-- 3 seen before with other content, 0 over the rate }.
local function publish(keys, argv)
  call = redis.call
  local fits, problem = check_keys(keys, 'kss' .. string.rep('h', #keys - 3))
  if not fits then return redis.error_reply(problem) end
  local time = call('TIME')
  local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
  local interval, burst = tonumber(argv[1]), tonumber(argv[2])
  local due = math.max(tonumber(call('GET', keys[1]) or '0'), now)
  local answers, log, wait = { 0, 0 }, {}, 0
  local ms = string.format('%.0f', math.floor(now / 1000))
  for i = 4, #argv, 3 do
    local field, fingerprint, event = argv[i], argv[i + 1], argv[i + 2]
    local known
    for k = 4, #keys do known = known or call('HGET', keys[k], field) end
    local answer
    if known then
      answer = string.match(known, '|(.*)$') == fingerprint and 2 or 3
    elseif due + interval - now > burst * interval then
      answer, wait = 0, due + interval - now - burst * interval
    else
      due, answer = due + interval, 1
      call('HSET', keys[4], field, ms .. '|' .. fingerprint)
      call('XADD', keys[2], '*', 'event', event)
      log[#log + 1] = { 'HSET', keys[4], field, ms .. '|' .. fingerprint }
    end
    answers[#answers + 1] = answer
  end
  -- written even where nothing was taken: WAIT counts from its connection's last write, and a duplicate must be kept, too
  call('SET', keys[1], string.format('%.0f', due), 'PX', math.ceil((due - now) / 1000) + 1)
  if #log > 0 then
    call('PEXPIREAT', keys[4], argv[3])
    log[#log + 1] = { 'PEXPIREAT', keys[4], argv[3] }
    keep(keys[3], 'gateway', {}, log)
  end
  answers[1] = math.ceil(wait / 1000)
  answers[2] = math.max(0, math.floor((now + burst * interval - due) / interval))
  return answers
end

-- Puts a dead letter's event back on its stream, once. KEYS: replayed letters, stream, changes. ARGV: letter, event.
local function replay(keys, argv)
  call = redis.call
  local fits, problem = check_keys(keys, 'Sss')
  if not fits then return redis.error_reply(problem) end
  if call('SADD', keys[1], argv[1]) == 0 then return 0 end
  call('XADD', keys[2], '*', 'event', argv[2])
  keep(keys[3], 'dead', {}, { { 'SADD', keys[1], argv[1] } })
  return 1
end

-- Takes a dead letter away for good: nobody reads `dead` through a group, so nothing loses count of it.
-- KEYS: dead, replayed letters, changes. ARGV: letter. Answers how many were taken away.
local function bury(keys, argv)
  call = redis.call
  local fits, problem = check_keys(keys, 'sSs')
  if not fits then return redis.error_reply(problem) end
  local gone = call('XDEL', keys[1], argv[1])
  if gone == 1 and call('SREM', keys[2], argv[1]) == 1 then
    keep(keys[3], 'dead', {}, { { 'SREM', keys[2], argv[1] } })
  end
  return gone
end

-- Deletes a consumer that owns nothing. KEYS: streams. ARGV: group, consumer. Answers how many were deleted.
local function leave(keys, argv)
  call = redis.call
  local left = 0
  for _, key in ipairs(keys) do
    if #call('XPENDING', key, argv[1], '-', '+', 1, argv[2]) == 0 then
      call('XGROUP', 'DELCONSUMER', key, argv[1], argv[2])
      left = left + 1
    end
  end
  return left
end

local function before(a, b)
  local a_ms, a_seq = string.match(a, '^(%d+)%-(%d+)$')
  local b_ms, b_seq = string.match(b, '^(%d+)%-(%d+)$')
  if a_ms ~= b_ms then return tonumber(a_ms) < tonumber(b_ms) end
  return tonumber(a_seq) < tonumber(b_seq)
end

local function as_map(list)
  local map = {}
  for i = 1, #list, 2 do map[list[i]] = list[i + 1] end
  return map
end

local function behind(id)
  local ms, seq = string.match(id, '^(%d+)%-(%d+)$')
  return ms .. '-' .. string.format('%.0f', tonumber(seq) + 1)
end

-- Trims a stream below what the ledger covers and what any group still needs; may run out of memory's reach.
-- KEYS: stream. ARGV: last id that the ledger covers, most entries to trim, then the groups that must be there: before
-- a reader first started, all is still to be read. Answers how many were trimmed. Whole nodes of the stream go, and
-- what was read last stays; where the most is 0, every single entry goes that nobody needs.
local function trim(keys, argv)
  call = redis.call
  if call('EXISTS', keys[1]) == 0 then return 0 end
  local is_exact = argv[2] == '0'
  local function past(id) return is_exact and behind(id) or id end
  local bound, missing = past(argv[1]), {}
  for i = 3, #argv do missing[argv[i]] = true end
  for _, raw in ipairs(call('XINFO', 'GROUPS', keys[1])) do
    local group = as_map(raw)
    local pending = call('XPENDING', keys[1], group['name'])
    local needed = pending[1] > 0 and pending[2] or past(group['last-delivered-id'])
    if before(needed, bound) then bound = needed end
    missing[group['name']] = nil
  end
  if next(missing) then return 0 end
  if is_exact then return call('XTRIM', keys[1], 'MINID', '=', bound) end
  return call('XTRIM', keys[1], 'MINID', '~', bound, 'LIMIT', argv[2])
end

-- KEYS: ranking, seen. ARGV: how many. Answers members and scores, flat.
local function first_outside(keys, argv)
  call = redis.call
  local wanted, found = tonumber(argv[1]), {}
  for start = 0, 9900, 100 do
    local members = call('ZRANGE', keys[1], start, start + 99, 'WITHSCORES')
    for i = 1, #members, 2 do
      if call('SISMEMBER', keys[2], string.match(members[i], '^[^.]*')) == 0 then
        found[#found + 1] = members[i]
        found[#found + 1] = members[i + 1]
        if #found == 2 * wanted then return found end
      end
    end
    if #members < 200 then break end
  end
  return found
end

-- Answers many reads at one moment. KEYS: every key once. ARGV: the reads (msgpack, flat), each its command (or a function
-- above), how many keys and their numbers, how many arguments and the arguments. Answers one answer a read.
local function ask(keys, argv)
  call = redis.call
  local plan, at, answers = cmsgpack.unpack(argv[1]), 1, {}
  local function several()
    local first = at + 1
    at = first + plan[at]
    return { unpack(plan, first, at - 1) }
  end
  while at <= #plan do
    local name = plan[at]
    at = at + 1
    local named = several()
    for i, number in ipairs(named) do named[i] = keys[number] end
    local arguments = several()
    if name == 'first_outside' then
      answers[#answers + 1] = first_outside(named, arguments)
    else
      answers[#answers + 1] = call(name, named[1], unpack(arguments))
    end
  end
  return answers
end

redis.register_function('labelwright_VERSION_commit', commit)
redis.register_function('labelwright_VERSION_fail', fail)
redis.register_function('labelwright_VERSION_tick', tick)
redis.register_function('labelwright_VERSION_publish', publish)
redis.register_function('labelwright_VERSION_replay', replay)
redis.register_function('labelwright_VERSION_bury', bury)
redis.register_function('labelwright_VERSION_leave', leave)
redis.register_function { function_name = 'labelwright_VERSION_trim', callback = trim, flags = { 'allow-oom' } }
redis.register_function {
  function_name = 'labelwright_VERSION_first_outside', callback = first_outside, flags = { 'no-writes' },
}
redis.register_function { function_name = 'labelwright_VERSION_ask', callback = ask, flags = { 'no-writes' } }
