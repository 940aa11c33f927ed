'use strict';

// Checks arguments, once, before anything else happens.

const { outOfRange, wrongType, wrongValue } = require('./errors.cjs');

const MAX_INT = 2 ** 31 - 1;

/** The maximum number of descriptors in one message. */
const MAX_FDS = 253;

function checkInteger(value, name, min, max) {
  if (typeof value !== 'number') throw wrongType(name, 'of type number', value);
  if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value);
  if (value < min || value > max) throw outOfRange(name, `>= ${min} and <= ${max}`, value);
  return value;
}

/** Checks that a value could be a descriptor. Does not check that it is open. */
function checkFd(value, name = 'fd') {
  return checkInteger(value, name, 0, MAX_INT);
}

function checkBoolean(value, name) {
  if (typeof value !== 'boolean') throw wrongType(name, 'of type boolean', value);
  return value;
}

function checkString(value, name) {
  if (typeof value !== 'string') throw wrongType(name, 'of type string', value);
  return value;
}

function checkFunction(value, name) {
  if (typeof value !== 'function') throw wrongType(name, 'of type function', value);
  return value;
}

/** Checks an options object. Options are optional. */
function checkOptions(value, name = 'options') {
  if (value === undefined) return {};
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw wrongType(name, 'of type object', value);
  return value;
}

/** Returns the index of a word in a list of allowed words. */
function checkWord(value, name, words) {
  const place = words.indexOf(value);
  if (place < 0) throw wrongValue(name, value, `must be one of: ${words.map((word) => `'${word}'`).join(', ')}`);
  return place;
}

/** Copies a list's items into a new array, because the given one may be a subclass or a Proxy. */
function checkList(value, name, max) {
  if (!Array.isArray(value)) throw wrongType(name, 'an instance of Array', value);
  if (value.length > max) throw outOfRange(`${name}.length`, `<= ${max}`, value.length);
  return Array.from({ length: value.length }, (_, i) => value[i]);
}

/** Checks the address of a Unix socket. An address that begins with a zero byte is an abstract name. */
function checkPath(value, name = 'path') {
  checkString(value, name);
  if (value === '') throw wrongValue(name, value, 'must not be empty');
  if (value.includes('\0', 1)) throw wrongValue(name, value, 'must not contain null bytes after the first character');
  return Buffer.from(value);
}

module.exports = {
  MAX_FDS,
  MAX_INT,
  checkBoolean,
  checkFd,
  checkFunction,
  checkInteger,
  checkList,
  checkOptions,
  checkPath,
  checkString,
  checkWord,
};
