package demo

// ShellAt is RealShell with another program.
var ShellAt = shellAt
