// Package strategytest is the suite that every way of granting runs, and a
// reference way in memory that passes it.
//
// The suite promises that a way which passes can be driven by the Keeper: that
// apply, observe and remove can be repeated in any order, that what is there is
// told from what is running and what is ours from what is not, that an answer
// that was lost is found again, however late its operation ends, and that each
// error says truly whether it had an effect.
//
// RunShells is the same for what ends sessions that people started with what a
// way gave them: that each is told from those of others and of other machines,
// and that what could not be read never counts as none.
//
// Memory and Shells are for tests and stories that have no AWS. They keep the
// ground truth and break in the same ways. The suite refuses to know anything of
// AWS: a way brings its own world, see Rig.
package strategytest
