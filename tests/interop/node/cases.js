'use strict';
// The Node client ali-ons against a server: node cases.js NAMESRV BROKER PROGRAMS [CASES-REGEX]. A line for each
// case on standard output: "ok - NAME (node)" or "not ok - NAME (node): REASON". All run at once, since they wait.

const assert = require('assert');
const { spawnSync } = require('child_process');
const path = require('path');
const { Consumer, Message, Producer } = require('ali-ons');

const [namesrv, broker, programs, chosen] = process.argv.slice(2);
const run = Date.now().toString(36);
const caseTimeoutMs = 60000;
const silent = { debug() {}, info() {}, warn() {}, error() {} };
let counter = 0;

function program(name, args, input) {
  const ended = spawnSync(path.join(programs, name, name), args, { input, encoding: 'utf8', timeout: 30000 });
  assert.strictEqual(ended.status, 0, `${name} ended with status ${ended.status}: ${ended.stderr}`);
  return ended.stdout;
}

/** What a case uses: names of its own, and clients that end with it. */
class Context {
  constructor() {
    this.name = `${run}_n${++counter}`;
    this.topic = `T_${this.name}`;
    this.group = `G_${this.name}`;
    this.open = [];
    program('mqadmin', ['updateTopic', '-n', namesrv, '-b', broker, '-t', this.topic, '-r', '4', '-w', '4']);
  }

  options(more) {
    return {
      httpclient: {}, // only for finding name servers, which nameSrv does
      nameSrv: [namesrv],
      instanceName: `${this.name}-${++counter}`, // clients of one name share a connection and an id
      pollNameServerInteval: 1000,
      heartbeatBrokerInterval: 1000,
      rebalanceInterval: 1000,
      logger: silent,
      ...more,
    };
  }

  async producer() {
    const producer = new Producer(this.options({ producerGroup: `P_${this.group}` }));
    producer.on('error', () => {});
    this.open.push(producer);
    await producer.ready();
    return producer;
  }

  /** `handler` gets each message, synchronously; what it returns goes to the client. */
  async consumer(expression, handler) {
    const consumer = new Consumer(this.options({
      consumerGroup: this.group,
      consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
    }));
    consumer.on('error', () => {});
    this.open.push(consumer);
    consumer.subscribe(this.topic, expression, async message => handler(message));
    await consumer.ready();
    return consumer;
  }

  async inbox(expression = '*') {
    const messages = [];
    await this.consumer(expression, message => { messages.push(message); });
    return messages;
  }

  async send(texts, change = () => {}) {
    const producer = await this.producer();
    for (const text of texts) {
      const message = new Message(this.topic, null, text);
      change(message, text);
      const sent = await producer.send(message);
      assert.strictEqual(sent.sendStatus, 'SEND_OK');
    }
  }

  async close() {
    for (const client of this.open.reverse()) await client.close();
  }
}

async function until(what, condition) {
  const deadline = Date.now() + 40000;
  while (!condition()) {
    assert(Date.now() < deadline, `not within 40 s: ${what}`);
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}

const numbered = count => Array.from({ length: count }, (_, i) => `m-${i}`);
const texts = messages => messages.map(message => message.body.toString()).sort();

const cases = {
  async 'a Node send reaches a Node consumer with its keys, tag and properties'(context) {
    const inbox = await context.inbox();
    await context.send(['Grüße, 世界 🚀'], message => {
      message.tags = 'Tag';
      message.keys = ['k1', 'k2'];
      message.properties.colour = 'blue';
    });
    await until('the message', () => inbox.length === 1);
    const [message] = inbox;
    assert.strictEqual(message.body.toString(), 'Grüße, 世界 🚀');
    assert.strictEqual(message.tags, 'Tag');
    assert.strictEqual(message.keys, 'k1 k2');
    assert.strictEqual(message.properties.colour, 'blue');
  },
  async 'a Node consumer gets the tags that it asked for and no other'(context) {
    const inbox = await context.inbox('A || B');
    const all = ['A1', 'B1', 'C1', 'A2', 'AB1', 'B2'];
    await context.send(all, (message, text) => { message.tags = text.slice(0, -1); });
    await until('four messages', () => inbox.length === 4);
    assert.deepStrictEqual(texts(inbox), ['A1', 'A2', 'B1', 'B2']);
  },
  async 'a Node consumer gets what its SQL92 selector lets through'(context) {
    const inbox = await context.inbox({ expressionType: 'SQL92', subString: 'a > 5 OR last IS NOT NULL' });
    await context.send(['1', '7', 'last'], (message, text) => { message.properties[text === 'last' ? text : 'a'] = text; });
    await until('two messages', () => inbox.length === 2);
    assert.deepStrictEqual(texts(inbox), ['7', 'last']);
  },
  async 'two Node consumers share a group and get everything once'(context) {
    const inboxes = [[], []];
    const members = [];
    for (const inbox of inboxes) members.push(await context.consumer('*', message => { inbox.push(message); }));
    const queues = member => [...member.processQueueTable.values()]
      .filter(({ messageQueue, processQueue }) => messageQueue.topic === context.topic && !processQueue.droped).length;
    await until('each has two queues', () => members.every(member => queues(member) === 2));
    await context.send(numbered(100));
    await until('all', () => inboxes[0].length + inboxes[1].length >= 100);
    assert.deepStrictEqual(texts(inboxes.flat()), numbered(100).sort());
    assert(inboxes.every(inbox => inbox.length > 0), 'one of the two got nothing');
  },
  async 'a message that a Node consumer fails comes again'(context) {
    const seen = [];
    await context.consumer('*', message => {
      seen.push(`${message.body}/${message.reconsumeTimes}`);
      return message.reconsumeTimes === 0 ? Consumer.ACTION_RETRY : undefined;
    });
    await context.send(['again']);
    await until('the second delivery', () => seen.length >= 2);
    assert.deepStrictEqual(seen, ['again/0', 'again/1']);
  },
  async 'a Node group goes on where it stopped'(context) {
    const first = [];
    const consumer = await context.consumer('*', message => { first.push(message); });
    await context.send(numbered(20));
    await until('all', () => first.length === 20);
    await consumer.close(); // commits
    context.open.splice(context.open.indexOf(consumer), 1);
    await context.send(['later']);
    const second = await context.inbox();
    await until('what came later', () => second.length >= 1);
    assert.deepStrictEqual(texts(second), ['later']);
  },
  async 'what a Node client sends, mqpull prints'(context) {
    await context.send(['for mqpull'], message => { message.tags = 'Tag'; message.keys = ['k']; });
    const line = program('mqpull', ['-n', namesrv, '-t', context.topic, '--from', 'beginning', '-e', '--out', 'json']);
    const record = JSON.parse(line);
    assert.strictEqual(record.body, 'for mqpull');
    assert.deepStrictEqual(record.keys, ['k']);
    assert.strictEqual(record.tags, 'Tag');
  },
  async 'what mqsend sends, a Node consumer gets'(context) {
    const inbox = await context.inbox();
    program('mqsend', ['-q', '-n', namesrv, '-t', context.topic, '--tag', 'Tag', '--key', 'k'], numbered(50).join('\n') + '\n');
    await until('all', () => inbox.length >= 50);
    assert.deepStrictEqual(texts(inbox), numbered(50).sort());
    assert.strictEqual(inbox[0].tags, 'Tag');
    assert.strictEqual(inbox[0].keys, 'k');
  },
};

async function one(name, body) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`not done within ${caseTimeoutMs / 1000} s`)), caseTimeoutMs);
  });
  let context;
  try {
    context = new Context();
    await Promise.race([body(context), late]);
    return `ok - ${name} (node)`;
  } catch (error) {
    return `not ok - ${name} (node): ${String(error.message).replace(/\n/g, '\\n').slice(0, 400)}`;
  } finally {
    clearTimeout(timer);
    if (context) await context.close().catch(() => {});
  }
}

(async () => {
  const wanted = Object.entries(cases).filter(([name]) => new RegExp(chosen || '').test(`${name} (node)`));
  const lines = await Promise.all(wanted.map(([name, body]) => one(name, body)));
  for (const line of lines) console.log(line);
  process.exit(lines.every(line => line.startsWith('ok')) ? 0 : 1);
})();
