const express = require('express');

const app = express();
app.get('/', (_req, res) => res.json({ pid: process.pid }));
app.post('/echo', express.text(), (req, res) => res.send(req.body));
const server = app.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port}`));
