// Writes all that it can observe to a file, and exits with 7.
const { observe, observeOthers, observeServers } = require('./observe.cjs');

const own = observe();
const servers = observeServers();
observeOthers().then((others) => {
  require('node:fs').writeFileSync(
    `${process.env.OBSERVED}.${process.pid}`,
    JSON.stringify({ own, servers, ...others }),
  );
  process.exit(7);
});
