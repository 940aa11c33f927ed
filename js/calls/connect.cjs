'use strict';

const { checkBoolean, checkInteger, checkOptions, MAX_INT } = require('../checks.cjs');
const { wrongType } = require('../errors.cjs');
const { methodsOf } = require('./methods.cjs');
const { Peer } = require('./peer.cjs');

/** How many items are collected for a caller that does not want a stream. */
const MOST_COLLECTED = 65_536;

/** How a side answers calls, checked. */
function settingsOf(methods, options) {
  const {
    concurrency = Number.POSITIVE_INFINITY,
    ordered = false,
    stacks = true,
    maxCollected = MOST_COLLECTED,
  } = options;
  return {
    methods: methodsOf(methods),
    concurrency: checkConcurrency(concurrency, 'options.concurrency'),
    ordered: checkBoolean(ordered, 'options.ordered'),
    stacks: checkBoolean(stacks, 'options.stacks'),
    maxCollected: checkInteger(maxCollected, 'options.maxCollected', 1, MAX_INT),
  };
}

function checkConcurrency(value, name) {
  return value === Number.POSITIVE_INFINITY ? value : checkInteger(value, name, 1, MAX_INT);
}

/** Calls over the channel of a process that was forked, or of this one. */
function connectCalls(target, options) {
  const { methods = {}, ...settings } = checkOptions(options);
  return new Peer(processOf(target), settingsOf(methods, settings));
}

/** A worker of a cluster has its process inside. */
function processOf(target) {
  const found = typeof target?.process?.send === 'function' ? target.process : target;
  if (typeof found?.send !== 'function' || typeof found.on !== 'function') {
    throw wrongType('target', 'a process with a channel: one that was forked, or this one if it was', target);
  }
  return found;
}

module.exports = { checkConcurrency, connectCalls, settingsOf };
