// `npm run release:check`: whether what is checked out can be released. Says all that is missing.
import { main, releasable } from './project.mjs';

await main(() => {
  const { version, repository } = releasable();
  console.log(`crossfork ${version} of ${repository} can be released.`);
});
