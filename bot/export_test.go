package bot

// Typed is typed, for tests.
var Typed = typed

// SpokenMachines is what a form says of machines.
var SpokenMachines = spokenMachines
