'use strict';

// Sends a handle and reports its outcome on standard output.

const { create } = require('./handles.cjs');

process.on('disconnect', () => {
  console.log('disconnected');
  process.exit(0);
});

create('dgram.Socket', 'udp4').then(({ handle }) => {
  const sent = () => console.log('sent');
  // Bun has written when it returns, and calls back at the acknowledgement; the others call back when it is written.
  process.send('parting', handle, {}, process.versions.bun ? () => {} : sent);
  if (process.versions.bun) sent();
});
