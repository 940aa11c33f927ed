'use strict';

throw new Error('it never starts');
