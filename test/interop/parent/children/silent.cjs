'use strict';

// Has a channel and does not use it.
