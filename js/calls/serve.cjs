'use strict';

const { checkFunction, checkOptions } = require('../checks.cjs');
const { coded } = require('../errors.cjs');
const { isError } = require('./remote-error.cjs');
const { settingsOf } = require('./connect.cjs');
const { process, setTimeout } = require('./globals.cjs');
const { Peer } = require('./peer.cjs');

/** A worker of a pool has so long to end once its channel is gone, in milliseconds. Nobody else would end it. */
const AFTER_THE_END = 5000;

/**
 * Answers the parent's calls. `setUp` runs before the first of them, and `tearDown` after the last. Returns the parent, as
 * connectCalls does.
 */
function serve(methods, options) {
  const { setUp, tearDown, ...rest } = checkOptions(options);
  if (setUp !== undefined) checkFunction(setUp, 'options.setUp');
  if (tearDown !== undefined) checkFunction(tearDown, 'options.tearDown');
  const settings = settingsOf(methods, rest);
  if (typeof process.send !== 'function') {
    const why =
      'serve answers the calls of the process that has forked this one, and none has: start it with a Pool or fork';
    throw coded(Error, 'ERR_CALL_NO_CHANNEL', why);
  }
  const peer = new Peer(process, settings);
  const { connection, runner } = Peer.partsOf(peer);
  const offer = { concurrency: rest.concurrency ?? 1, methods: [...settings.methods.keys()] };
  let isOfPool = false;

  const isReady = setUp === undefined ? undefined : begin();
  let ending;
  const end = () => {
    ending ??= (async () => {
      await runner.leave();
      await isReady;
      await tearDown?.();
    })();
    return ending;
  };

  async function begin() {
    runner.close();
    try {
      await setUp();
      runner.open();
      return undefined;
    } catch (error) {
      const problem = isError(error) ? error : new Error(String(error));
      runner.open(problem);
      return problem;
    }
  }

  runner.onHello = async (answer, fail) => {
    isOfPool = true;
    connection.tellsMemory = true;
    const problem = await isReady;
    if (problem === undefined) answer(offer);
    else fail(problem);
  };
  runner.onBye = async () => {
    try {
      await end();
    } finally {
      connection.flush();
      connection.disconnect();
    }
  };
  peer.once('close', () => {
    if (isOfPool) setTimeout(() => process.exit(), AFTER_THE_END).unref();
    end();
  });
  return peer;
}

module.exports = { serve };
