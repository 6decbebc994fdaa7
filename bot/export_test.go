package bot

// Typed is typed, for tests.
var Typed = typed
