package sigv4

// HMACForTest is the package's own HMAC-SHA256.
var HMACForTest = authenticate
