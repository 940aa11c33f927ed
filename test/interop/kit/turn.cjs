'use strict';

/**
 * The scenarios whose turn it is: CROSSFORK_TURN=2/5 is the second of every five. Of a shorter file it is one of them, so
 * that every runtime runs something of every file. Without the variable it is all of them.
 * @template Scenario
 * @param {Scenario[]} scenarios
 * @returns {Scenario[]}
 */
function inTurn(scenarios, turn = process.env.CROSSFORK_TURN) {
  if (!turn || scenarios.length === 0) return scenarios;
  const [place, count] = turn.split('/').map(Number);
  const own = scenarios.filter((_, i) => i % count === place - 1);
  return own.length > 0 ? own : [scenarios[(place - 1) % scenarios.length]];
}

module.exports = { inTurn };
