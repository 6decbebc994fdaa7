// Stands in for DNS that leads a name and all before it to one machine.
"use strict";

const dns = require("node:dns");
const name = process.env.WILDCARD;
const resolve = dns.lookup;

dns.lookup = (host, ...rest) => resolve(host === name || host.endsWith("." + name) ? "127.0.0.1" : host, ...rest);
