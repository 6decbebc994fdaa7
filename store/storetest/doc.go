// Package storetest is the suite that every store passes, so that the Desk
// and the Keeper behave the same on each of them.
//
// Run checks what access.Store promises: versions that are compared and never
// used twice, commits that happen whole or not at all, listings in order whose
// pages stand still under concurrent change, chains of events, leadership, and
// that all of it is there again when the store is opened anew. Run it with
// -race: a part of it has many writers and readers at once.
//
// Hooked puts a failure before or after a commit, for tests that stop a
// program at every step.
//
// The package checks no speed, and nothing that one kind of store has and
// another has not.
package storetest
