// As in the documentation of NestJS, with decorators applied by hand, because this file is not compiled.
import 'reflect-metadata';
import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

class CatsController {
  find() {
    return { pid: process.pid };
  }

  beforeApplicationShutdown(signal) {
    console.log(`before shutdown: ${signal}`);
  }

  onApplicationShutdown(signal) {
    console.log(`shutdown: ${signal}`);
  }
}
Get()(CatsController.prototype, 'find', Object.getOwnPropertyDescriptor(CatsController.prototype, 'find'));
Controller()(CatsController);

class AppModule {}
Module({ controllers: [CatsController] })(AppModule);

const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
app.enableShutdownHooks();
await app.listen(0, '127.0.0.1');
console.log(`port ${new URL(await app.getUrl()).port}`);
