// As in the documentation of Apollo Server.
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';

const typeDefs = `#graphql
  type Query {
    pid: Int
  }
`;

const resolvers = { Query: { pid: () => process.pid } };
const plugin = {
  async serverWillStart() {
    return { drainServer: async () => console.log('draining'), serverWillStop: async () => console.log('stopping') };
  },
};

const server = new ApolloServer({ typeDefs, resolvers, plugins: [plugin] });
const { url } = await startStandaloneServer(server, { listen: { port: 0, host: '127.0.0.1' } });
console.log(`port ${new URL(url).port}`);
