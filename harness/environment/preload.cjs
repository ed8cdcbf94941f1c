// Loaded into a Node.js merchant by payquake (NODE_OPTIONS=--require). Node's
// fetch and https know no proxy variables, so connections to other machines are
// led to the gateway here, by name: what the merchant asked for stays the name
// in its TLS greeting, and the gateway answers for it or refuses it.
'use strict';
const net = require('node:net');
const [host, port] = process.env.PAYQUAKE_FRONT.split(':');
const connect = net.Socket.prototype.connect;
const near = (name) => !name || name === 'localhost' || name === '::1' || /^127\./.test(name);

net.Socket.prototype.connect = function (...args) {
  const options = Array.isArray(args[0]) ? args[0][0] : args[0];
  if (options && typeof options === 'object' && !options.path && !near(options.host)) {
    options.servername ??= options.host;
    options.host = host;
    options.port = Number(port);
  }
  return connect.apply(this, args);
};
