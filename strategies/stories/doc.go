// Package stories plays the ways of granting under the Keeper, and has no code
// but its tests:
//
//	plan --> grant --> Keeper --> way --SDK in memory--> awstest
//	                     |
//	                   store in memory
//
// It tells what one way alone cannot show: who else was in AWS meanwhile, what
// an answer that was lost leads to, and that a process may end at any step.
// Time passes by itself, as soon as nothing else can happen, so that no test
// waits.
package stories
