// `npm run release:check`: checks whether the current commit can be released. Prints all problems.
import { main, releasable } from './project.mjs';

await main(() => {
  const { version, repository } = releasable();
  console.log(`crossfork ${version} of ${repository} can be released.`);
});
