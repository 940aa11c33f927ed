'use strict';

// Has a channel and no use for it.
